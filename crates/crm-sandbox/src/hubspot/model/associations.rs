//! Which rows belong together, under which labels. Both directions are kept: each has type ids of its own.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

/// Who defined a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "named as HubSpot names them")]
pub enum Category {
    HubspotDefined,
    UserDefined,
    IntegratorDefined,
}

/// From which object to which, by their places among the account's objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Pair {
    pub(crate) from: usize,
    pub(crate) to: usize,
}

impl Pair {
    pub(crate) fn back(self) -> Self {
        Self { from: self.to, to: self.from }
    }
}

/// One type of association in one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssociationLabel {
    /// Who defined it.
    pub category: Category,
    /// Its id; no two directions share one, unless both sides are alike.
    pub type_id: u32,
    /// What people see; nothing when the association has no label.
    pub label: Option<String>,
    /// Internal name: `deal_to_company`.
    pub name: String,
    /// At most one of a row's associations has it.
    pub primary: bool,
    pub(crate) pair: Pair,
    /// The type id of the way back.
    pub(crate) inverse: u32,
}

/// All associations of an account.
#[derive(Debug, Default)]
pub(crate) struct Associations {
    labels: Vec<AssociationLabel>,
    edges: HashMap<Pair, BTreeMap<(u64, u64), Vec<u32>>>,
}

impl Associations {
    pub(crate) fn define(&mut self, label: AssociationLabel) {
        self.labels.push(label);
    }

    /// Every type of this direction.
    pub(crate) fn labels_of(&self, pair: Pair) -> impl Iterator<Item = &AssociationLabel> {
        self.labels.iter().filter(move |label| label.pair == pair)
    }

    pub(crate) fn label(&self, pair: Pair, type_id: u32) -> Option<&AssociationLabel> {
        self.labels_of(pair).find(|label| label.type_id == type_id)
    }

    pub(crate) fn labels_mut(&mut self, pair: Pair) -> impl Iterator<Item = &mut AssociationLabel> {
        self.labels.iter_mut().filter(move |label| label.pair == pair)
    }

    /// The type that every association of this direction has.
    pub(crate) fn plain(&self, pair: Pair) -> Option<&AssociationLabel> {
        self.labels_of(pair).find(|label| label.label.is_none())
    }

    /// A type id nobody uses.
    pub(crate) fn free_type_id(&self) -> u32 {
        self.labels.iter().map(|label| label.type_id).filter(|id| *id < 200).max().unwrap_or(36).max(36) + 1
    }

    /// Removes a label with its use; the associations stay, without it. False when there is no such label.
    pub(crate) fn undefine(&mut self, pair: Pair, type_id: u32) -> bool {
        let Some(inverse) = self.label(pair, type_id).map(|label| label.inverse) else { return false };
        self.labels.retain(|label| {
            !((label.pair == pair && label.type_id == type_id)
                || (label.pair == pair.back() && label.type_id == inverse))
        });
        for (pair, type_id) in [(pair, type_id), (pair.back(), inverse)] {
            for types in self.edges.get_mut(&pair).into_iter().flat_map(|edges| edges.values_mut()) {
                types.retain(|other| *other != type_id);
            }
        }
        true
    }

    /// Associates two rows, with these types besides the plain one. False when nothing changed.
    pub(crate) fn link(&mut self, pair: Pair, from: u64, to: u64, types: &[u32]) -> bool {
        let mut all: Vec<(u32, u32, bool)> = Vec::with_capacity(types.len() + 1);
        for type_id in types.iter().copied().chain(self.plain(pair).map(|label| label.type_id)) {
            if let Some(label) = self.label(pair, type_id)
                && !all.iter().any(|(known, ..)| *known == type_id)
            {
                all.push((type_id, label.inverse, label.primary));
            }
        }
        let mut changed = false;
        for (type_id, inverse, primary) in all {
            if primary {
                changed |= self.demote_others(pair, from, to, type_id, inverse);
            }
            changed |= self.add(pair, from, to, type_id);
            self.add(pair.back(), to, from, inverse);
        }
        changed
    }

    fn add(&mut self, pair: Pair, from: u64, to: u64, type_id: u32) -> bool {
        let types = self.edges.entry(pair).or_default().entry((from, to)).or_default();
        match types.binary_search(&type_id) {
            Ok(_) => false,
            Err(place) => {
                types.insert(place, type_id);
                true
            }
        }
    }

    /// Takes the primary label from every other association of `from`.
    fn demote_others(&mut self, pair: Pair, from: u64, to: u64, type_id: u32, inverse: u32) -> bool {
        let holders: Vec<u64> = self
            .of(pair, from)
            .filter(|(other, types)| *other != to && types.contains(&type_id))
            .map(|(other, _)| other)
            .collect();
        for other in &holders {
            self.unlabel(pair, from, *other, type_id);
            self.unlabel(pair.back(), *other, from, inverse);
        }
        !holders.is_empty()
    }

    fn unlabel(&mut self, pair: Pair, from: u64, to: u64, type_id: u32) -> bool {
        let Some(types) = self.edges.get_mut(&pair).and_then(|edges| edges.get_mut(&(from, to))) else {
            return false;
        };
        let before = types.len();
        types.retain(|other| *other != type_id);
        types.len() < before
    }

    /// Takes labels from an association; the plain one goes with everything. False when nothing changed.
    pub(crate) fn unlink_types(&mut self, pair: Pair, from: u64, to: u64, types: &[u32]) -> bool {
        let mut changed = false;
        for type_id in types {
            let Some(label) = self.label(pair, *type_id) else { continue };
            let (inverse, plain) = (label.inverse, label.label.is_none());
            if plain && types.len() == 1 {
                return self.unlink(pair, from, to);
            }
            changed |= self.unlabel(pair, from, to, *type_id);
            self.unlabel(pair.back(), to, from, inverse);
        }
        changed
    }

