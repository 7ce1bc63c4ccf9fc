//! What is asked for, from the entity's mapping and what the object is made of today.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use sync_core::SourceError;
use sync_detection::{FieldMapping, Filter};

use crate::FromHubspot;
use crate::config::{CustomFieldSelection, HubspotConfig};
use crate::describe::{ObjectDescription, PropertyType};
use crate::filter::{Condition, bad_filter};
use crate::object::{Remote, modified_property};
use crate::record::ASSOCIATIONS;

/// The property with the ids of the records that were merged into one.
pub(crate) const MERGED: &str = "hs_merged_object_ids";

/// What a record has beside its properties.
const ENVELOPE: &[&str] = &["id", "createdAt", "updatedAt", "archived", "archivedAt", "url"];
/// What an owner is made of (reference/hubspot.md, Pipelines, owners).
const OWNER: &[(&str, PropertyType)] = &[
    ("id", PropertyType::String),
    ("email", PropertyType::String),
    ("type", PropertyType::Enumeration),
    ("firstName", PropertyType::String),
    ("lastName", PropertyType::String),
    ("userId", PropertyType::String),
    ("userIdIncludingInactive", PropertyType::String),
    ("createdAt", PropertyType::Datetime),
    ("updatedAt", PropertyType::Datetime),
    ("archived", PropertyType::Bool),
    ("teams", PropertyType::Json),
];
/// What an association is made of as a record of its own.
const PAIR: &[(&str, PropertyType)] = &[
    ("from", PropertyType::String),
    ("to", PropertyType::String),
    ("label", PropertyType::String),
    ("primary", PropertyType::Bool),
];

/// Characters of an address that are known to pass (reference/hubspot.md, List); of these the path, the page and
/// the rest take some.
const LONGEST_LIST: usize = 7_000 - 500;

/// One object as one entity reads it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) remote: Remote,
    /// The walked object's name in paths; empty for owners.
    pub(crate) path: String,
    /// The other object's name in paths, of associations.
    pub(crate) to_path: String,
    /// What tells when a record was last modified; `None` for associations, which don't.
    pub(crate) stamp: Option<String>,
    /// The stamp of the records that are walked.
    pub(crate) walked_stamp: &'static str,
    /// What is asked for of every record.
    pub(crate) properties: Vec<String>,
    /// Associated objects as the mapping names them.
    pub(crate) links: Vec<String>,
    /// The same as paths take them.
    pub(crate) link_paths: Vec<String>,
    /// The customer's own properties.
    pub(crate) custom: Vec<(Arc<str>, PropertyType)>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) tells_merged: bool,
    /// Whether archived owners are records like any other, because the entity reads `archived`.
    pub(crate) keeps_archived: bool,
    /// Whether all properties fit the address of a list.
    pub(crate) fits_list: bool,
}

/// What is known of an object before a plan is made.
pub(crate) enum Known<'a> {
    /// Its description, and for each linked object the name that paths take.
    Object {
        description: &'a ObjectDescription,
        link_paths: Vec<String>,
    },
    /// The description of the object that is walked, and the other one's name in paths.
    Links {
        parent: &'a ObjectDescription,
        to: String,
    },
    Owners,
}

/// Whether archived owners are records of this entity.
pub(crate) fn keeps_archived<T: FromHubspot>() -> bool {
    T::mapping().iter().any(|mapping| mapping.source == "archived")
}

/// The objects that a mapping links to.
pub(crate) fn linked<T: FromHubspot>() -> Vec<String> {
    let mut links: Vec<String> = Vec::new();
    for mapping in T::mapping() {
        if let Some(object) = mapping.source.strip_prefix(ASSOCIATIONS)
            && !links.iter().any(|known| known == object)
        {
            links.push(object.to_owned());
        }
    }
    links
}

