//! Comparing what is known with what is there. Pure: entries in, entries and drift out.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Drift, FieldDrift};
use crate::{
    BackfillState, CustomFieldPolicy, FieldBackfill, FieldContract, FieldStanding, KnownField, RemoteField,
    RemoteType, Retyped,
};

/// What a comparison brings.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Compared {
    /// Every field, as it is to be saved; by name.
    pub fields: Vec<KnownField>,
    /// What changed; by name.
    pub drift: Vec<FieldDrift>,
}

/// Compares the catalogue with the fields that are there. Without a catalogue there is no drift: what is there is
/// what it starts from, and nothing of it is frozen.
///
/// Fields whose values older records lack are marked as waiting for a backfill.
pub(super) fn compare(
    known: Option<Vec<KnownField>>,
    remote: Vec<RemoteField>,
    policy: &CustomFieldPolicy,
    at: DateTime<Utc>,
) -> Compared {
    let is_first = known.is_none();
    let mut remote: HashMap<Arc<str>, RemoteField> =
        remote.into_iter().map(|field| (Arc::clone(&field.name), field)).collect();
    let mut compared = Compared::default();
    for field in known.unwrap_or_default() {
        let contract = policy.contract(&field.name);
        let now = remote.remove(&field.name);
        let mut entry = Entry { field, contract, at, drift: &mut compared.drift };
        match now {
            Some(now) => entry.meet(now),
            None => entry.miss(),
        }
        compared.fields.push(entry.field);
    }
    for field in remote.into_values() {
        let contract = policy.contract(&field.name);
        let field = KnownField::first_seen(field, contract, at);
        let mut entry = Entry { field, contract, at, drift: &mut compared.drift };
        entry.appear(is_first);
        compared.fields.push(entry.field);
    }
    compared.fields.sort_by(|a, b| a.name.cmp(&b.name));
    compared.drift.sort_by(|a, b| a.name.cmp(&b.name));
    compared
}

impl Compared {
    /// The fields whose backfill was called for just now.
    pub(super) fn calls_for_backfill(&self, at: DateTime<Utc>) -> bool {
        self.fields.iter().any(|field| field.backfill == Some(FieldBackfill::pending(at)))
    }

    /// There are no older records that could lack a value: the load that is to come brings them all.
    pub(super) fn spare_backfill(&mut self, at: DateTime<Utc>) {
        for field in &mut self.fields {
            field.backfill.take_if(|backfill| *backfill == FieldBackfill::pending(at));
        }
        for drift in &mut self.drift {
            drift.backfill = false;
        }
    }
}

/// One field under comparison.
struct Entry<'a> {
    field: KnownField,
    contract: FieldContract,
    at: DateTime<Utc>,
    drift: &'a mut Vec<FieldDrift>,
}

impl Entry<'_> {
    /// It was never seen before.
    fn appear(&mut self, is_first: bool) {
        self.field.standing = match self.contract {
            FieldContract::Discard => FieldStanding::Discarded,
            FieldContract::Freeze if !is_first => FieldStanding::Frozen,
            FieldContract::Freeze | FieldContract::Evolve => FieldStanding::Taken,
        };
        self.call_for_backfill();
        if !is_first {
            let r#type = self.field.field_type.clone();
            self.tell(Drift::New { r#type });
        }
    }

    /// It is known, and not there.
    fn miss(&mut self) {
        self.field.contract = self.contract;
        if self.field.gone_at.is_some() {
            return;
        }
        self.field.gone_at = Some(self.at);
        self.field.backfill.take_if(|backfill| backfill.state != BackfillState::Done);
        self.tell(Drift::Gone);
    }

    /// It is known, and there.
    fn meet(&mut self, now: RemoteField) {
        let before = self.field.standing;
        let came_back = self.field.gone_at.take().is_some();
        let r#type = RemoteType { name: now.remote_type, kind: now.kind };
        self.field.contract = self.contract;
        self.field.label = now.label;
        self.field.calculated = now.calculated;
        self.field.last_seen_at = self.at;

        let from = std::mem::replace(&mut self.field.field_type, r#type.clone());
        let was_retyped = from != r#type;
        self.field.standing = self.standing(before, &from);
        if was_retyped {
            self.note_type(before, from.clone());
        }
        let is_taken = self.field.standing == FieldStanding::Taken;
        if is_taken && (came_back || was_retyped || before != FieldStanding::Taken) {
            self.call_for_backfill();
        }
        if came_back {
            self.tell(Drift::Back);
        }
        if was_retyped {
            self.tell(Drift::Retyped { from, to: r#type });
        } else if before != self.field.standing {
            self.tell(Drift::Contract { from: before });
        }
    }

    /// Whether its values are read from now on.
    fn standing(&self, before: FieldStanding, from: &RemoteType) -> FieldStanding {
        let now = &self.field.field_type;
        match (self.contract, before) {
            (FieldContract::Discard, _) => FieldStanding::Discarded,
            (FieldContract::Evolve, _) => FieldStanding::Taken,
            (FieldContract::Freeze, FieldStanding::Taken) if now == from => FieldStanding::Taken,
            (FieldContract::Freeze, FieldStanding::Kept) if Some(now) == self.accepted() => {
                FieldStanding::Taken
            }
            (FieldContract::Freeze, FieldStanding::Taken | FieldStanding::Kept) => FieldStanding::Kept,
            (FieldContract::Freeze, FieldStanding::Frozen | FieldStanding::Discarded) => {
                FieldStanding::Frozen
            }
        }
    }

    /// The type of the values that are kept.
    fn accepted(&self) -> Option<&RemoteType> {
        self.field.retyped.as_ref().map(|retyped| &retyped.from)
    }

    fn note_type(&mut self, before: FieldStanding, from: RemoteType) {
        // Kept values stay those of the type that was read last, however often it changes meanwhile.
        let still_kept = before == FieldStanding::Kept && self.field.standing == FieldStanding::Kept;
        let from = self.accepted().filter(|_| still_kept).cloned().unwrap_or(from);
        self.field.retyped = Some(Retyped { from, at: self.at });
    }

    fn call_for_backfill(&mut self) {
        if self.field.standing == FieldStanding::Taken {
            self.field.backfill = Some(FieldBackfill::pending(self.at));
        }
    }

    fn tell(&mut self, drift: Drift) {
        self.drift.push(FieldDrift {
            name: Arc::clone(&self.field.name),
            label: self.field.label.clone(),
            contract: self.contract,
            standing: self.field.standing,
            backfill: self.field.backfill == Some(FieldBackfill::pending(self.at)),
            drift,
        });
    }
}
