//! What objects are made of, as HubSpot's metadata tells.

use serde::{Deserialize, Serialize};
use sync_core::FieldKind;

/// An object with its properties, as far as the token may read them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ObjectDescription {
    /// The name it was asked for by: `deals`, a custom object's name, or a type id.
    pub name: String,
    /// The name that paths take: the same, or a custom object's type id.
    pub path: String,
    /// Its properties.
    pub properties: Vec<PropertyDescription>,
}

impl ObjectDescription {
    pub(crate) fn new(name: &str, path: &str, properties: Vec<PropertyDescription>) -> Self {
        Self { name: name.to_owned(), path: path.to_owned(), properties }
    }

    /// A property by its internal name.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&PropertyDescription> {
        self.properties.iter().find(|property| property.name == name)
    }
}

/// One property of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PropertyDescription {
    /// The internal name: `dealstage`.
    pub name: String,
    /// The name people see.
    #[serde(default)]
    pub label: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub property_type: PropertyType,
    /// How people enter it: `text`, `select`, `calculation_equation`.
    #[serde(default)]
    pub field_type: String,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Calculated from others: its value can change without moving the record's stamp.
    #[serde(default)]
    pub calculated: bool,
    /// Whether two records may not share a value.
    #[serde(default)]
    pub has_unique_value: bool,
    /// Whether people don't see it.
    #[serde(default)]
    pub hidden: bool,
    /// Whether it is HubSpot's own; the others were made by the customer.
    #[serde(default)]
    pub hubspot_defined: bool,
    /// Withdrawn, and left out of every answer.
    #[serde(default)]
    pub archived: bool,
    /// The values of an enumeration; empty where they live elsewhere.
    #[serde(default)]
    pub options: Vec<PropertyOption>,
    /// What it refers to: `OWNER`, `COMPANY`.
    #[serde(default)]
    pub referenced_object_type: Option<String>,
    /// What may be changed.
    #[serde(default)]
    pub modification_metadata: ModificationMetadata,
}

impl PropertyDescription {
    /// Whether the customer made it.
    #[must_use]
    pub const fn is_custom(&self) -> bool {
        !self.hubspot_defined
    }

    /// Whether records can be written with it.
    #[must_use]
    pub const fn is_writable(&self) -> bool {
        !self.calculated && !self.modification_metadata.read_only_value
    }
}

/// What of a property may be changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ModificationMetadata {
    /// Whether its value is HubSpot's to set.
    #[serde(default)]
    pub read_only_value: bool,
}

/// One value of an enumeration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PropertyOption {
    /// What records hold.
    pub value: String,
    /// What people see.
    #[serde(default)]
    pub label: String,
    /// Whether it can no longer be chosen.
    #[serde(default)]
    pub hidden: bool,
}

/// What a property holds. Its values are text on the wire in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PropertyType {
    /// Text.
    String,
    /// A number.
    Number,
    /// A calendar day.
    Date,
    /// A point in time, to the millisecond.
    Datetime,
    /// One of a list of values, or several with semicolons.
    Enumeration,
    /// True or false.
    Bool,
    /// A telephone number.
    PhoneNumber,
    /// Latitude and longitude, as text.
    ObjectCoordinates,
    /// Something structured, as JSON text.
    Json,
    /// A type this release does not know; its values are kept as text.
    #[serde(other)]
    Other,
}

impl PropertyType {
    /// The name in HubSpot's answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Enumeration => "enumeration",
            Self::Bool => "bool",
            Self::PhoneNumber => "phone_number",
            Self::ObjectCoordinates => "object_coordinates",
            Self::Json => "json",
            Self::Other => "other",
        }
    }

    /// What its values are read as.
    #[must_use]
    pub const fn kind(self) -> FieldKind {
        match self {
            Self::Number => FieldKind::Decimal,
            Self::Date => FieldKind::Date,
            Self::Datetime => FieldKind::Instant,
            Self::Bool => FieldKind::Bool,
            Self::Json => FieldKind::Json,
            Self::String | Self::Enumeration | Self::PhoneNumber | Self::ObjectCoordinates | Self::Other => {
                FieldKind::Text
            }
        }
    }
}

