//! Writing rows: through the API with its checks, or by hand with whatever values a test wants.

mod error;
mod event;
mod guard;
mod link;
mod merge;
mod validate;

use serde_json::Value as Json;

use super::model::{Account, Change, Row, Source, Value};

pub(crate) use error::InvalidValue;
pub use error::RowError;
pub(crate) use event::{Event, Events, Happened, Origin};
pub(crate) use guard::Guards;
pub use guard::{RowFailure, RowRule};
pub(crate) use link::LinkType;

/// Values by property name, as JSON texts or null.
pub type Properties = serde_json::Map<String, Json>;

/// Who writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// A client: every rule holds.
    Api,
    /// A test: any text goes, read-only stored values and create dates too.
    Admin,
}

/// How a write is carried out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WriteOptions {
    pub(crate) access: Access,
    /// The modified date; now when absent.
    pub(crate) stamp: Option<i64>,
    /// How long search keeps finding the version before, in milliseconds; the account's index lag when absent.
    pub(crate) index_after: Option<i64>,
    /// Where history says the value came from.
    pub(crate) source: &'static str,
    /// The app that writes; the account's own one when absent.
    pub(crate) app: Option<u64>,
}

impl WriteOptions {
    pub(crate) fn api() -> Self {
        Self { access: Access::Api, stamp: None, index_after: None, source: "API", app: None }
    }

    pub(crate) fn admin() -> Self {
        Self { access: Access::Admin, source: "CRM_UI", ..Self::api() }
    }

    /// What subscribers are told: clients of the API are integrations.
    pub(crate) fn change_source(&self) -> &'static str {
        if self.source == "API" { "INTEGRATION" } else { self.source }
    }

    pub(crate) fn stamped(self, stamp: i64) -> Self {
        Self { stamp: Some(stamp), ..self }
    }
}

impl Account {
    /// Makes a row and returns its id.
    pub(crate) fn create(
        &mut self,
        object: usize,
        properties: &Properties,
        options: WriteOptions,
    ) -> Result<u64, RowError> {
        self.guard(object, None, properties, options)?;
        let (values, system) = self.read_values(object, None, properties, options.access)?;
        if options.access == Access::Api {
            self.check_required(object, &values)?;
        }
        let stamp = options.stamp.unwrap_or_else(|| self.now_ms());
        let id = match system.id {
            Some(id) if self.tables[object].row(id).is_some() => {
                return Err(RowError::exists(format!("A row with the id {id} already exists.")));
            }
            Some(id) => {
                let table = &mut self.tables[object];
                table.next_id = table.next_id.max(id.saturating_add(1));
                id
            }
            None => self.next_id(object),
        };
        let mut row =
            Row { created_at: system.created_at.unwrap_or(stamp), updated_at: stamp, ..Row::default() };
        let mut changed = Vec::new();
        for (slot, value) in values {
            if self.events.wanted && value.is_some() {
                changed.push((slot, value.clone()));
            }
            record(&mut row, slot, value, stamp, options.source);
        }
        self.store(object, id, row, options);
        self.tell(object, id, Happened::Created, options);
        self.tell_changes(object, id, changed, options);
        self.enrol(object, id, options);
        Ok(id)
    }

    /// Changes values of a live row.
    pub(crate) fn update(
        &mut self,
        object: usize,
        id: u64,
        properties: &Properties,
        options: WriteOptions,
    ) -> Result<(), RowError> {
        self.live_or_refuse(object, id)?;
        self.guard(object, Some(id), properties, options)?;
        let mut row = self.live_or_refuse(object, id)?.clone();
        let (values, system) = self.read_values(object, Some(id), properties, options.access)?;
        let stamp = options.stamp.unwrap_or_else(|| self.now_ms());
        row.updated_at = stamp;
        row.created_at = system.created_at.unwrap_or(row.created_at);
        let mut changed = Vec::new();
        for (slot, value) in values {
            if row.stored(slot) != value.as_deref() {
                if self.events.wanted {
                    changed.push((slot, value.clone()));
                }
                record(&mut row, slot, value, stamp, options.source);
            }
        }
        self.store(object, id, row, options);
        self.tell_changes(object, id, changed, options);
        self.enrol(object, id, options);
        Ok(())
    }

    /// Archives a row; it can be restored. True when it was live.
    pub(crate) fn archive(&mut self, object: usize, id: u64, options: WriteOptions) -> bool {
        let Some(mut row) = self.tables[object].live_row(id).cloned() else { return false };
        let stamp = options.stamp.unwrap_or_else(|| self.now_ms());
        row.archived_at = Some(stamp);
        self.store(object, id, row, options);
        self.tell(object, id, Happened::Deleted, options);
        true
    }

    /// Takes a row out of the archive.
    pub(crate) fn restore(&mut self, object: usize, id: u64, options: WriteOptions) -> Result<(), RowError> {
        let row = self.tables[object].row(id).filter(|row| row.archived_at.is_some());
        let mut row = row.ok_or_else(|| RowError::no_object(id))?.clone();
        row.archived_at = None;
        row.updated_at = options.stamp.unwrap_or_else(|| self.now_ms());
        self.store(object, id, row, options);
        self.tell(object, id, Happened::Restored, options);
        Ok(())
    }

    /// Forgets a row for good, archived or not, as a person may demand it. True when it was there.
    pub(crate) fn forget(&mut self, object: usize, id: u64, options: WriteOptions) -> bool {
        let was_there = self.purge(object, id);
        if was_there {
            self.tell(object, id, Happened::Forgotten, options);
        }
        was_there
    }

