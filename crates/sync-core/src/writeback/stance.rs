//! What is known when a field or a record is decided: policy, open questions, writes in doubt.

use chrono::{DateTime, Utc};

use crate::conflict::{by_choice, by_rule};
use crate::{
    Conflict, ConflictKind, ConflictPolicy, ConflictRule, FieldValue, FoldedField, Intent, ValueRef, Verdict,
    Version, merge_field,
};

/// A question to be opened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    pub field: Option<String>,
    pub kind: ConflictKind,
    pub base: FieldValue,
    pub local: FieldValue,
    pub remote: FieldValue,
}

pub(crate) struct Stance<'a> {
    pub policy: &'a ConflictPolicy,
    pub conflicts: &'a [Conflict],
    pub intent: Option<&'a Intent>,
    /// When the CRM's record was changed, where it says so.
    pub remote_at: Option<DateTime<Utc>>,
}

impl Stance<'_> {
    /// What becomes of an edited field.
    pub(crate) fn field(&self, edited: &FoldedField, remote: ValueRef<'_>) -> Verdict {
        let sent = self.intent.and_then(|intent| intent.fields.get(&edited.field));
        let bases = [Some(edited.from.as_ref()), sent.map(|change| change.to.as_ref())];
        let bases: Vec<ValueRef<'_>> = bases.into_iter().flatten().collect();
        let plain = merge_field(&bases, edited.to.as_ref(), remote, ConflictRule::Ask, false);
        if plain != Verdict::Ask {
            return plain;
        }
        self.decided(Some(&edited.field), remote)
            .unwrap_or_else(|| by_rule(self.policy.rule(&edited.field), self.is_newer(edited.at)))
    }

    /// Who is right about a record that one side deleted and the other changed.
    pub(crate) fn record(&self, edited_at: Option<DateTime<Utc>>) -> Verdict {
        self.decided(None, ValueRef::Null).unwrap_or_else(|| {
            by_rule(self.policy.default, edited_at.is_some_and(|edited_at| self.is_newer(edited_at)))
        })
    }

    /// What a person decided, if the CRM still holds what it was decided upon.
    pub(crate) fn decided(&self, field: Option<&str>, remote: ValueRef<'_>) -> Option<Verdict> {
        let asked = self.conflicts.iter().find(|conflict| {
            conflict.field.as_deref() == field && conflict.kind != ConflictKind::CreateInDoubt
        })?;
        let choice = asked.choice?;
        (field.is_none() || asked.remote.as_ref().same(remote)).then(|| by_choice(choice))
    }

    /// What a person found out about a create that may have taken place.
    pub(crate) fn decided_doubt(&self) -> Option<Verdict> {
        let doubt = self.conflicts.iter().find(|conflict| conflict.kind == ConflictKind::CreateInDoubt)?;
        doubt.choice.map(by_choice)
    }

    /// Whether a question about this is open with the same values, so that it need not be asked again.
    pub(crate) fn is_asked(&self, asked: &Asked) -> bool {
        self.conflicts.iter().any(|open| {
            open.field == asked.field
                && open.kind == asked.kind
                && open.remote.as_ref().same(asked.remote.as_ref())
                && open.local.as_ref().same(asked.local.as_ref())
        })
    }

    fn is_newer(&self, edited_at: DateTime<Utc>) -> bool {
        self.remote_at.is_some_and(|remote_at| edited_at > remote_at)
    }
}

/// The instant that a version stands for, where it is plausibly one: milliseconds since 1970, in this century.
pub(crate) fn instant_of(version: Option<Version>) -> Option<DateTime<Utc>> {
    let Version(millis) = version?;
    let century = 946_684_800_000..4_102_444_800_000;
    century.contains(&millis).then(|| DateTime::from_timestamp_millis(millis)).flatten()
}

impl Asked {
    pub(crate) fn field(edited: &FoldedField, remote: FieldValue) -> Self {
        Self {
            field: Some(edited.field.to_string()),
            kind: ConflictKind::BothChanged,
            base: edited.from.clone(),
            local: edited.to.clone(),
            remote,
        }
    }

    pub(crate) fn record(kind: ConflictKind) -> Self {
        Self { field: None, kind, base: FieldValue::Null, local: FieldValue::Null, remote: FieldValue::Null }
    }

    pub(crate) fn open(
        self,
        id: uuid::Uuid,
        external_id: crate::ExternalId,
        opened_at: DateTime<Utc>,
    ) -> Conflict {
        Conflict {
            id: crate::ConflictId(id),
            external_id,
            field: self.field,
            kind: self.kind,
            base: self.base,
            local: self.local,
            remote: self.remote,
            opened_at,
            choice: None,
            decided_by: None,
            decided_at: None,
        }
    }
}
