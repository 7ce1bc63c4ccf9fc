//! Rows of one object, their versions, and the indexes that keep a million of them quick to page.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeBounds;

use super::{IS_DELETED, ObjectDef, RecordId, SYSTEM_MODSTAMP, Value};

/// One version of a row: its stored values by field position. Missing trailing values are null.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// By position. Read through [`super::Org::value`], which also knows calculated fields.
    pub values: Vec<Value>,
}

impl Row {
    /// The stored value at a position; null when never set.
    #[must_use]
    pub fn stored(&self, index: usize) -> &Value {
        self.values.get(index).unwrap_or(&Value::Null)
    }

    /// Stores a value.
    pub fn set(&mut self, index: usize, value: Value) {
        if self.values.len() <= index {
            self.values.resize(index + 1, Value::Null);
        }
        self.values[index] = value;
    }

    /// Whether the row is in the recycle bin.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        matches!(self.stored(IS_DELETED), Value::Bool(true))
    }

    /// `SystemModstamp` in milliseconds since 1970 UTC.
    #[must_use]
    pub fn stamp(&self) -> i64 {
        self.stored(SYSTEM_MODSTAMP).as_millis().unwrap_or(0)
    }
}

/// A row with the versions that late visibility still shows to readers.
#[derive(Debug, Clone)]
pub struct Slot {
    /// The newest version, which writers see at once.
    pub row: Row,
    /// When readers begin to see `row`, in simulated milliseconds; `i64::MIN` when at once.
    pub visible_from: i64,
    /// What readers see before that; nothing when the row is new.
    pub older: Option<Box<Slot>>,
}

impl Slot {
    /// The version a reader sees at `now`.
    #[must_use]
    pub fn visible(&self, now: i64) -> Option<&Row> {
        let mut slot = self;
        while slot.visible_from > now {
            slot = slot.older.as_deref()?;
        }
        Some(&slot.row)
    }
}

/// All rows of one object.
#[derive(Debug)]
pub struct Table {
    /// The object.
    pub def: ObjectDef,
    /// Rows by place; places of purged rows are used again.
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    /// Places in id order, for scans.
    order: BTreeMap<RecordId, usize>,
    /// The same places once more: pages look rows up by the thousand, and a hash is several times quicker.
    places: HashMap<RecordId, usize>,
    /// Every version's (stamp, id) with its place. May hold superseded versions; readers check the visible row.
    by_stamp: BTreeMap<(i64, RecordId), usize>,
    /// Rows by folded text, for unique and external id fields only.
    by_key: HashMap<usize, HashMap<Box<str>, Vec<RecordId>>>,
    next_number: u64,
    /// Rows that hold more than one version.
    unsettled: BTreeSet<RecordId>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(def: ObjectDef) -> Self {
        Self {
            def,
            slots: Vec::new(),
            free: Vec::new(),
            order: BTreeMap::new(),
            places: HashMap::new(),
            by_stamp: BTreeMap::new(),
            by_key: HashMap::new(),
            next_number: 1,
            unsettled: BTreeSet::new(),
        }
    }

    /// How many rows are stored, soft-deleted and not yet visible ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// An id that was never given before.
    pub fn next_id(&mut self) -> RecordId {
        let id = RecordId::new(&self.def.key_prefix, self.next_number);
        self.next_number += 1;
        id
    }

    /// How many ids were given, which is what the newest row's automatic number shows.
    pub(crate) fn ids_given(&self) -> u64 {
        self.next_number - 1
    }

    /// The version of a row that readers see at `now`.
    #[must_use]
    pub fn visible(&self, id: &RecordId, now: i64) -> Option<&Row> {
        self.slot(id)?.visible(now)
    }

    /// The newest version of a row, which writers work on.
    #[must_use]
    pub fn newest(&self, id: &RecordId) -> Option<&Row> {
        self.slot(id).map(|slot| &slot.row)
    }

