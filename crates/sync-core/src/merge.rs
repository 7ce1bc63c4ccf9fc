//! Records that were merged into others, and where links to them lead from then on.
//!
//! Pure: every store keeps the redirects, and asks here what a merge or a return changes.

use std::collections::{BTreeMap, BTreeSet};

use crate::{ExternalId, SinkError};

/// A record that was merged into another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merge {
    /// The record that is gone.
    pub loser: ExternalId,
    /// The record that goes on.
    pub winner: ExternalId,
}

/// A redirect as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The record that is gone.
    pub loser: ExternalId,
    /// The record it was merged into, as the CRM said.
    pub merged_into: ExternalId,
    /// Where links lead: the end of the chain, so that following a redirect is one look-up.
    pub winner: ExternalId,
}

/// A merge that would send links in a circle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{loser} is to be merged into itself, or into a record that was merged into it before")]
pub struct MergeCycle {
    /// The record that was to be merged.
    pub loser: ExternalId,
}

impl From<MergeCycle> for SinkError {
    fn from(cycle: MergeCycle) -> Self {
        let reason = cycle.to_string();
        Self::Record { external_id: Some(cycle.loser), class: "merge_cycle", reason }
    }
}

/// The redirects around some records, to be changed.
///
/// ```
/// use sync_core::{Merge, Redirects};
///
/// let mut redirects = Redirects::default();
/// redirects.merge(&Merge { loser: "a".into(), winner: "b".into() })?;
/// redirects.merge(&Merge { loser: "b".into(), winner: "c".into() })?;
/// let changes = redirects.finish();
/// assert_eq!(changes.set[0].loser.as_str(), "a");
/// assert_eq!((changes.set[0].merged_into.as_str(), changes.set[0].winner.as_str()), ("b", "c"));
/// # Ok::<(), sync_core::MergeCycle>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Redirects {
    stored: BTreeMap<ExternalId, Redirect>,
    /// What each record was merged into.
    merged_into: BTreeMap<ExternalId, ExternalId>,
}

/// What has to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedirectChanges {
    /// Redirects to be added or replaced.
    pub set: Vec<Redirect>,
    /// Losers that have none any more.
    pub removed: Vec<ExternalId>,
    /// Records to which links lead elsewhere than before.
    pub moved: Vec<Moved>,
}

/// A record to which links lead elsewhere than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The record that children name.
    pub id: ExternalId,
    /// The record whose row they were bound to.
    pub from: ExternalId,
    /// The record whose row they are to be bound to.
    pub to: ExternalId,
}

impl Redirects {
    /// Those that are stored. Of each chain that is to be changed, all have to be among them: a chain's redirects
    /// share their winner.
    #[must_use]
    pub fn new(stored: impl IntoIterator<Item = Redirect>) -> Self {
        let stored: BTreeMap<_, _> = stored.into_iter().map(|r| (r.loser.clone(), r)).collect();
        let merged_into = stored.values().map(|r| (r.loser.clone(), r.merged_into.clone())).collect();
        Self { stored, merged_into }
    }

    /// Adds a merge; a later one of the same record replaces an earlier one.
    ///
    /// # Errors
    /// [`MergeCycle`], with nothing changed, when the winner was merged into the loser.
    pub fn merge(&mut self, merge: &Merge) -> Result<(), MergeCycle> {
        if merge.loser == merge.winner || self.chain(&merge.winner).any(|id| *id == merge.loser) {
            return Err(MergeCycle { loser: merge.loser.clone() });
        }
        self.merged_into.insert(merge.loser.clone(), merge.winner.clone());
        Ok(())
    }

    /// Takes back what is known of a record's merge: it is there again.
    pub fn restore(&mut self, loser: &ExternalId) {
        self.merged_into.remove(loser);
    }

