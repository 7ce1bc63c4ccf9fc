//! What is known of the CRMs without asking the database.

use std::collections::BTreeMap;

use crate::cli::demo::act::Act;
use crate::cli::demo::compare::Fates;
use crate::cli::demo::upstream::{Census, Changes, Key, Merge, Upstream};
use crate::crm::Crm;
use crate::generated::Entity;

/// What is known of one of them.
pub(in crate::cli::demo) struct Known {
    pub(in crate::cli::demo) crm: Crm,
    /// At the start.
    pub(in crate::cli::demo) census: Census,
    pub(in crate::cli::demo) first: Changes,
    pub(in crate::cli::demo) second: Changes,
    /// How many changes the comparison has to find, by entity.
    pub(in crate::cli::demo) comparison: BTreeMap<Entity, u64>,
}

impl Known {
    /// Of a CRM in which nothing happened yet.
    pub(in crate::cli::demo) fn of(upstream: &dyn Upstream) -> Self {
        let (census, first, second) = (upstream.census(), Changes::default(), Changes::default());
        Self { crm: upstream.crm(), census, first, second, comparison: BTreeMap::new() }
    }

    /// Lets happen what happens before an act; says what it was, if it is worth a word.
    pub(in crate::cli::demo) fn meanwhile(
        &mut self,
        act: Act,
        upstream: &dyn Upstream,
        seed: u64,
    ) -> Option<String> {
        match act {
            Act::Load | Act::Backfill => None,
            Act::Delta => {
                self.first = upstream.change(seed);
                Some(self.first.sentence())
            }
            Act::SecondDelta => {
                self.second = upstream.change_again(&self.first);
                Some(self.second.sentence())
            }
            Act::Comparison => {
                // Associations are dated by when they were read: they have to be older than the comparison.
                upstream.wait();
                self.comparison = upstream.compared();
                None
            }
            Act::Quiet => {
                upstream.wait();
                None
            }
        }
    }

    /// How many changes of an entity an act has to find, and how many of them can't be applied.
    pub(in crate::cli::demo) fn changes(&self, act: Act, entity: Entity) -> (u64, u64) {
        match act {
            Act::Load => (self.census.of(entity).all(), 0),
            Act::Delta => (self.first.of(entity) + self.again(entity), self.first.unfit_of(entity)),
            Act::Backfill => (self.first.backfilled.get(&entity).copied().unwrap_or(0), 0),
            Act::SecondDelta => (self.second.of(entity) + self.again(entity), self.second.unfit_of(entity)),
            Act::Comparison => (self.comparison.get(&entity).copied().unwrap_or(0), 0),
            Act::Quiet => (self.again(entity), 0),
        }
    }

    /// What is told with every run, because the CRM does not say since when it is so.
    fn again(&self, entity: Entity) -> u64 {
        match (self.crm, entity) {
            (Crm::Hubspot, Entity::User) => self.census.of(entity).deleted,
            _ => 0,
        }
    }

    /// Every merge.
    pub(in crate::cli::demo) fn merges(&self) -> impl Iterator<Item = &Merge> {
        self.first.merged.iter().chain(&self.second.merged)
    }

    /// Records that were there and are gone.
    pub(super) fn gone(&self) -> Vec<Key> {
        let merged = self.merges().map(|merge| Key { entity: merge.entity, id: merge.loser.clone() });
        let deleted = self.first.deleted.iter().chain(&self.second.deleted).cloned();
        deleted.chain(merged).filter(|key| !self.second.restored.contains(key)).collect()
    }

    /// What happened to records that others lead to.
    pub(super) fn fates(&self) -> Fates {
        let redirects = self.merges().map(|merge| (merge.loser.to_string(), merge.winner.to_string()));
        let deleted = self.first.deleted.iter().chain(&self.second.deleted).map(|key| key.id.to_string());
        Fates { redirects: redirects.collect(), deleted: deleted.collect() }
    }
}
