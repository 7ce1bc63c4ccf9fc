//! What an object is made of, as `describe` tells.

use serde::{Deserialize, Serialize};
use sync_core::FieldKind;

/// An object with its fields, as far as the connected user may read them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ObjectDescription {
    /// The API name: `Opportunity`.
    pub name: String,
    /// The name people see.
    #[serde(default)]
    pub label: String,
    /// Whether the customer made it.
    #[serde(default)]
    pub custom: bool,
    /// Whether it can be queried.
    #[serde(default)]
    pub queryable: bool,
    /// The first three characters of its records' ids.
    #[serde(default)]
    pub key_prefix: Option<String>,
    /// Its fields.
    pub fields: Vec<FieldDescription>,
}

impl ObjectDescription {
    /// A field by its API name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&FieldDescription> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The field through which a relationship leads: `AccountId` for `Account`.
    #[must_use]
    pub fn relationship(&self, name: &str) -> Option<&FieldDescription> {
        self.fields.iter().find(|field| field.relationship_name.as_deref() == Some(name))
    }
}

/// One field of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FieldDescription {
    /// The API name: `StageName`, `Region__c`.
    pub name: String,
    /// The name people see.
    #[serde(default)]
    pub label: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// Characters of a text, 0 elsewhere.
    #[serde(default)]
    pub length: u32,
    /// Digits of a number in all.
    #[serde(default)]
    pub precision: u32,
    /// Digits of a number after the point.
    #[serde(default)]
    pub scale: u32,
    /// Whether it can be empty.
    #[serde(default)]
    pub nillable: bool,
    /// Whether the customer or a package made it.
    #[serde(default)]
    pub custom: bool,
    /// A formula or a roll-up: its value changes without moving the record's stamp.
    #[serde(default)]
    pub calculated: bool,
    /// Whether it can be set on create.
    #[serde(default)]
    pub createable: bool,
    /// Whether it can be changed.
    #[serde(default)]
    pub updateable: bool,
    /// Whether it can be used in a `WHERE`.
    #[serde(default)]
    pub filterable: bool,
    /// Whether records can be ordered by it.
    #[serde(default)]
    pub sortable: bool,
    /// Whether it is a key of another system.
    #[serde(default)]
    pub external_id: bool,
    /// Whether two records may not share a value.
    #[serde(default)]
    pub unique: bool,
    /// Withdrawn, and left out of every query.
    #[serde(default)]
    pub deprecated_and_hidden: bool,
    /// The objects a reference can point to.
    #[serde(default)]
    pub reference_to: Vec<String>,
    /// The name under which the referenced record is selected.
    #[serde(default)]
    pub relationship_name: Option<String>,
    /// The compound field this is a part of.
    #[serde(default)]
    pub compound_field_name: Option<String>,
    /// The values of a picklist.
    #[serde(default)]
    pub picklist_values: Vec<PicklistValue>,
}

/// One value of a picklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PicklistValue {
    /// What records hold.
    pub value: String,
    /// What people see.
    #[serde(default)]
    pub label: Option<String>,
    /// Whether it can still be chosen.
    #[serde(default)]
    pub active: bool,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FieldType {
    /// The record's own id.
    Id,
    /// Another record's id.
    Reference,
    /// Text of one line.
    String,
    /// Text of several lines.
    Textarea,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// An address on the web.
    Url,
    /// Text kept encrypted, sent masked or in the clear.
    EncryptedString,
    /// Text with suggestions.
    Combobox,
    /// One of a list of values.
    Picklist,
    /// Several of a list of values, with semicolons.
    Multipicklist,
    /// True or false; never empty.
    Boolean,
    /// A whole number.
    Int,
    /// A whole number of 64 bits.
    Long,
    /// A number.
    Double,
    /// An amount of money.
    Currency,
    /// A percentage.
    Percent,
    /// A calendar day.
    Date,
    /// A point in time, stored to the second.
    Datetime,
    /// A time of day.
    Time,
    /// A compound of street, city and so on; read-only.
    Address,
    /// A compound of latitude and longitude; read-only.
    Location,
    /// Bytes, sent as the path to fetch them from.
    Base64,
    /// Anything.
    #[serde(rename = "anyType")]
    AnyType,
    /// Something structured.
    ComplexValue,
    /// A type this release does not know.
    #[serde(other)]
    Other,
}

impl FieldType {
    /// A compound of other fields, which are described and can be read on their own.
    #[must_use]
    pub const fn is_compound(self) -> bool {
        matches!(self, Self::Address | Self::Location)
    }

    /// What custom fields of this type are read as.
    #[must_use]
    pub const fn kind(self) -> FieldKind {
        match self {
            Self::Boolean => FieldKind::Bool,
            Self::Int | Self::Long => FieldKind::Int,
            Self::Double | Self::Currency | Self::Percent => FieldKind::Decimal,
            Self::Date => FieldKind::Date,
            Self::Datetime => FieldKind::Instant,
            Self::Address | Self::Location | Self::AnyType | Self::ComplexValue | Self::Other => {
                FieldKind::Json
            }
            Self::Id
            | Self::Reference
            | Self::String
            | Self::Textarea
            | Self::Email
            | Self::Phone
            | Self::Url
            | Self::EncryptedString
            | Self::Combobox
            | Self::Picklist
            | Self::Multipicklist
            | Self::Time
            | Self::Base64 => FieldKind::Text,
        }
    }

    /// The name in descriptions; `other` for a type this release does not know.
    #[must_use]
    pub fn name(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            _ => "other".to_owned(),
        }
    }
}

/// One of the org's objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ObjectSummary {
    /// The API name.
    pub name: String,
    /// The name people see.
    #[serde(default)]
    pub label: String,
    /// Whether the customer or a package made it.
    #[serde(default)]
    pub custom: bool,
    /// Whether it can be queried.
    #[serde(default)]
    pub queryable: bool,
    /// The first three characters of its records' ids.
    #[serde(default)]
    pub key_prefix: Option<String>,
    /// Withdrawn.
    #[serde(default)]
    pub deprecated_and_hidden: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_field_is_read() {
        let json = r#"{"name":"StageName","label":"Stage","type":"picklist","length":255,"byteLength":765,"precision":0,
            "scale":0,"nillable":false,"custom":false,"calculated":false,"filterable":true,"sortable":true,"referenceTo":[],
            "relationshipName":null,"compoundFieldName":null,
            "picklistValues":[{"active":true,"defaultValue":false,"label":"Closed Won","validFor":null,"value":"Closed Won"}]}"#;
        let field: FieldDescription = serde_json::from_str(json).unwrap();
        assert_eq!(field.field_type, FieldType::Picklist);
        assert_eq!((field.length, field.nillable, field.filterable), (255, false, true));
        assert_eq!(field.picklist_values[0].value, "Closed Won");
    }

    #[test]
    fn types_are_spelt_as_documented() {
        for (json, expected) in [
            (r#""anyType""#, FieldType::AnyType),
            (r#""complexvalue""#, FieldType::ComplexValue),
            (r#""encryptedstring""#, FieldType::EncryptedString),
            (r#""multipicklist""#, FieldType::Multipicklist),
            (r#""datetime""#, FieldType::Datetime),
            (r#""base64""#, FieldType::Base64),
            (r#""hologram""#, FieldType::Other),
        ] {
            assert_eq!(serde_json::from_str::<FieldType>(json).unwrap(), expected);
        }
    }
}