    /// Ends an association. False when there was none.
    pub(crate) fn unlink(&mut self, pair: Pair, from: u64, to: u64) -> bool {
        if let Some(back) = self.edges.get_mut(&pair.back()) {
            back.remove(&(to, from));
        }
        self.edges.get_mut(&pair).is_some_and(|edges| edges.remove(&(from, to)).is_some())
    }

    /// The rows that `from` is associated with, by id, with their types.
    pub(crate) fn of(&self, pair: Pair, from: u64) -> impl Iterator<Item = (u64, &[u32])> {
        self.of_after(pair, from, 0)
    }

    /// As [`Associations::of`], from this id on.
    pub(crate) fn of_after(&self, pair: Pair, from: u64, start: u64) -> impl Iterator<Item = (u64, &[u32])> {
        let edges = self.edges.get(&pair);
        edges
            .into_iter()
            .flat_map(move |edges| edges.range((from, start)..=(from, u64::MAX)))
            .map(|((_, to), types)| (*to, types.as_slice()))
    }

    /// Every association of this direction, by ids.
    pub(crate) fn all(&self, pair: Pair) -> impl Iterator<Item = (u64, u64, &[u32])> {
        let edges = self.edges.get(&pair).into_iter().flatten();
        edges.map(|((from, to), types)| (*from, *to, types.as_slice()))
    }

    /// Whether two rows are associated.
    pub(crate) fn are_linked(&self, pair: Pair, from: u64, to: u64) -> bool {
        self.edges.get(&pair).is_some_and(|edges| edges.contains_key(&(from, to)))
    }

    /// The row that holds the primary label; else nothing.
    pub(crate) fn primary_of(&self, pair: Pair, from: u64) -> Option<u64> {
        let primary = self.labels_of(pair).find(|label| label.primary)?.type_id;
        self.of(pair, from).find(|(_, types)| types.contains(&primary)).map(|(to, _)| to)
    }

    /// Gives all associations of `loser` to `winner`, labels included; the winner's primary ones stay.
    pub(crate) fn hand_over(&mut self, object: usize, loser: u64, winner: u64) {
        for pair in self.pairs_from(object) {
            let moved: Vec<(u64, Vec<u32>)> =
                self.of(pair, loser).map(|(to, types)| (to, types.to_vec())).collect();
            for (to, mut types) in moved {
                self.unlink(pair, loser, to);
                if self.primary_of(pair, winner).is_some() {
                    types.retain(|type_id| !self.label(pair, *type_id).is_some_and(|label| label.primary));
                }
                if to != winner || pair.to != object {
                    self.link(pair, winner, to, &types);
                }
            }
        }
    }

    /// Ends all associations of a row.
    pub(crate) fn forget(&mut self, object: usize, id: u64) {
        for pair in self.pairs_from(object) {
            let others: Vec<u64> = self.of(pair, id).map(|(to, _)| to).collect();
            for to in others {
                self.unlink(pair, id, to);
            }
        }
    }

    fn pairs_from(&self, object: usize) -> Vec<Pair> {
        let mut pairs: Vec<Pair> = self.edges.keys().filter(|pair| pair.from == object).copied().collect();
        pairs.sort_by_key(|pair| pair.to);
        pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEAL_COMPANY: Pair = Pair { from: 2, to: 1 };

    fn links() -> Associations {
        let mut links = Associations::default();
        for (type_id, inverse, label) in [(341, 342, None), (5, 6, Some("Primary"))] {
            for (pair, type_id, inverse) in
                [(DEAL_COMPANY, type_id, inverse), (DEAL_COMPANY.back(), inverse, type_id)]
            {
                links.define(AssociationLabel {
                    category: Category::HubspotDefined,
                    type_id,
                    label: label.map(str::to_owned),
                    name: String::new(),
                    primary: label.is_some() && pair == DEAL_COMPANY,
                    pair,
                    inverse,
                });
            }
        }
        links
    }

    #[test]
    fn a_new_primary_takes_the_label_from_the_old_one() {
        let mut links = links();
        assert!(links.link(DEAL_COMPANY, 1, 10, &[5]));
        assert!(links.link(DEAL_COMPANY, 1, 11, &[5]));
        assert!(!links.link(DEAL_COMPANY, 1, 11, &[5]), "the same again changes nothing");
        let seen: Vec<_> = links.of(DEAL_COMPANY, 1).map(|(to, types)| (to, types.to_vec())).collect();
        assert_eq!(seen, [(10, vec![341]), (11, vec![5, 341])]);
        assert_eq!(links.of(DEAL_COMPANY.back(), 11).next(), Some((1, &[6, 342][..])));
    }

    #[test]
    fn merged_rows_hand_their_associations_over() {
        let mut links = links();
        links.link(DEAL_COMPANY, 1, 10, &[5]);
        links.link(DEAL_COMPANY, 2, 11, &[5]);
        links.hand_over(2, 2, 1);
        assert_eq!(links.of(DEAL_COMPANY, 2).count(), 0);
        assert_eq!(links.primary_of(DEAL_COMPANY, 1), Some(10), "the survivor's primary stays");
        assert!(links.are_linked(DEAL_COMPANY.back(), 11, 1));
        links.forget(1, 10);
        assert_eq!(links.of(DEAL_COMPANY, 1).map(|(to, _)| to).collect::<Vec<_>>(), [11]);
    }
}
