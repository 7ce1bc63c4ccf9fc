//! The schema a new account has: objects with their properties, association types, pipelines; and edits to it.

mod edit;
mod links;
mod pipelines;
mod tables;

use super::model::{Formula, ObjectDef, PropertyDef, PropertyOption, PropertyType, Source, Table};

pub use edit::{ObjectSpec, OptionSpec, PropertySpec};
pub(crate) use links::{define_labels, plain_between};
pub(crate) use pipelines::standard_pipelines;

/// `projects` is the custom object of generated accounts.
pub(crate) const PROJECTS: &str = "projects";
/// The type id of `projects`.
const PROJECTS_TYPE: &str = "2-4200042";

/// Empty tables of the standard objects and of the custom object `projects`.
pub(crate) fn standard_tables(portal_id: u64, made_at: i64) -> Vec<Table> {
    let mut tables: Vec<Table> = tables::STANDARD
        .iter()
        .map(|plan| Table::new(object(plan, plan.name.to_owned(), made_at), plan.first_id))
        .collect();
    let plan = &tables::PROJECTS;
    tables.push(Table::new(object(plan, format!("p{portal_id}_{PROJECTS}"), made_at), plan.first_id));
    tables
}

/// How an object is described in [`tables`].
struct ObjectPlan {
    name: &'static str,
    singular: &'static str,
    type_id: &'static str,
    first_id: u64,
    primary_display: &'static str,
    required: &'static [&'static str],
    required_any: &'static [&'static str],
    searchable: &'static [&'static str],
    /// Besides the system properties.
    defaults: &'static [&'static str],
    /// One property a line: name, label, type, field type, then marks.
    properties: &'static str,
    calculated: &'static [(&'static str, &'static str, PropertyType, Formula)],
}

fn object(plan: &ObjectPlan, name: String, made_at: i64) -> ObjectDef {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let mut def = ObjectDef::new(plan.name, plan.singular, plan.type_id);
    def.name = name;
    def.custom = plan.type_id.starts_with("2-");
    plan.primary_display.clone_into(&mut def.primary_display);
    def.required = texts(plan.required);
    def.required_any = texts(plan.required_any);
    def.searchable = texts(plan.searchable);
    def.created_at = made_at;
    add_system_properties(&mut def, made_at);
    let group = format!("{}information", plan.singular);
    for line in plan.properties.lines().map(str::trim).filter(|line| !line.is_empty()) {
        def.add(property_of_line(line, &group, made_at));
    }
    for (name, label, kind, formula) in plan.calculated {
        let source = Source::Calculated(formula.clone());
        let mut property = property(name, label, *kind, source, made_at);
        property.group.clone_from(&group);
        property.calculated = true;
        property.read_only = true;
        property.hubspot_defined = *name != "company_tier";
        "calculation_equation".clone_into(&mut property.field_type);
        def.add(property);
    }
    def.defaults = texts(plan.defaults);
    def.defaults.extend([def.created_property(), def.modified_property(), "hs_object_id"].map(str::to_owned));
    def.defaults.sort();
    def
}

/// What every object has.
fn add_system_properties(def: &mut ObjectDef, made_at: i64) {
    let group = format!("{}information", def.singular);
    let (created, modified) = (def.created_property(), def.modified_property());
    let mut list = vec![
        ("hs_object_id", "Record ID", PropertyType::Number, Source::Id),
        (created, "Create date", PropertyType::DateTime, Source::Created),
        (modified, "Last modified date", PropertyType::DateTime, Source::Modified),
        ("hs_merged_object_ids", "Merged record IDs", PropertyType::Enumeration, Source::MergedIds),
    ];
    if modified != "hs_lastmodifieddate" {
        list.push((
            "hs_lastmodifieddate",
            "Object last modified date",
            PropertyType::DateTime,
            Source::Modified,
        ));
    }
    if created != "hs_createdate" {
        list.push(("hs_createdate", "Object create date", PropertyType::DateTime, Source::Created));
    }
    for (name, label, kind, source) in list {
        let mut property = property(name, label, kind, source, made_at);
        property.group.clone_from(&group);
        property.read_only = true;
        property.hubspot_defined = true;
        if name == "hs_merged_object_ids" {
            "checkbox".clone_into(&mut property.field_type);
            property.external_options = true;
        }
        def.add(property);
    }
}

/// A property with nothing special about it.
pub(crate) fn property(
    name: &str,
    label: &str,
    kind: PropertyType,
    source: Source,
    made_at: i64,
) -> PropertyDef {
    PropertyDef {
        name: name.to_owned(),
        label: label.to_owned(),
        kind,
        field_type: kind.usual_field_type().to_owned(),
        group: String::new(),
        description: String::new(),
        options: Vec::new(),
        calculated: false,
        hubspot_defined: false,
        unique: false,
        hidden: false,
        external_options: false,
        read_only: false,
        referenced_object_type: None,
        currency: false,
        archived: false,
        created_at: made_at,
        updated_at: made_at,
        source,
    }
}

/// `name|Label|type|fieldType|marks`; marks are `unique`, `custom`, `readonly`, `money`, `owner`, `external`,
/// `hidden` and `a=Label A` for options.
fn property_of_line(line: &str, group: &str, made_at: i64) -> PropertyDef {
    let mut parts = line.split('|');
    let mut next = || parts.next().unwrap_or_default();
    let (name, label, kind, field_type, marks) = (next(), next(), next(), next(), next());
    let kind = serde_json::from_value(kind.into()).unwrap_or(PropertyType::String);
    let mut property = property(name, label, kind, Source::Stored(0), made_at);
    if !field_type.is_empty() {
        field_type.clone_into(&mut property.field_type);
    }
    group.clone_into(&mut property.group);
    property.hubspot_defined = true;
    for mark in marks.split(',').filter(|mark| !mark.is_empty()) {
        match mark {
            "unique" => property.unique = true,
            "custom" => property.hubspot_defined = false,
            "readonly" => property.read_only = true,
            "money" => property.currency = true,
            "external" => property.external_options = true,
            "hidden" => property.hidden = true,
            "owner" => {
                property.external_options = true;
                property.referenced_object_type = Some("OWNER".to_owned());
            }
            option => property.options.push(option_of(option, property.options.len())),
        }
    }
    property
}

fn option_of(text: &str, place: usize) -> PropertyOption {
    let (value, label) = text.split_once('=').unwrap_or((text, text));
    PropertyOption {
        label: label.to_owned(),
        value: value.to_owned(),
        display_order: i64::try_from(place).unwrap_or(0),
        hidden: false,
        description: String::new(),
    }
}