    /// Tells subscribers of each value.
    fn tell_changes(&mut self, object: usize, id: u64, changed: Vec<(usize, Value)>, options: WriteOptions) {
        for (slot, value) in changed {
            let properties = self.tables[object].def.properties().iter();
            let mut of_slot = properties.filter(|property| property.source == Source::Stored(slot));
            if let Some(property) = of_slot.next().map(|property| property.name.clone()) {
                let value = value.map_or_else(String::new, String::from);
                self.tell(object, id, Happened::Changed { property, value }, options);
            }
        }
    }

    /// Removes a row for good, archived or not, with its associations. True when it was there.
    pub(crate) fn purge(&mut self, object: usize, id: u64) -> bool {
        self.links.forget(object, id);
        self.generation += 1;
        self.tables[object].purge(id).is_some()
    }

    /// Moves a row's modified date.
    pub(super) fn touch(&mut self, object: usize, id: u64, options: WriteOptions) {
        if let Some(mut row) = self.tables[object].live_row(id).cloned() {
            row.updated_at = options.stamp.unwrap_or_else(|| self.now_ms());
            self.put(object, id, row, options);
        }
    }

    fn store(&mut self, object: usize, id: u64, row: Row, options: WriteOptions) {
        self.put(object, id, row, options);
        if self.rules.calculated_moves_modified {
            self.touch_dependents(object, id, options);
        }
    }

    fn put(&mut self, object: usize, id: u64, row: Row, options: WriteOptions) {
        let lag = options.index_after.unwrap_or_else(|| self.draw_lag(id, row.updated_at));
        let indexed_from = (lag > 0).then(|| row.updated_at.max(self.now_ms()).saturating_add(lag));
        self.tables[object].put(id, row, indexed_from);
        self.generation += 1;
    }

    /// The account's index lag for one write.
    fn draw_lag(&self, id: u64, stamp: i64) -> i64 {
        let millis = |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let jitter = millis(self.rules.index_lag_jitter);
        let more = if jitter > 0 {
            let seed = self.seed ^ id.rotate_left(32) ^ stamp.unsigned_abs();
            fastrand::Rng::with_seed(seed).i64(0..=jitter)
        } else {
            0
        };
        millis(self.rules.index_lag).saturating_add(more)
    }

    pub(super) fn next_id(&mut self, object: usize) -> u64 {
        let out_of_order = self.rules.ids_out_of_order;
        let table = &mut self.tables[object];
        let next = table.next_id;
        if out_of_order && next.is_multiple_of(3) {
            // The first free id below the newest ones; rows made by hand leave gaps.
            let below = (1..next).rev().skip(10).take(10_000);
            let mut free = below.filter(|id| table.row(*id).is_none() && !table.aliases.contains_key(id));
            if let Some(id) = free.next() {
                table.next_id += 1;
                return id;
            }
        }
        table.next_id = next.saturating_add(1);
        next
    }

    pub(super) fn live_or_refuse(&self, object: usize, id: u64) -> Result<&Row, RowError> {
        self.tables[object].live_row(id).ok_or_else(|| RowError::no_object(id))
    }

    /// A live row by id, by an id that was merged away, or by a unique property.
    pub(crate) fn find(&self, object: usize, key: &str, id_property: Option<&str>) -> Option<u64> {
        let table = &self.tables[object];
        match id_property.filter(|name| *name != "hs_object_id") {
            None => {
                let id = table.resolve(key.parse().ok()?);
                table.live_row(id).map(|_| id)
            }
            Some(name) => table.find_key(table.def.slot(name)?, key).first().copied(),
        }
    }

    /// Whether rows can be found by this property.
    pub(crate) fn check_id_property(&self, object: usize, name: Option<&str>) -> Result<(), RowError> {
        let Some(name) = name.filter(|name| *name != "hs_object_id") else { return Ok(()) };
        let def = &self.tables[object].def;
        match def.property(name).filter(|property| !property.archived) {
            Some(property) if property.unique => Ok(()),
            Some(_) => {
                Err(RowError::bad_request(format!("Property '{name}' is not a unique identifier property")))
            }
            None => Err(RowError::bad_request(format!("idProperty '{name}' does not exist"))),
        }
    }

    /// Drops what search can't find any more.
    pub(crate) fn settle(&mut self) {
        let now = self.now_ms();
        for table in &mut self.tables {
            table.settle(now);
        }
        self.generation += 1;
    }

    /// Moves the modified date of rows with calculated properties that look at this one.
    fn touch_dependents(&mut self, object: usize, id: u64, options: WriteOptions) {
        for other in self.objects_calculated_from(object) {
            let pair = super::model::Pair { from: object, to: other };
            let rows: Vec<u64> = self.links.of(pair, id).map(|(to, _)| to).collect();
            for row in rows {
                self.touch(other, row, options);
            }
        }
    }

    fn objects_calculated_from(&self, object: usize) -> Vec<usize> {
        use super::model::Formula;
        let name = self.tables[object].def.name.as_str();
        let depends = |formula: &Formula| match formula {
            Formula::Sum { object, .. } | Formula::FromPrimary { object, .. } => *object == name,
            _ => false,
        };
        let tables = self.tables.iter().enumerate();
        let dependent = tables.filter(|(_, table)| {
            table.def.properties().iter().any(|property| match &property.source {
                Source::Calculated(formula) => depends(formula),
                _ => false,
            })
        });
        dependent.map(|(place, _)| place).collect()
    }
}

/// Stores a value with its history. What was there from the start enters history with the first change.
fn record(row: &mut Row, slot: usize, value: Value, at: i64, source: &'static str) {
    let known = row.history.iter().any(|change| change.slot == slot);
    if !known && let Some(first) = row.values.get(slot).and_then(Clone::clone) {
        row.history.push(Change { slot, value: Some(first), at: row.created_at, source: "IMPORT" });
    }
    row.history.push(Change { slot, value: value.clone(), at, source });
    row.set(slot, value);
}
