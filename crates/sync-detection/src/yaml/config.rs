//! The keys of an entity's file. Their documentation is the reference's and the editors'.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync_core::FieldKind;

use crate::{CdcConfig, DetectionConfig, DetectionMode, FieldMapping, Filter, PollConfig, WebhookConfig};

/// Names in the file, in tables and in code.
pub(super) const SNAKE_CASE: &str = "^[a-z][a-z0-9]*(_[a-z0-9]+)*$";
/// Keys of providers.
pub(super) const KEBAB_CASE: &str = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$";

/// One entity: its fields, its links, where it comes from and how its changes are noticed.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Hexsync entity")]
pub struct EntityConfig {
    /// The entity's name: singular, `snake_case`.
    #[schemars(regex(pattern = SNAKE_CASE))]
    pub entity: String,
    /// The name of several, and of the table. Default: the entity's name and `s`.
    #[serde(default)]
    #[schemars(regex(pattern = SNAKE_CASE))]
    pub plural: Option<String>,
    /// What the entity is; the type's documentation.
    pub doc: String,
    /// The field of text that names a record for people.
    #[serde(default)]
    pub title: Option<String>,
    /// Where the customers' own fields are kept.
    #[serde(default)]
    #[schemars(extend("default" = "none"))]
    pub custom_fields: CustomFields,
    /// The fields by name, in the order of the type; with the relationships at most 128.
    #[schemars(extend("propertyNames" = {"pattern": SNAKE_CASE}, "minProperties" = 1))]
    pub fields: IndexMap<String, FieldConfig>,
    /// The links to other entities by name; they follow the fields.
    #[serde(default)]
    #[schemars(extend("propertyNames" = {"pattern": SNAKE_CASE}))]
    pub relationships: IndexMap<String, RelationshipConfig>,
    /// With which CRMs the entity is kept in step.
    pub sync: SyncConfig,
    /// How changes are noticed, per provider of `sync.providers`.
    pub detection: IndexMap<String, ProviderDetection>,
}

/// A field: its type alone (`name: text`), or with more.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "FieldSpelling")]
#[schemars(with = "FieldSpelling")]
pub struct FieldConfig {
    /// What it holds.
    pub kind: ValueKind,
    /// What it means; documentation of the field.
    pub doc: Option<String>,
    /// Whether it is never empty: not an `Option`, and a record without it is set aside.
    pub required: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum FieldSpelling {
    Short(ValueKind),
    Long(Field),
}

/// A field with documentation.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Field {
    /// What the field holds.
    r#type: ValueKind,
    /// What it means; the field's documentation.
    #[serde(default)]
    doc: Option<String>,
    /// Whether it is never empty: a record without it is set aside.
    #[serde(default)]
    required: bool,
}

impl From<FieldSpelling> for FieldConfig {
    fn from(spelling: FieldSpelling) -> Self {
        match spelling {
            FieldSpelling::Short(kind) => Self { kind, doc: None, required: false },
            FieldSpelling::Long(field) => {
                Self { kind: field.r#type, doc: field.doc, required: field.required }
            }
        }
    }
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ValueKind {
    /// True or false.
    Bool,
    /// A whole number of 64 bits.
    Int,
    /// An exact decimal number of up to 28 digits.
    Decimal,
    /// Text.
    Text,
    /// A calendar day.
    Date,
    /// A point in time, to the microsecond.
    Instant,
    /// Anything structured.
    Json,
}

impl ValueKind {
    /// The kind of a canonical field.
    #[must_use]
    pub const fn field_kind(self) -> FieldKind {
        match self {
            Self::Bool => FieldKind::Bool,
            Self::Int => FieldKind::Int,
            Self::Decimal => FieldKind::Decimal,
            Self::Text => FieldKind::Text,
            Self::Date => FieldKind::Date,
            Self::Instant => FieldKind::Instant,
            Self::Json => FieldKind::Json,
        }
    }
}

/// A link to another entity.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RelationshipConfig {
    /// The other entity's name.
    pub entity: String,
    /// What the link means; the field's documentation.
    #[serde(default)]
    pub doc: Option<String>,
    /// Whether a record whose parent has not arrived is a failure, instead of waiting for it.
    #[serde(default)]
    pub required: bool,
}

/// Where the customers' own fields are kept: a word, or the long form with a contract per field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "CustomFieldsSpelling")]
#[schemars(with = "CustomFieldsSpelling")]
pub struct CustomFields {
    /// Where they are kept.
    pub store: CustomFieldStore,
    /// What is done with fields that the file does not name.
    pub contract: ContractConfig,
    /// What is done with these, by the provider's name.
    pub fields: IndexMap<String, ContractConfig>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum CustomFieldsSpelling {
    Short(CustomFieldStore),
    Long(CustomFieldPolicy),
}

/// Customers' own fields with a contract.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CustomFieldPolicy {
    /// Where they are kept.
    store: CustomFieldStore,
    /// What is done with fields that are not named here.
    #[serde(default)]
    contract: ContractConfig,
    /// What is done with these, by the provider's name.
    #[serde(default)]
    fields: IndexMap<String, ContractConfig>,
}

impl From<CustomFieldsSpelling> for CustomFields {
    fn from(spelling: CustomFieldsSpelling) -> Self {
        match spelling {
            CustomFieldsSpelling::Short(store) => Self { store, ..Self::default() },
            CustomFieldsSpelling::Long(CustomFieldPolicy { store, contract, fields }) => {
                Self { store, contract, fields }
            }
        }
    }
}

/// Where customers' own fields are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CustomFieldStore {
    /// Nowhere.
    #[default]
    None,
    /// In one JSON column of the row.
    Jsonb,
    /// In definition and value rows, and in the JSON column.
    Eav,
}

