//! Edits to the schema: properties come, change their type and go; customers make objects.

use serde::Deserialize;

use super::{plain_between, property};
use crate::hubspot::model::{
    Account, ObjectDef, Pair, PropertyDef, PropertyOption, PropertyType, Source, Table,
};
use crate::hubspot::write::RowError;

/// A property to be made or changed, as the API and the control handle take it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PropertySpec {
    /// Internal name.
    pub name: String,
    /// What people see; the name when absent.
    pub label: Option<String>,
    /// `string`, `number`, `date`, `datetime`, `enumeration`, `bool`; `string` when absent.
    #[serde(rename = "type")]
    pub kind: Option<PropertyType>,
    /// The usual one for the type when absent.
    pub field_type: Option<String>,
    /// The object's main group when absent.
    pub group_name: Option<String>,
    /// What it means.
    pub description: Option<String>,
    /// Values of an enumeration.
    pub options: Option<Vec<OptionSpec>>,
    /// No two rows may share a value.
    pub has_unique_value: Option<bool>,
    /// Not shown to people.
    pub hidden: Option<bool>,
    /// Money.
    pub show_currency_symbol: Option<bool>,
}

/// A value of an enumeration: an option as on the wire, or just its value.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum OptionSpec {
    /// The value is its own label.
    Value(String),
    /// With everything.
    Full(PropertyOption),
}

impl PropertySpec {
    /// A property of this name and type.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: PropertyType) -> Self {
        Self { name: name.into(), kind: Some(kind), ..Self::default() }
    }

    /// A text property that no two rows may share a value of: rows can be upserted by it.
    #[must_use]
    pub fn key(name: impl Into<String>) -> Self {
        Self { has_unique_value: Some(true), ..Self::new(name, PropertyType::String) }
    }

    fn options(&self) -> Option<Vec<PropertyOption>> {
        let options = self.options.as_ref()?.iter().zip(0..).map(|(option, place)| match option {
            OptionSpec::Full(option) => option.clone(),
            OptionSpec::Value(value) => PropertyOption {
                label: value.clone(),
                value: value.clone(),
                display_order: place,
                hidden: false,
                description: String::new(),
            },
        });
        Some(options.collect())
    }
}

/// A custom object to be made.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectSpec {
    /// Short name: `projects`.
    pub name: String,
    /// What people call one row, and several: `{"singular": .., "plural": ..}`.
    pub labels: LabelsSpec,
    /// The property a row is known by.
    pub primary_display_property: String,
    /// Properties a new row must have.
    pub required_properties: Vec<String>,
    /// Properties that `query` looks through.
    pub searchable_properties: Vec<String>,
    /// Its properties.
    pub properties: Vec<PropertySpec>,
    /// Objects whose rows may be associated.
    pub associated_objects: Vec<String>,
}

/// What people call rows of an object.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct LabelsSpec {
    /// One.
    pub singular: String,
    /// Several.
    pub plural: String,
}

impl Account {
    /// Adds a property. A property that was archived under this name comes back, empty, as HubSpot does it after
    /// 90 days.
    pub(crate) fn add_property(&mut self, object: &str, spec: &PropertySpec) -> Result<(), RowError> {
        let object = self.object_or_refuse(object)?;
        let now = self.now_ms();
        let name = checked_name(&spec.name)?;
        let def = &mut self.tables[object].def;
        if let Some(old) = def.index(&name) {
            if !def.properties()[old].archived {
                return Err(RowError::exists(format!("A property named '{name}' already exists.")));
            }
            self.forget_values(object, old);
        }
        let def = &mut self.tables[object].def;
        let index = match def.index(&name) {
            Some(old) => old,
            None => def.add(property(&name, &name, PropertyType::String, Source::Stored(0), now)),
        };
        let group = format!("{}information", def.singular);
        if let Some(property) = def.property_mut(index) {
            property.archived = false;
            property.created_at = now;
            property.group = group;
            property.kind = spec.kind.unwrap_or(PropertyType::String);
            property.kind.usual_field_type().clone_into(&mut property.field_type);
            apply(property, spec, now);
        }
        self.schema_changed(object);
        Ok(())
    }

