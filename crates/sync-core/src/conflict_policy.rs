//! Who is right when a field was changed on both sides.

use serde::{Deserialize, Serialize};

use crate::run::names;

names! {
    /// Which of two values of a field counts, when it was changed here and in the CRM since both last agreed.
    ConflictRule {
        /// Ours is sent; theirs is overwritten.
        LocalWins = "local_wins",
        /// Theirs is taken; our change is given up.
        RemoteWins = "remote_wins",
        /// The later change counts; the CRM's where it does not say when a record was changed.
        Newest = "newest",
        /// Neither: each side keeps its value, the field is held back, and a person decides.
        Ask = "ask",
    }
}

/// The rules of an entity's fields.
///
/// ```
/// use sync_core::{ConflictPolicy, ConflictRule};
///
/// const POLICY: ConflictPolicy =
///     ConflictPolicy { default: ConflictRule::Ask, fields: &[("stage", ConflictRule::LocalWins)] };
/// assert_eq!(POLICY.rule("stage"), ConflictRule::LocalWins);
/// assert_eq!(POLICY.rule("custom.Tier__c"), ConflictRule::Ask);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConflictPolicy {
    /// The rule of fields that are not named, and of deletions against changes.
    pub default: ConflictRule,
    /// Fields with rules of their own, by the names that the audit uses: custom fields are `custom.<name>`.
    pub fields: &'static [(&'static str, ConflictRule)],
}

impl ConflictPolicy {
    /// Loses nothing: a person decides everything.
    pub const ASK: Self = Self { default: ConflictRule::Ask, fields: &[] };

    /// The rule of a field.
    #[must_use]
    pub fn rule(&self, field: &str) -> ConflictRule {
        self.fields.iter().find(|(named, _)| *named == field).map_or(self.default, |(_, rule)| *rule)
    }
}

impl Default for ConflictPolicy {
    fn default() -> Self {
        Self::ASK
    }
}
