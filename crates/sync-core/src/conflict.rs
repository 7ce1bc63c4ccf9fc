//! Fields and records about which the two sides disagree.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::run::names;
use crate::{ConflictRule, ExternalId, FieldValue, UserId, ValueRef};

/// A conflict's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConflictId(pub Uuid);

names! {
    /// What a person has to decide.
    ConflictKind {
        /// A field was changed on both sides.
        BothChanged = "both_changed",
        /// It was changed here and deleted in the CRM.
        DeletedThere = "deleted_there",
        /// It was deleted here and changed in the CRM.
        DeletedHere = "deleted_here",
        /// The answer to a create was lost: the CRM may have the record, and a second try could make it twice.
        CreateInDoubt = "create_in_doubt",
    }
}

names! {
    /// Whose side a person took.
    Choice {
        /// Ours is sent; of a create in doubt: it is sent again.
        Local = "local",
        /// Theirs is taken; of a create in doubt: our record is given up.
        Remote = "remote",
    }
}

/// A question that is open, or decided and not yet carried out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Conflict {
    /// Its id.
    pub id: ConflictId,
    /// Of which record.
    pub external_id: ExternalId,
    /// Of which field; `None` when it is about the record as a whole.
    pub field: Option<String>,
    /// What it is about.
    pub kind: ConflictKind,
    /// What both sides last agreed on.
    pub base: FieldValue,
    /// What it holds here.
    pub local: FieldValue,
    /// What it holds in the CRM.
    pub remote: FieldValue,
    /// Since when.
    pub opened_at: DateTime<Utc>,
    /// What was decided.
    pub choice: Option<Choice>,
    /// By whom.
    pub decided_by: Option<UserId>,
    /// When.
    pub decided_at: Option<DateTime<Utc>>,
}

/// What becomes of one field that was edited here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Both sides say the same.
    Agreed,
    /// Ours counts.
    Local,
    /// Theirs counts.
    Remote,
    /// A person decides.
    Ask,
}

/// Three-way merge of one field. `bases` is what both sides last agreed on: the value before our first edit, and what
/// a write of ours whose outcome is not known would have made of it.
///
/// ```
/// use sync_core::{ConflictRule, ValueRef, Verdict, merge_field};
///
/// let (base, ours, theirs) = (ValueRef::Text("Open"), ValueRef::Text("Won"), ValueRef::Text("Lost"));
/// let merge = |theirs| merge_field(&[base], ours, theirs, ConflictRule::Ask, true);
/// assert_eq!(merge(base), Verdict::Local);
/// assert_eq!(merge(ours), Verdict::Agreed);
/// assert_eq!(merge(theirs), Verdict::Ask);
/// ```
#[must_use]
pub fn merge_field(
    bases: &[ValueRef<'_>],
    local: ValueRef<'_>,
    remote: ValueRef<'_>,
    rule: ConflictRule,
    local_is_newer: bool,
) -> Verdict {
    if local.same(remote) {
        return Verdict::Agreed;
    }
    if bases.iter().any(|base| base.same(remote)) {
        return Verdict::Local;
    }
    by_rule(rule, local_is_newer)
}

/// What a rule says when both sides changed.
pub(crate) fn by_rule(rule: ConflictRule, local_is_newer: bool) -> Verdict {
    match rule {
        ConflictRule::LocalWins => Verdict::Local,
        ConflictRule::RemoteWins => Verdict::Remote,
        ConflictRule::Newest if local_is_newer => Verdict::Local,
        ConflictRule::Newest => Verdict::Remote,
        ConflictRule::Ask => Verdict::Ask,
    }
}

/// What a person's choice says.
pub(crate) fn by_choice(choice: Choice) -> Verdict {
    match choice {
        Choice::Local => Verdict::Local,
        Choice::Remote => Verdict::Remote,
    }
}
