//! Rows of one object, what the search index knows of them, and the orders that keep many of them quick to page.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeBounds;

use super::object::ObjectDef;
use super::property::Source;

/// A stored value: text, or unset.
pub(crate) type Value = Option<Box<str>>;

/// One version of a row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// When it was made.
    pub created_at: i64,
    /// When it was last changed.
    pub updated_at: i64,
    /// When it was archived.
    pub archived_at: Option<i64>,
    /// Ids that were merged into it.
    pub merged: Vec<u64>,
    pub(crate) values: Vec<Value>,
    /// Earlier writes, oldest first; nothing for values that were there from the start.
    pub(crate) history: Vec<Change>,
}

/// One write of one value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    /// Where the value lies in the row.
    pub(crate) slot: usize,
    pub(crate) value: Value,
    pub(crate) at: i64,
    /// `API`, `CRM_UI`, …
    pub(crate) source: &'static str,
}

impl Row {
    /// The stored value at a position.
    pub(crate) fn stored(&self, slot: usize) -> Option<&str> {
        self.values.get(slot)?.as_deref()
    }

    /// Stores a value.
    pub(crate) fn set(&mut self, slot: usize, value: Value) {
        if self.values.len() <= slot {
            self.values.resize(slot + 1, None);
        }
        self.values[slot] = value;
    }
}

/// A row with the versions that a late index still finds.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    /// The newest version: what lists and reads show.
    pub(crate) row: Row,
    /// When search begins to find `row`; `i64::MIN` when at once.
    pub(crate) indexed_from: i64,
    /// What search finds before that; nothing when the row is new.
    pub(crate) older: Option<Box<Slot>>,
}

impl Slot {
    /// The version search finds at `now`.
    pub(crate) fn indexed(&self, now: i64) -> Option<&Row> {
        let mut slot = self;
        while slot.indexed_from > now {
            slot = slot.older.as_deref()?;
        }
        Some(&slot.row)
    }
}

/// All rows of one object.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) def: ObjectDef,
    /// Rows by place; places of purged rows are used again.
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    places: HashMap<u64, usize>,
    live: BTreeMap<u64, usize>,
    archived: BTreeMap<u64, usize>,
    /// Every version's (stamp, id) of live rows. May hold superseded versions; readers check the row.
    by_stamp: BTreeMap<(i64, u64), usize>,
    /// Rows by folded text, for unique properties: slot, then text.
    by_key: HashMap<usize, HashMap<Box<str>, Vec<u64>>>,
    /// Old ids of merged rows, with the row that took them over.
    pub(crate) aliases: HashMap<u64, u64>,
    pub(crate) next_id: u64,
    unsettled: BTreeSet<u64>,
}

impl Table {
    pub(crate) fn new(def: ObjectDef, first_id: u64) -> Self {
        let mut table = Self {
            def,
            slots: Vec::new(),
            free: Vec::new(),
            places: HashMap::new(),
            live: BTreeMap::new(),
            archived: BTreeMap::new(),
            by_stamp: BTreeMap::new(),
            by_key: HashMap::new(),
            aliases: HashMap::new(),
            next_id: first_id,
            unsettled: BTreeSet::new(),
        };
        table.reindex_keys();
        table
    }

    pub(crate) fn live_len(&self) -> usize {
        self.live.len()
    }

    pub(crate) fn slot(&self, id: u64) -> Option<&Slot> {
        self.slots[*self.places.get(&id)?].as_ref()
    }

    /// The newest version of a row, archived or not.
    pub(crate) fn row(&self, id: u64) -> Option<&Row> {
        self.slot(id).map(|slot| &slot.row)
    }

    /// The newest version of a row that is not archived.
    pub(crate) fn live_row(&self, id: u64) -> Option<&Row> {
        self.row(id).filter(|row| row.archived_at.is_none())
    }

    /// Follows merges.
    pub(crate) fn resolve(&self, mut id: u64) -> u64 {
        while let Some(next) = self.aliases.get(&id) {
            id = *next;
        }
        id
    }

    /// Rows in id order, either live or archived ones.
    pub(crate) fn list(
        &self,
        archived: bool,
        ids: impl RangeBounds<u64>,
    ) -> impl DoubleEndedIterator<Item = (u64, &Row)> {
        let order = if archived { &self.archived } else { &self.live };
        order.range(ids).filter_map(|(id, place)| Some((*id, &self.slots[*place].as_ref()?.row)))
    }

    /// Live rows as search finds them, in id order.
    pub(crate) fn indexed(&self, ids: impl RangeBounds<u64>, now: i64) -> impl Iterator<Item = (u64, &Row)> {
        self.live
            .range(ids)
            .filter_map(move |(id, place)| Some((*id, self.slots[*place].as_ref()?.indexed(now)?)))
    }

    /// Live rows as search finds them, by their stamps.
    pub(crate) fn indexed_by_stamp(
        &self,
        range: impl RangeBounds<(i64, u64)>,
        now: i64,
    ) -> impl Iterator<Item = (u64, &Row)> {
        self.by_stamp.range(range).filter_map(move |((stamp, id), place)| {
            let row = self.slots[*place].as_ref()?.indexed(now)?;
            (row.updated_at == *stamp).then_some((*id, row))
        })
    }

    /// One row as search finds it.
    pub(crate) fn indexed_row(&self, id: u64, now: i64) -> Option<&Row> {
        let slot = self.slot(id)?;
        if slot.row.archived_at.is_some() { None } else { slot.indexed(now) }
    }

    /// Whether what search finds depends on the time.
    pub(crate) fn is_settled(&self) -> bool {
        self.unsettled.is_empty()
    }