impl Plan {
    /// # Errors
    /// [`SourceError::Permanent`] naming the mapped, chosen or filtered property that is not there.
    pub(crate) fn new<T: FromHubspot>(
        known: Known<'_>,
        config: &HubspotConfig,
        filters: &[Filter],
    ) -> Result<Self, SourceError> {
        let remote = Remote::of(T::OBJECT);
        match known {
            Known::Object { description, link_paths } => {
                Self::of_object::<T>(description, link_paths, config, filters)
            }
            Known::Links { parent, to } => {
                let walked_stamp = stamp_of(parent)?;
                let path = parent.path.clone();
                let mut plan = Self { path, to_path: to, walked_stamp, ..Self::empty(remote) };
                plan.ask(walked_stamp);
                plan.check_fixed(T::OBJECT, T::mapping(), PAIR, filters)?;
                Ok(plan)
            }
            Known::Owners => {
                let mut plan = Self { stamp: Some("updatedAt".to_owned()), ..Self::empty(remote) };
                plan.check_fixed(T::OBJECT, T::mapping(), OWNER, filters)?;
                plan.keeps_archived = keeps_archived::<T>();
                Ok(plan)
            }
        }
    }

    /// Of no more than some of the customer's own properties.
    pub(crate) fn of_custom<T: FromHubspot>(description: &ObjectDescription, names: &[Arc<str>]) -> Self {
        let stamp = modified_property(&description.path);
        let mut plan = Self {
            path: description.path.clone(),
            walked_stamp: stamp,
            stamp: Some(stamp.to_owned()),
            ..Self::empty(Remote::of(T::OBJECT))
        };
        plan.ask(stamp);
        for property in &description.properties {
            if !property.archived && names.iter().any(|name| **name == *property.name) {
                plan.ask(&property.name);
                plan.custom.push((property.name.as_str().into(), property.property_type));
            }
        }
        plan.measure();
        plan
    }

    /// Of ids and stamps alone, for records that pass the filters. Without filters no description is needed.
    ///
    /// # Errors
    /// As [`new`](Self::new), for filtered properties.
    pub(crate) fn of_ids(
        object: &'static str,
        paths: (String, String),
        description: Option<&ObjectDescription>,
        filters: &[Filter],
    ) -> Result<Self, SourceError> {
        let remote = Remote::of(object);
        let walked_stamp = modified_property(&paths.0);
        let mut plan = Self { path: paths.0, to_path: paths.1, walked_stamp, ..Self::empty(remote) };
        match remote {
            Remote::Owners => {
                plan.stamp = Some("updatedAt".to_owned());
                plan.check_fixed(object, &[], OWNER, filters)?;
            }
            Remote::Links { .. } => {
                plan.ask(walked_stamp);
                plan.check_fixed(object, &[], PAIR, filters)?;
            }
            Remote::Object(_) => {
                plan.stamp = Some(walked_stamp.to_owned());
                plan.ask(walked_stamp);
                for (filter, description) in filters.iter().zip(std::iter::repeat(description)) {
                    let Some(description) = description else { continue };
                    let condition = plan.condition(filter, description)?;
                    plan.conditions.push(condition);
                }
            }
        }
        Ok(plan)
    }

    fn empty(remote: Remote) -> Self {
        Self {
            remote,
            path: String::new(),
            to_path: String::new(),
            stamp: None,
            walked_stamp: "updatedAt",
            properties: Vec::new(),
            links: Vec::new(),
            link_paths: Vec::new(),
            custom: Vec::new(),
            conditions: Vec::new(),
            tells_merged: false,
            keeps_archived: false,
            fits_list: true,
        }
    }

    fn of_object<T: FromHubspot>(
        object: &ObjectDescription,
        link_paths: Vec<String>,
        config: &HubspotConfig,
        filters: &[Filter],
    ) -> Result<Self, SourceError> {
        let stamp = stamp_of(object)?;
        let mut plan = Self {
            path: object.path.clone(),
            stamp: Some(stamp.to_owned()),
            walked_stamp: stamp,
            links: linked::<T>(),
            link_paths,
            tells_merged: usable(object, MERGED),
            ..Self::empty(Remote::of(T::OBJECT))
        };
        plan.ask(stamp);
        for mapping in T::mapping() {
            plan.ask_mapped(&mapping.source, object)?;
        }
        if plan.tells_merged {
            plan.ask(MERGED);
        }
        for filter in filters {
            let condition = plan.condition(filter, object)?;
            plan.conditions.push(condition);
        }
        // An entity without a place for them has no use for them.
        if T::default().custom().is_some() {
            plan.add_custom(object, &config.custom_fields)?;
        }
        plan.measure();
        Ok(plan)
    }

    fn ask(&mut self, name: &str) {
        if !self.properties.iter().any(|known| known == name) {
            self.properties.push(name.to_owned());
        }
    }