    /// Changes a property; a new type leaves stored values as they are.
    pub(crate) fn change_property(
        &mut self,
        object: &str,
        name: &str,
        spec: &PropertySpec,
    ) -> Result<(), RowError> {
        let (object, index) = self.property_or_refuse(object, name)?;
        let now = self.now_ms();
        if let Some(property) = self.tables[object].def.property_mut(index) {
            apply(property, spec, now);
        }
        self.schema_changed(object);
        Ok(())
    }

    /// Takes a property out of sight. Values stay in the rows, unseen.
    pub(crate) fn archive_property(&mut self, object: &str, name: &str) -> Result<(), RowError> {
        let (object, index) = self.property_or_refuse(object, name)?;
        let now = self.now_ms();
        if let Some(property) = self.tables[object].def.property_mut(index) {
            property.archived = true;
            property.updated_at = now;
        }
        self.schema_changed(object);
        Ok(())
    }

    /// Makes a custom object and returns where it stands.
    pub(crate) fn add_object(&mut self, spec: &ObjectSpec) -> Result<usize, RowError> {
        let short = checked_name(&spec.name)?;
        let name = format!("p{}_{short}", self.portal_id);
        if self.object(&name).is_some() {
            return Err(RowError::exists(format!("An object named '{name}' already exists.")));
        }
        let number = self.tables.len() as u64;
        let mut def = ObjectDef::new(&name, &short, &format!("2-{}", 4_300_000 + number));
        def.custom = true;
        def.labels = (spec.labels.singular.clone(), spec.labels.plural.clone());
        def.primary_display.clone_from(&spec.primary_display_property);
        def.required.clone_from(&spec.required_properties);
        def.searchable.clone_from(&spec.searchable_properties);
        def.created_at = self.now_ms();
        super::add_system_properties(&mut def, self.now_ms());
        def.defaults = ["hs_createdate", "hs_lastmodifieddate", "hs_object_id"].map(str::to_owned).into();
        let object = self.tables.len();
        self.tables.push(Table::new(def, 6_000_001 + number * 1_000_000));
        for property in &spec.properties {
            self.add_property(&name, property)?;
        }
        plain_between(self, Pair { from: object, to: object });
        for other in &spec.associated_objects {
            let to = self.object_or_refuse(other)?;
            plain_between(self, Pair { from: object, to });
        }
        self.generation += 1;
        Ok(object)
    }

    pub(crate) fn object_or_refuse(&self, name: &str) -> Result<usize, RowError> {
        self.object(name)
            .ok_or_else(|| RowError::bad_request(format!("Unable to infer object type from: {name}")))
    }

    fn property_or_refuse(&self, object: &str, name: &str) -> Result<(usize, usize), RowError> {
        let object = self.object_or_refuse(object)?;
        let index = self.tables[object].def.live_index(name).ok_or_else(|| {
            RowError::not_found(format!("Property with name '{name}' does not exist for this object type"))
        })?;
        Ok((object, index))
    }

    fn schema_changed(&mut self, object: usize) {
        self.tables[object].reindex_keys();
        self.generation += 1;
    }

    fn forget_values(&mut self, object: usize, property: usize) {
        let table = &mut self.tables[object];
        if let Source::Stored(slot) = table.def.properties()[property].source {
            table.edit_values(slot, |value| *value = None);
        }
    }
}

fn checked_name(name: &str) -> Result<String, RowError> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(good) && name.len() <= 100 {
        return Ok(name.to_owned());
    }
    let message =
        format!("Invalid name '{name}': lower-case letters, digits and underscores, a letter first");
    Err(RowError::bad_request(message))
}

fn apply(property: &mut PropertyDef, spec: &PropertySpec, now: i64) {
    if let Some(kind) = spec.kind
        && kind != property.kind
    {
        property.kind = kind;
        kind.usual_field_type().clone_into(&mut property.field_type);
    }
    let texts = [
        (&spec.label, &mut property.label),
        (&spec.field_type, &mut property.field_type),
        (&spec.group_name, &mut property.group),
        (&spec.description, &mut property.description),
    ];
    for (given, kept) in texts {
        if let Some(given) = given {
            kept.clone_from(given);
        }
    }
    let switches = [
        (spec.has_unique_value, &mut property.unique),
        (spec.hidden, &mut property.hidden),
        (spec.show_currency_symbol, &mut property.currency),
    ];
    for (given, kept) in switches {
        *kept = given.unwrap_or(*kept);
    }
    if let Some(options) = spec.options() {
        property.options = options;
    }
    property.updated_at = now;
}
