//! Finding rows, and remembering what was found for the pages that follow.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

use super::compile::Search;
use super::filter::{Field, Filter, Op, Operand, read};
use crate::hubspot::model::{Account, Row};

/// So many searches are remembered.
const REMEMBERED: usize = 16;

/// Results of recent searches: their pages come one after the other, and nothing changed in between.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    entries: VecDeque<Entry>,
}

#[derive(Debug)]
struct Entry {
    key: String,
    generation: u64,
    /// What was found holds at this time only, when the index was still catching up.
    at: Option<i64>,
    ids: Arc<Vec<u64>>,
}

impl Cache {
    fn get(&self, key: &str, generation: u64, now: i64) -> Option<Arc<Vec<u64>>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        let fresh = entry.generation == generation && entry.at.is_none_or(|at| at == now);
        fresh.then(|| Arc::clone(&entry.ids))
    }

    fn put(&mut self, entry: Entry) {
        self.entries.retain(|other| other.key != entry.key);
        if self.entries.len() >= REMEMBERED {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }
}

/// The ids of all rows that fit, in order.
pub(crate) fn find(
    account: &Account,
    search: &Search,
    cache: &std::sync::Mutex<Cache>,
    now: i64,
) -> Arc<Vec<u64>> {
    let key = format!("{}/{:?}/{:?}/{:?}", search.object, search.groups, search.order, search.query);
    let locked = || cache.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(ids) = locked().get(&key, account.generation, now) {
        return ids;
    }
    let ids = Arc::new(matching(account, search, now));
    let at = (!account.tables.iter().all(super::super::model::Table::is_settled)).then_some(now);
    locked().put(Entry { key, generation: account.generation, at, ids: Arc::clone(&ids) });
    ids
}

fn matching(account: &Account, search: &Search, now: i64) -> Vec<u64> {
    let table = &account.tables[search.object];
    let fits = |id: u64, row: &Row| {
        let any = search.groups.is_empty()
            || search
                .groups
                .iter()
                .any(|group| group.iter().all(|filter| filter.matches(account, search.object, (id, row))));
        any && search.query.as_ref().is_none_or(|(words, places)| mentions(row, words, places))
    };
    let mut found = Found::new(account, search);
    let only = if let [group] = search.groups.as_slice() { group.as_slice() } else { &[] };
    if let Some((low, high)) = bounds(only, &Field::Modified) {
        for (id, row) in table.indexed_by_stamp((low, 0)..=(high, u64::MAX), now) {
            if fits(id, row) {
                found.push(id, row);
            }
        }
    } else {
        let (low, high) = bounds(only, &Field::Id).unwrap_or((0, i64::MAX));
        let range = u64::try_from(low).unwrap_or(0)..=u64::try_from(high).unwrap_or(0);
        // An empty range is written with its ends crossed, which a tree refuses.
        if range.start() <= range.end() {
            for (id, row) in table.indexed(range, now) {
                if fits(id, row) {
                    found.push(id, row);
                }
            }
        }
    }
    found.sorted()
}

fn mentions(row: &Row, words: &str, places: &[usize]) -> bool {
    let texts = || places.iter().filter_map(|slot| row.stored(*slot));
    words.split_whitespace().all(|word| texts().any(|text| text.to_lowercase().contains(word)))
}

/// The range that a group allows for a date or the id; nothing when it does not limit it.
fn bounds(group: &[Filter], field: &Field) -> Option<(i64, i64)> {
    let mut range: Option<(i64, i64)> = None;
    for filter in group.iter().filter(|filter| filter.field == *field) {
        let (low, high) = match &filter.op {
            Op::Eq(Operand::Int(at)) => (*at, *at),
            Op::Lt(Operand::Int(at)) => (i64::MIN, at.saturating_sub(1)),
            Op::Lte(Operand::Int(at)) => (i64::MIN, *at),
            Op::Gt(Operand::Int(at)) => (at.saturating_add(1), i64::MAX),
            Op::Gte(Operand::Int(at)) => (*at, i64::MAX),
            Op::Between(Operand::Int(low), Operand::Int(high)) => (*low, *high),
            _ => continue,
        };
        let before = range.unwrap_or((i64::MIN, i64::MAX));
        range = Some((before.0.max(low), before.1.min(high)));
    }
    // A range that crosses itself holds nothing; kept valid for the tree.
    range.map(|(low, high)| if low > high { (i64::MAX, i64::MAX) } else { (low, high) })
}

/// Ids with what they are ordered by.
enum Found<'a> {
    Ids(Vec<u64>, bool),
    Times(Vec<(i64, u64)>, &'a Search),
    Values(Vec<(Option<Operand>, u64)>, &'a Account, &'a Search),
}

impl<'a> Found<'a> {
    fn new(account: &'a Account, search: &'a Search) -> Self {
        match search.order.field {
            Field::Id => Self::Ids(Vec::new(), search.order.descending),
            Field::Created | Field::Modified => Self::Times(Vec::new(), search),
            _ => Self::Values(Vec::new(), account, search),
        }
    }

    fn push(&mut self, id: u64, row: &Row) {
        match self {
            Self::Ids(ids, _) => ids.push(id),
            Self::Times(ids, search) => {
                let modified = search.order.field == Field::Modified;
                ids.push((if modified { row.updated_at } else { row.created_at }, id));
            }
            Self::Values(ids, account, search) => {
                ids.push((read(account, search.object, (id, row), &search.order.field), id));
            }
        }
    }

    fn sorted(self) -> Vec<u64> {
        match self {
            Self::Ids(mut ids, descending) => {
                ids.sort_unstable();
                if descending {
                    ids.reverse();
                }
                ids
            }
            Self::Times(mut ids, search) => {
                ids.sort_unstable();
                if search.order.descending {
                    ids.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
                }
                ids.into_iter().map(|(_, id)| id).collect()
            }
            Self::Values(mut ids, _, search) => {
                ids.sort_by(|(one, id), (other, other_id)| {
                    let order = match (one, other) {
                        (Some(one), Some(other)) => {
                            let order = one.compare(other).unwrap_or(Ordering::Equal);
                            if search.order.descending { order.reverse() } else { order }
                        }
                        // Rows without a value come last, either way.
                        (one, other) => other.is_some().cmp(&one.is_some()),
                    };
                    order.then(id.cmp(other_id))
                });
                ids.into_iter().map(|(_, id)| id).collect()
            }
        }
    }
}
