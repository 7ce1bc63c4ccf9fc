//! Properties: what they are called, what they hold, where their values come from.

use serde::{Deserialize, Serialize};

/// What a property holds. Values are text on the wire, whatever the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "named as HubSpot names them")]
pub enum PropertyType {
    String,
    Number,
    Date,
    #[serde(rename = "datetime")]
    DateTime,
    Enumeration,
    Bool,
    PhoneNumber,
    Json,
    ObjectCoordinates,
}

impl PropertyType {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::Enumeration => "enumeration",
            Self::Bool => "bool",
            Self::PhoneNumber => "phone_number",
            Self::Json => "json",
            Self::ObjectCoordinates => "object_coordinates",
        }
    }

    /// The `fieldType` that goes with it when none is given.
    #[must_use]
    pub fn usual_field_type(self) -> &'static str {
        match self {
            Self::String | Self::Json | Self::ObjectCoordinates => "text",
            Self::Number => "number",
            Self::Date | Self::DateTime => "date",
            Self::Enumeration => "select",
            Self::Bool => "booleancheckbox",
            Self::PhoneNumber => "phonenumber",
        }
    }
}

/// One value of an enumeration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PropertyOption {
    /// What people see.
    pub label: String,
    /// What is stored.
    pub value: String,
    /// Its place in lists.
    #[serde(default)]
    pub display_order: i64,
    /// Not offered any more.
    #[serde(default)]
    pub hidden: bool,
    /// What it means.
    #[serde(default)]
    pub description: String,
}

/// A property of an object.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, as on the wire")]
pub struct PropertyDef {
    /// Internal name.
    pub name: String,
    /// What people see.
    pub label: String,
    /// What it holds.
    pub kind: PropertyType,
    /// How forms show it.
    pub field_type: String,
    /// The group it is listed in.
    pub group: String,
    /// What it means.
    pub description: String,
    /// Values of an enumeration.
    pub options: Vec<PropertyOption>,
    /// Computed by HubSpot, never written.
    pub calculated: bool,
    /// Came with HubSpot, not made by the customer.
    pub hubspot_defined: bool,
    /// No two live rows may share a value.
    pub unique: bool,
    /// Not shown to people.
    pub hidden: bool,
    /// Options live elsewhere: owners, pipelines.
    pub external_options: bool,
    /// Written by HubSpot only.
    pub read_only: bool,
    /// The object a value refers to.
    pub referenced_object_type: Option<String>,
    /// Money.
    pub currency: bool,
    /// Removed from sight; reads ignore it.
    pub archived: bool,
    /// When it was made.
    pub created_at: i64,
    /// When its definition last changed.
    pub updated_at: i64,
    pub(crate) source: Source,
}

impl PropertyDef {
    /// Whether API writers may set it.
    #[must_use]
    pub fn writable(&self) -> bool {
        !self.calculated && !self.read_only && matches!(self.source, Source::Stored(_))
    }

    /// Several values at once, separated by `;`.
    #[must_use]
    pub fn many_values(&self) -> bool {
        self.kind == PropertyType::Enumeration && self.field_type == "checkbox"
    }
}

/// Where values come from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    /// A row's own value at this position.
    Stored(usize),
    Id,
    Created,
    Modified,
    MergedIds,
    Calculated(Formula),
}

/// How a calculated property is computed; always from the present state of the account.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Formula {
    /// How many live rows of another object are associated.
    Count(&'static str),
    /// The sum of a number of all associated rows.
    Sum { object: &'static str, property: &'static str },
    /// A value of the primary associated row.
    FromPrimary { object: &'static str, property: &'static str },
    /// The id of the primary associated row.
    PrimaryId(&'static str),
    /// Amount times the probability of the deal's stage.
    Projected,
    /// The chance of the deal's stage, 0 to 1.
    Probability,
    /// Whether the deal's stage is closed.
    IsClosed,
    /// Whether the deal's stage is won.
    IsWon,
}