    /// Visible rows in id order.
    pub fn scan(
        &self,
        range: impl RangeBounds<RecordId>,
        now: i64,
    ) -> impl DoubleEndedIterator<Item = (&RecordId, &Row)> {
        self.order
            .range(range)
            .filter_map(move |(id, place)| Some((id, self.slots[*place].as_ref()?.visible(now)?)))
    }

    /// Visible rows in the order of (`SystemModstamp`, id), without sorting.
    pub fn scan_stamps(
        &self,
        range: impl RangeBounds<(i64, RecordId)>,
        now: i64,
    ) -> impl DoubleEndedIterator<Item = (&RecordId, &Row)> {
        self.by_stamp.range(range).filter_map(move |((stamp, id), place)| {
            let row = self.slots[*place].as_ref()?.visible(now)?;
            (row.stamp() == *stamp).then_some((id, row))
        })
    }

    /// Every stored row's newest version, in id order.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = (&RecordId, &Row)> {
        self.order.iter().filter_map(|(id, place)| Some((id, &self.slots[*place].as_ref()?.row)))
    }

    /// Stores a new version. With `visible_from` readers keep seeing the version before (or nothing) until then.
    pub fn put(&mut self, id: RecordId, row: Row, visible_from: Option<i64>) {
        let place = self.place_of(id);
        let old = self.slots[place].take();
        if let Some(old) = &old {
            self.unindex_keys(&id, &old.row);
        }
        self.index_keys(&id, &row);
        self.by_stamp.insert((row.stamp(), id), place);
        let slot = match visible_from {
            Some(visible_from) => {
                self.unsettled.insert(id);
                Slot { row, visible_from, older: old.map(Box::new) }
            }
            None => {
                self.forget_versions(&id, old.as_ref(), row.stamp());
                self.unsettled.remove(&id);
                Slot { row, visible_from: i64::MIN, older: None }
            }
        };
        self.slots[place] = Some(slot);
    }

    /// Removes a row for good.
    pub fn purge(&mut self, id: &RecordId) -> Option<Row> {
        let place = self.places.remove(id)?;
        self.order.remove(id);
        self.free.push(place);
        let slot = self.slots[place].take()?;
        self.unindex_keys(id, &slot.row);
        self.forget_versions(id, Some(&slot), i64::MIN);
        self.unsettled.remove(id);
        Some(slot.row)
    }

    /// A row with all its versions.
    #[must_use]
    pub fn slot(&self, id: &RecordId) -> Option<&Slot> {
        self.slots[*self.places.get(id)?].as_ref()
    }

    /// Puts a row back as it was, or removes it when it was not there: undoes what was written in between.
    pub fn restore(&mut self, id: RecordId, slot: Option<Slot>) {
        self.purge(&id);
        let Some(slot) = slot else { return };
        self.index_keys(&id, &slot.row);
        let place = self.place_of(id);
        let mut version = Some(&slot);
        while let Some(one) = version {
            self.by_stamp.insert((one.row.stamp(), id), place);
            version = one.older.as_deref();
        }
        if slot.older.is_some() || slot.visible_from != i64::MIN {
            self.unsettled.insert(id);
        }
        self.slots[place] = Some(slot);
    }

    /// Edits one field of every version of every row, without moving stamps.
    pub fn edit_column(&mut self, field: usize, edit: impl Fn(&mut Value)) {
        for mut slot in self.slots.iter_mut().flatten() {
            loop {
                if let Some(value) = slot.row.values.get_mut(field) {
                    edit(value);
                }
                match &mut slot.older {
                    Some(older) => slot = older,
                    None => break,
                }
            }
        }
        self.reindex_field(field);
    }

    /// Drops versions that no reader can see any more at `now`.
    pub fn settle(&mut self, now: i64) {
        for id in std::mem::take(&mut self.unsettled) {
            let Some(place) = self.places.get(&id).copied() else { continue };
            let Some(mut slot) = self.slots[place].take() else { continue };
            if slot.visible_from <= now {
                let older = slot.older.take();
                self.forget_versions(&id, older.as_deref(), slot.row.stamp());
                slot.visible_from = i64::MIN;
            } else {
                self.unsettled.insert(id);
            }
            self.slots[place] = Some(slot);
        }
    }

    /// Newest versions whose unique or external id field holds `text`, case ignored. The field must be such a field.
    #[must_use]
    pub fn find_key(&self, field: usize, text: &str) -> &[RecordId] {
        self.by_key
            .get(&field)
            .and_then(|keys| keys.get(text.to_lowercase().as_str()))
            .map_or(&[], Vec::as_slice)
    }

    /// Rebuilds the key index of one field, after it was added or changed.
    pub fn reindex_field(&mut self, field: usize) {
        let mut keys: HashMap<Box<str>, Vec<RecordId>> = HashMap::new();
        if self.is_key(field) {
            for (id, row) in self.all() {
                if let Some(key) = key_text(row.stored(field)) {
                    keys.entry(key).or_default().push(*id);
                }
            }
        }
        self.by_key.insert(field, keys);
    }

    /// Fills an empty table quickly. Every id must occur once.
    pub fn load(&mut self, rows: Vec<(RecordId, Row)>) {
        self.next_number += rows.len() as u64;
        let numbered = || rows.iter().enumerate();
        self.by_stamp = numbered().map(|(place, (id, row))| ((row.stamp(), *id), place)).collect();
        self.order = numbered().map(|(place, (id, _))| (*id, place)).collect();
        self.places = numbered().map(|(place, (id, _))| (*id, place)).collect();
        let slot = |row| Some(Slot { row, visible_from: i64::MIN, older: None });
        self.slots = rows.into_iter().map(|(_, row)| slot(row)).collect();
        for field in 0..self.def.fields().len() {
            if self.is_key(field) {
                self.reindex_field(field);
            }
        }
    }

    /// Where a row is, or will be.
    fn place_of(&mut self, id: RecordId) -> usize {
        if let Some(place) = self.places.get(&id) {
            return *place;
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.places.insert(id, place);
        self.order.insert(id, place);
        place
    }

    fn forget_versions(&mut self, id: &RecordId, slot: Option<&Slot>, keep_stamp: i64) {
        let mut next = slot;
        while let Some(slot) = next {
            if slot.row.stamp() != keep_stamp {
                self.by_stamp.remove(&(slot.row.stamp(), *id));
            }
            next = slot.older.as_deref();
        }
    }

    fn is_key(&self, field: usize) -> bool {
        self.def.fields().get(field).is_some_and(|field| {
            !field.hidden && (field.unique || field.external_id || field.id_lookup) && &*field.name != "Id"
        })
    }

    fn index_keys(&mut self, id: &RecordId, row: &Row) {
        for field in (0..self.def.fields().len()).filter(|field| self.is_key(*field)).collect::<Vec<_>>() {
            if let Some(key) = key_text(row.stored(field)) {
                self.by_key.entry(field).or_default().entry(key).or_default().push(*id);
            }
        }
    }

    fn unindex_keys(&mut self, id: &RecordId, row: &Row) {
        for (field, keys) in &mut self.by_key {
            if let Some(key) = key_text(row.stored(*field))
                && let Some(ids) = keys.get_mut(&key)
            {
                ids.retain(|other| other != id);
            }
        }
    }
}

fn key_text(value: &Value) -> Option<Box<str>> {
    match value {
        Value::Null | Value::Compound(_) | Value::Raw(_) => None,
        Value::Text(text) => Some(text.to_lowercase().into()),
        other => {
            let mut out = Vec::new();
            other.write_json(&mut out);
            String::from_utf8(out).ok().map(|text| text.trim_matches('"').to_lowercase().into())
        }
    }
}