    /// Unknown properties are left out of answers silently (reference/hubspot.md, CRM objects), so a mapping is
    /// checked before it is asked for.
    fn ask_mapped(&mut self, source: &str, object: &ObjectDescription) -> Result<(), SourceError> {
        if source.starts_with(ASSOCIATIONS) || ENVELOPE.contains(&source) {
            return Ok(());
        }
        if usable(object, source) {
            self.ask(source);
            return Ok(());
        }
        Err(refuse(
            "UNKNOWN_FIELD",
            format!(
                "`{source}` of {} is mapped and is not there or not readable; restore it, grant the scope, or take it out of the mapping",
                object.name
            ),
        ))
    }

    fn condition(&mut self, filter: &Filter, object: &ObjectDescription) -> Result<Condition, SourceError> {
        let property_type = match filter.field() {
            "archived" => PropertyType::Bool,
            "createdAt" | "updatedAt" | "archivedAt" => PropertyType::Datetime,
            name if ENVELOPE.contains(&name) => PropertyType::String,
            name => {
                let found = object.property(name).filter(|property| !property.archived);
                let found = found.ok_or_else(|| {
                    bad_filter(filter, &object.name, "names a property that is not there or not readable")
                })?;
                self.ask(name);
                found.property_type
            }
        };
        Condition::new(filter, property_type, &object.name)
    }

    /// Owners and associations have no metadata and always the same parts.
    fn check_fixed(
        &mut self,
        object: &str,
        mapping: &[FieldMapping],
        parts: &[(&str, PropertyType)],
        filters: &[Filter],
    ) -> Result<(), SourceError> {
        let part = |name: &str| parts.iter().find(|(known, _)| *known == name);
        if let Some(mapping) = mapping.iter().find(|mapping| part(&mapping.source).is_none()) {
            let known: Vec<_> = parts.iter().map(|(name, _)| *name).collect();
            return Err(refuse(
                "UNKNOWN_FIELD",
                format!("`{}` of {} is mapped; there are only {}", mapping.source, object, known.join(", ")),
            ));
        }
        for filter in filters {
            let (_, property_type) = part(filter.field())
                .ok_or_else(|| bad_filter(filter, object, "names something that is not there"))?;
            self.conditions.push(Condition::new(filter, *property_type, object)?);
        }
        Ok(())
    }

    fn add_custom(
        &mut self,
        object: &ObjectDescription,
        selection: &CustomFieldSelection,
    ) -> Result<(), SourceError> {
        if let CustomFieldSelection::Only(names) = selection
            && let Some(gone) = names.iter().find(|name| !usable(object, name))
        {
            return Err(refuse(
                "UNKNOWN_FIELD",
                format!(
                    "`{gone}` of {} is chosen as a custom property and is not there or not readable",
                    object.name
                ),
            ));
        }
        let mapped = self.properties.clone();
        for property in &object.properties {
            let chosen = match selection {
                CustomFieldSelection::All => property.is_custom(),
                CustomFieldSelection::Only(names) => names.contains(&property.name),
                CustomFieldSelection::None => false,
            };
            if chosen && usable(object, &property.name) && !mapped.contains(&property.name) {
                self.ask(&property.name);
                self.custom.push((property.name.as_str().into(), property.property_type));
            }
        }
        Ok(())
    }

    fn measure(&mut self) {
        let length = |names: &[String]| names.iter().map(|name| name.len() + 1).sum::<usize>();
        self.fits_list = length(&self.properties) + length(&self.link_paths) <= LONGEST_LIST;
    }

    /// Whether each record is an association.
    pub(crate) fn is_links(&self) -> bool {
        matches!(self.remote, Remote::Links { .. })
    }
}

/// The property with the instant of a record's last modification, which the object has to have.
fn stamp_of(object: &ObjectDescription) -> Result<&'static str, SourceError> {
    let stamp = modified_property(&object.path);
    if usable(object, stamp) {
        return Ok(stamp);
    }
    Err(refuse(
        "NO_STAMP",
        format!("{} has no property `{stamp}` and can't be read incrementally", object.name),
    ))
}

/// Whether a property is there and can be asked for: names that need escaping are none of HubSpot's.
fn usable(object: &ObjectDescription, name: &str) -> bool {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    is_plain && object.property(name).is_some_and(|property| !property.archived)
}

pub(crate) fn refuse(code: &str, reason: String) -> SourceError {
    SourceError::Permanent { call: "plan what to read", code: code.to_owned(), reason }
}