    /// What all that changes.
    #[must_use]
    pub fn finish(self) -> RedirectChanges {
        let mut changes = RedirectChanges::default();
        let losers: BTreeSet<&ExternalId> = self.stored.keys().chain(self.merged_into.keys()).collect();
        for loser in losers {
            let before = self.stored.get(loser);
            let after = self.merged_into.get(loser).map(|merged_into| Redirect {
                loser: loser.clone(),
                merged_into: merged_into.clone(),
                winner: self.chain(merged_into).last().unwrap_or(merged_into).clone(),
            });
            let leads_to = |redirect: Option<&Redirect>| redirect.map_or(loser, |r| &r.winner).clone();
            let (from, to) = (leads_to(before), leads_to(after.as_ref()));
            if from != to {
                changes.moved.push(Moved { id: loser.clone(), from, to });
            }
            match after {
                Some(after) if before != Some(&after) => changes.set.push(after),
                None => changes.removed.push(loser.clone()),
                Some(_) => {}
            }
        }
        changes
    }

    /// A record and what it was merged into, step by step. Ends even where what is stored goes in a circle.
    fn chain<'a>(&'a self, id: &'a ExternalId) -> impl Iterator<Item = &'a ExternalId> {
        std::iter::successors(Some(id), |id| self.merged_into.get(*id)).take(self.merged_into.len() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(loser: &str, winner: &str) -> Merge {
        Merge { loser: loser.into(), winner: winner.into() }
    }

    fn redirect(loser: &str, merged_into: &str, winner: &str) -> Redirect {
        Redirect { loser: loser.into(), merged_into: merged_into.into(), winner: winner.into() }
    }

    fn moved(id: &str, from: &str, to: &str) -> Moved {
        Moved { id: id.into(), from: from.into(), to: to.into() }
    }

    #[test]
    fn chain_leads_to_its_end() {
        let mut redirects = Redirects::new([redirect("a", "b", "b")]);
        redirects.merge(&merge("b", "c")).unwrap();
        let changes = redirects.finish();
        assert_eq!(changes.set, [redirect("a", "b", "c"), redirect("b", "c", "c")]);
        assert_eq!(changes.moved, [moved("a", "b", "c"), moved("b", "b", "c")]);
    }

    #[test]
    fn merge_into_a_record_that_is_gone_leads_on() {
        let mut redirects = Redirects::new([redirect("b", "c", "c")]);
        redirects.merge(&merge("a", "b")).unwrap();
        assert_eq!(redirects.finish().set, [redirect("a", "b", "c")]);
    }

    #[test]
    fn merging_again_into_another_moves_the_own_links_only() {
        let mut redirects = Redirects::new([redirect("a", "b", "b"), redirect("z", "b", "b")]);
        redirects.merge(&merge("a", "c")).unwrap();
        let changes = redirects.finish();
        assert_eq!(changes.set, [redirect("a", "c", "c")]);
        assert_eq!(changes.moved, [moved("a", "b", "c")]);
    }

    #[test]
    fn returning_record_takes_back_what_was_merged_into_it() {
        let mut redirects = Redirects::new([redirect("a", "b", "c"), redirect("b", "c", "c")]);
        redirects.restore(&"b".into());
        let changes = redirects.finish();
        assert_eq!(changes.removed, ["b".into()]);
        assert_eq!(changes.set, [redirect("a", "b", "b")]);
        assert_eq!(changes.moved, [moved("a", "c", "b"), moved("b", "c", "b")]);
    }

    #[test]
    fn circles_are_refused_and_change_nothing() {
        let mut redirects = Redirects::new([redirect("a", "b", "c"), redirect("b", "c", "c")]);
        for (loser, winner) in [("c", "a"), ("c", "b"), ("b", "a"), ("x", "x")] {
            assert_eq!(redirects.merge(&merge(loser, winner)), Err(MergeCycle { loser: loser.into() }));
        }
        assert_eq!(redirects.finish(), RedirectChanges::default());
    }

    #[test]
    fn same_merge_again_changes_nothing() {
        let mut redirects = Redirects::new([redirect("a", "b", "b")]);
        redirects.merge(&merge("a", "b")).unwrap();
        assert_eq!(redirects.finish(), RedirectChanges::default());
    }

    #[test]
    fn stored_circle_ends() {
        let mut redirects = Redirects::new([redirect("a", "b", "b"), redirect("b", "a", "b")]);
        redirects.merge(&merge("c", "a")).unwrap();
        assert!(redirects.finish().set.iter().any(|r| r.loser.as_str() == "c"));
    }
}