/// What is done with a customer's own field as it appears, changes type or disappears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ContractConfig {
    /// It is taken as it comes; changes are reported.
    #[default]
    Evolve,
    /// It is taken in the type it has now; a change of type is reported and not taken.
    Freeze,
    /// It is left out.
    Discard,
}

/// With which CRMs the entity is kept in step.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncConfig {
    /// The providers by key, in `kebab-case`. `salesforce` and `hubspot` (or `salesforce-crm` and `hubspot-crm`)
    /// come with a crate; for any other key the application hands in its own fetcher.
    #[schemars(extend("propertyNames" = {"pattern": KEBAB_CASE}, "minProperties" = 1))]
    pub providers: IndexMap<String, ProviderSync>,
}

/// What the entity is at one provider.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderSync {
    /// The provider's name of the object: `Opportunity` at Salesforce; at HubSpot `deals`, `2-123` for a custom
    /// object, or `deals/contacts` for the associations between two objects as records of their own.
    pub remote_entity: String,
    /// Which way records go.
    #[serde(default)]
    pub direction: Direction,
    /// The remote field that holds our key: records are made by it, so that a create that is tried again makes no
    /// second one. At Salesforce a custom field of text, unique and external id; at HubSpot a property with unique
    /// values. Only where records go to the CRM.
    #[serde(default)]
    pub key: Option<String>,
    /// Whose value counts when a field was changed on both sides. Only with `direction: bidirectional`.
    #[serde(default)]
    pub conflicts: Option<ConflictConfig>,
}

/// Whose value counts when a field was changed on both sides since they last agreed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConflictConfig {
    /// The rule of fields that are not named, and of deletions against changes.
    #[serde(default)]
    pub default: ConflictWord,
    /// Fields and relationships with rules of their own; customers' own fields are `custom.<name>`.
    #[serde(default)]
    pub fields: IndexMap<String, ConflictWord>,
}

/// Whose value counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConflictWord {
    /// The later change's; the CRM's where it does not say when a record was changed.
    Newest,
    /// Ours; theirs is written over.
    Local,
    /// Theirs; our change is given up.
    Remote,
    /// Nobody's: the field is held back until a person decides.
    #[default]
    Ask,
}

/// Which way records go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the CRM to us.
    #[default]
    Inbound,
    /// From us to the CRM.
    Outbound,
    /// Both ways.
    Bidirectional,
}

impl Direction {
    /// Whether records come from the CRM.
    #[must_use]
    pub const fn reads(self) -> bool {
        matches!(self, Self::Inbound | Self::Bidirectional)
    }

    /// Whether records go to the CRM.
    #[must_use]
    pub const fn writes(self) -> bool {
        matches!(self, Self::Outbound | Self::Bidirectional)
    }
}

/// How changes are noticed at one provider.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(try_from = "DetectionSpelling")]
#[schemars(with = "DetectionSpelling")]
pub struct ProviderDetection {
    /// Mode, mapping and filters, as sources take them.
    pub config: DetectionConfig,
    /// Whether `extras.rs` completes what was mapped.
    pub extras: bool,
}

/// How changes are noticed at one provider.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("allOf" = details_of_mode()))]
struct DetectionSpelling {
    /// How changes are noticed. The key of the same name holds the details.
    mode: Mode,
    /// Details of mode `poll`.
    #[serde(default)]
    poll: Option<PollConfig>,
    /// Details of mode `webhook`.
    #[serde(default)]
    webhook: Option<WebhookConfig>,
    /// Details of mode `cdc`.
    #[serde(default)]
    cdc: Option<CdcConfig>,
    /// Which remote fields fill which fields and relationships.
    mapping: Vec<FieldMapping>,
    /// Which records count: those for which all of these hold.
    #[serde(default)]
    filters: Vec<Filter>,
    /// Whether a function in `extras.rs` completes the record: `complete_from_<provider>(&mut value, record)?`.
    #[serde(default)]
    extras: bool,
}

/// For editors: the mode's own key has to be there, and no other mode's.
fn details_of_mode() -> serde_json::Value {
    let modes = ["poll", "webhook", "cdc"];
    let one = |mode: &str| {
        let others = modes.iter().filter(|other| **other != mode);
        let forbidden: serde_json::Map<_, _> =
            others.map(|other| ((*other).to_owned(), serde_json::Value::Bool(false))).collect();
        serde_json::json!({
            "if": {"properties": {"mode": {"const": mode}}, "required": ["mode"]},
            "then": {"required": [mode], "properties": forbidden},
        })
    };
    modes.iter().map(|mode| one(mode)).collect()
}

/// How changes are noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// By asking.
    Poll,
    /// By events that the application receives itself. What `hexsync serve` hears of has mode `poll`.
    Webhook,
    /// By a change stream.
    Cdc,
}

impl TryFrom<DetectionSpelling> for ProviderDetection {
    type Error = String;

    fn try_from(spelling: DetectionSpelling) -> Result<Self, String> {
        let DetectionSpelling { mode, poll, webhook, cdc, mapping, filters, extras } = spelling;
        let mode = match (mode, poll, webhook, cdc) {
            (Mode::Poll, Some(poll), None, None) => DetectionMode::Poll(poll),
            (Mode::Webhook, None, Some(webhook), None) => DetectionMode::Webhook(webhook),
            (Mode::Cdc, None, None, Some(cdc)) => DetectionMode::Cdc(cdc),
            _ => return Err("the mode's own key holds its details, and no other mode's is there".to_owned()),
        };
        Ok(Self { config: DetectionConfig { mode, mapping: mapping.into(), filters }, extras })
    }
}