/// A custom object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ObjectSchema {
    /// The name its maker gave it: `car`.
    pub name: String,
    /// The type id, another one in every account: `2-1234`.
    pub object_type_id: String,
    /// The name with the account's id: `p9001_car`.
    #[serde(default)]
    pub fully_qualified_name: Option<String>,
    /// The names people see.
    #[serde(default)]
    pub labels: ObjectLabels,
    /// The property that names a record.
    #[serde(default)]
    pub primary_display_property: Option<String>,
    /// Withdrawn.
    #[serde(default)]
    pub archived: bool,
}

impl ObjectSchema {
    /// Whether it goes by this name, full name or type id.
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        self.name == name
            || self.object_type_id == name
            || self.fully_qualified_name.as_deref().is_some_and(|full| full == name)
    }
}

/// The names people see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ObjectLabels {
    /// Of one record.
    #[serde(default)]
    pub singular: Option<String>,
    /// Of several.
    #[serde(default)]
    pub plural: Option<String>,
}

/// One of the account's objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ObjectSummary {
    /// The name by which it is read.
    pub name: String,
    /// The name people see.
    pub label: String,
    /// The type id; `None` for owners, which are no object.
    pub type_id: Option<String>,
    /// Whether the customer made it.
    pub custom: bool,
    /// The property with the instant of a record's last modification.
    pub modified_property: String,
    /// The property that names a record, where it is told.
    pub title_property: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_property_is_read() {
        let json = r#"{"name":"dealstage","label":"Deal Stage","type":"enumeration","fieldType":"radio","description":"...",
            "groupName":"dealinformation","options":[{"label":"Presentation","value":"presentationscheduled","displayOrder":0,
            "hidden":false,"description":""}],"displayOrder":3,"calculated":false,"externalOptions":true,"hasUniqueValue":false,
            "hidden":false,"hubspotDefined":true,"formField":true,"modificationMetadata":{"archivable":false,
            "readOnlyDefinition":true,"readOnlyOptions":true,"readOnlyValue":false},"referencedObjectType":null,
            "dataSensitivity":"non_sensitive","archived":false}"#;
        let property: PropertyDescription = serde_json::from_str(json).unwrap();
        assert_eq!(property.property_type, PropertyType::Enumeration);
        assert!(!property.is_custom() && property.is_writable());
        assert_eq!(property.options[0].value, "presentationscheduled");
    }

    #[test]
    fn property_without_hubspot_defined_is_the_customers() {
        let property: PropertyDescription =
            serde_json::from_str(r#"{"name":"region","type":"hologram"}"#).unwrap();
        assert!(property.is_custom());
        assert_eq!(
            (property.property_type, property.property_type.kind()),
            (PropertyType::Other, FieldKind::Text)
        );
    }

    #[test]
    fn types_are_spelt_as_documented() {
        for json in ["string", "number", "date", "datetime", "enumeration", "bool", "phone_number", "json"] {
            let property_type: PropertyType = serde_json::from_value(json.into()).unwrap();
            assert_eq!(property_type.as_str(), json);
        }
    }

    #[test]
    fn documented_schema_is_read_and_goes_by_each_of_its_names() {
        let json = r#"{"id":"1234","objectTypeId":"2-1234","name":"car","fullyQualifiedName":"p9001_car",
            "labels":{"singular":"Car","plural":"Cars"},"primaryDisplayProperty":"model","properties":[],"archived":false}"#;
        let schema: ObjectSchema = serde_json::from_str(json).unwrap();
        assert!(["car", "2-1234", "p9001_car"].iter().all(|name| schema.is_named(name)));
        assert!(!schema.is_named("Cars"));
    }
}
