//! What the users of a CRM did between two runs.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use sync_wiring::core::ExternalId;

use crate::generated::Entity;
use crate::output::thousands;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli::demo) struct Key {
    pub(in crate::cli::demo) entity: Entity,
    pub(in crate::cli::demo) id: ExternalId,
}

/// Two records that became one.
#[derive(Clone, Debug)]
pub(in crate::cli::demo) struct Merge {
    pub(in crate::cli::demo) entity: Entity,
    pub(in crate::cli::demo) loser: ExternalId,
    pub(in crate::cli::demo) winner: ExternalId,
}

/// A number of things that were done, and how it is told.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli::demo) struct Did {
    /// In the document.
    pub(in crate::cli::demo) name: &'static str,
    pub(in crate::cli::demo) number: usize,
    /// In a sentence, after the number.
    pub(in crate::cli::demo) words: &'static str,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub(in crate::cli::demo) struct Changes {
    /// How many changes a run has to find, by entity.
    pub(in crate::cli::demo) found: BTreeMap<Entity, u64>,
    /// How many records have a value of a new field, and no sign that they changed, by entity.
    pub(in crate::cli::demo) backfilled: BTreeMap<Entity, u64>,
    /// Records with a value that no table can hold.
    pub(in crate::cli::demo) unfit: Vec<Key>,
    /// Records that are gone.
    pub(in crate::cli::demo) deleted: Vec<Key>,
    /// Records that are back.
    pub(in crate::cli::demo) restored: Vec<Key>,
    pub(in crate::cli::demo) merged: Vec<Merge>,
    /// A deal worth telling the story of.
    pub(in crate::cli::demo) hero: Option<ExternalId>,
    pub(in crate::cli::demo) told: Vec<Did>,
}

impl Changes {
    /// Notes that a run has to find so many changes more of an entity.
    pub(in crate::cli::demo) fn expect(&mut self, entity: Entity, number: u64) {
        *self.found.entry(entity).or_default() += number;
    }

    /// How many changes of an entity a run has to find.
    pub(in crate::cli::demo) fn of(&self, entity: Entity) -> u64 {
        self.found.get(&entity).copied().unwrap_or(0)
    }

    /// How many records of an entity can't be applied.
    pub(in crate::cli::demo) fn unfit_of(&self, entity: Entity) -> u64 {
        self.unfit.iter().filter(|key| key.entity == entity).count() as u64
    }

    /// What people are told.
    pub(in crate::cli::demo) fn sentence(&self) -> String {
        let done = self.told.iter().filter(|did| did.number > 0);
        let parts: Vec<_> =
            done.map(|did| format!("{} {}", thousands(did.number as u64), did.words)).collect();
        parts.join(", ")
    }
}

/// The numbers, by name.
impl Serialize for Changes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.told.iter().map(|did| (did.name, did.number)))
    }
}
