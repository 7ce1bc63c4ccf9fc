//! What becomes of the fields that customers add, retype and remove in their CRM.

use serde::{Deserialize, Serialize};

/// What may happen to a custom field here when it changes in the CRM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldContract {
    /// Follow: a new field is read from the next run on, and a change of its type is accepted. Both are reported.
    #[default]
    Evolve,
    /// Stay: a new field is not taken, and a field whose type changed keeps its last values. Both are reported.
    Freeze,
    /// Never taken.
    Discard,
}

impl FieldContract {
    /// The name in YAML, tables and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Evolve => "evolve",
            Self::Freeze => "freeze",
            Self::Discard => "discard",
        }
    }

    /// The inverse of [`as_str`](Self::as_str).
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Evolve, Self::Freeze, Self::Discard].into_iter().find(|contract| contract.as_str() == name)
    }
}

/// The contracts of an entity's custom fields.
///
/// ```
/// use sync_core::{CustomFieldPolicy, FieldContract};
///
/// const POLICY: CustomFieldPolicy = CustomFieldPolicy {
///     default: FieldContract::Evolve,
///     fields: &[("Legacy__c", FieldContract::Discard)],
/// };
/// assert_eq!(POLICY.contract("Legacy__c"), FieldContract::Discard);
/// assert_eq!(POLICY.contract("Tier__c"), FieldContract::Evolve);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CustomFieldPolicy {
    /// The contract of fields that are not named.
    pub default: FieldContract,
    /// Fields by the CRM's name, with contracts of their own.
    pub fields: &'static [(&'static str, FieldContract)],
}

impl CustomFieldPolicy {
    /// Follows the CRM in everything.
    pub const EVOLVE: Self = Self { default: FieldContract::Evolve, fields: &[] };

    /// The contract of a field.
    #[must_use]
    pub fn contract(&self, name: &str) -> FieldContract {
        self.fields.iter().find(|(named, _)| *named == name).map_or(self.default, |(_, contract)| *contract)
    }
}

impl Default for CustomFieldPolicy {
    fn default() -> Self {
        Self::EVOLVE
    }
}