    /// Stores a new version. With `indexed_from`, search keeps finding the version before until then.
    pub(crate) fn put(&mut self, id: u64, row: Row, indexed_from: Option<i64>) {
        let place = self.place_of(id);
        let old = self.slots[place].take();
        if let Some(old) = &old {
            self.unindex_keys(id, &old.row);
        }
        if row.archived_at.is_some() {
            self.forget_stamps(id, old.as_ref(), None);
            self.live.remove(&id);
            self.archived.insert(id, place);
            self.unsettled.remove(&id);
            self.slots[place] = Some(Slot { row, indexed_from: i64::MIN, older: None });
            return;
        }
        self.index_keys(id, &row);
        // A restored row was not in the index before.
        let old = old.filter(|_| self.archived.remove(&id).is_none());
        self.live.insert(id, place);
        self.by_stamp.insert((row.updated_at, id), place);
        let slot = match indexed_from {
            Some(indexed_from) => {
                self.unsettled.insert(id);
                Slot { row, indexed_from, older: old.map(Box::new) }
            }
            None => {
                self.forget_stamps(id, old.as_ref(), Some(row.updated_at));
                self.unsettled.remove(&id);
                Slot { row, indexed_from: i64::MIN, older: None }
            }
        };
        self.slots[place] = Some(slot);
    }

    /// Removes a row for good.
    pub(crate) fn purge(&mut self, id: u64) -> Option<Row> {
        let place = self.places.remove(&id)?;
        self.live.remove(&id);
        self.archived.remove(&id);
        self.unsettled.remove(&id);
        self.free.push(place);
        let slot = self.slots[place].take()?;
        self.unindex_keys(id, &slot.row);
        self.forget_stamps(id, Some(&slot), None);
        Some(slot.row)
    }

    /// Drops versions that search can't find any more at `now`.
    pub(crate) fn settle(&mut self, now: i64) {
        for id in std::mem::take(&mut self.unsettled) {
            let Some(place) = self.places.get(&id).copied() else { continue };
            let Some(mut slot) = self.slots[place].take() else { continue };
            if slot.indexed_from <= now {
                let older = slot.older.take();
                self.forget_stamps(id, older.as_deref(), Some(slot.row.updated_at));
                slot.indexed_from = i64::MIN;
            } else {
                self.unsettled.insert(id);
            }
            self.slots[place] = Some(slot);
        }
    }

    /// Live rows whose unique property at `slot` holds `text`, case ignored.
    pub(crate) fn find_key(&self, slot: usize, text: &str) -> &[u64] {
        let keys = self.by_key.get(&slot);
        keys.and_then(|keys| keys.get(text.to_lowercase().as_str())).map_or(&[], Vec::as_slice)
    }

    /// Rebuilds the index of unique values, after properties changed.
    pub(crate) fn reindex_keys(&mut self) {
        let unique = self.def.properties().iter().filter(|property| property.unique);
        let slots = unique.filter_map(|property| match property.source {
            Source::Stored(slot) => Some(slot),
            _ => None,
        });
        self.by_key = slots.map(|slot| (slot, HashMap::new())).collect();
        for (id, place) in &self.live {
            let Some(slot) = &self.slots[*place] else { continue };
            for (key, rows) in &mut self.by_key {
                if let Some(text) = slot.row.stored(*key) {
                    rows.entry(text.to_lowercase().into()).or_default().push(*id);
                }
            }
        }
    }

    /// Edits one value of every version of every row, without moving stamps.
    pub(crate) fn edit_values(&mut self, slot: usize, edit: impl Fn(&mut Value)) {
        for mut version in self.slots.iter_mut().flatten() {
            loop {
                if let Some(value) = version.row.values.get_mut(slot) {
                    edit(value);
                }
                match &mut version.older {
                    Some(older) => version = older,
                    None => break,
                }
            }
        }
    }

    /// Fills an empty table quickly. Every id must occur once.
    pub(crate) fn load(&mut self, rows: Vec<(u64, Row)>) {
        for (place, (id, row)) in rows.into_iter().enumerate() {
            self.places.insert(id, place);
            if row.archived_at.is_some() {
                self.archived.insert(id, place);
            } else {
                self.live.insert(id, place);
                self.by_stamp.insert((row.updated_at, id), place);
            }
            self.next_id = self.next_id.max(id + 1);
            self.slots.push(Some(Slot { row, indexed_from: i64::MIN, older: None }));
        }
        self.reindex_keys();
    }

    fn place_of(&mut self, id: u64) -> usize {
        if let Some(place) = self.places.get(&id) {
            return *place;
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.places.insert(id, place);
        place
    }

    fn forget_stamps(&mut self, id: u64, slot: Option<&Slot>, keep: Option<i64>) {
        let mut next = slot;
        while let Some(slot) = next {
            if Some(slot.row.updated_at) != keep {
                self.by_stamp.remove(&(slot.row.updated_at, id));
            }
            next = slot.older.as_deref();
        }
    }

    fn index_keys(&mut self, id: u64, row: &Row) {
        for (slot, rows) in &mut self.by_key {
            if let Some(text) = row.stored(*slot) {
                rows.entry(text.to_lowercase().into()).or_default().push(id);
            }
        }
    }

    fn unindex_keys(&mut self, id: u64, row: &Row) {
        for (slot, rows) in &mut self.by_key {
            let Some(text) = row.stored(*slot) else { continue };
            if let Some(ids) = rows.get_mut(text.to_lowercase().as_str()) {
                ids.retain(|other| *other != id);
            }
        }
    }
}
