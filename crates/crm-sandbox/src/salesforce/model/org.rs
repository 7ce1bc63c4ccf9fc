//! The org: its tables, its clock, and values as a reader sees them.

use std::borrow::Cow;

use super::{FieldDef, Formula, ObjectDef, RecordId, Row, Slot, Table, Value};
use crate::clock::SimClock;
use crate::salesforce::outbound::Touched;
use crate::salesforce::write::Guards;

/// One entry of the delete log, which getDeleted reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deletion {
    /// The row that went to the recycle bin.
    pub id: RecordId,
    /// When, in simulated milliseconds.
    pub at: i64,
}

/// What stood before an open transaction, besides the rows.
#[derive(Debug)]
pub(crate) struct Opened {
    deletions: Vec<Deletion>,
    touched: usize,
}

/// A simulated org.
#[derive(Debug)]
pub struct Org {
    /// Time, for stamps, visibility and date literals.
    pub clock: SimClock,
    /// The org's own id (prefix `00D`).
    pub org_id: RecordId,
    /// The user that API calls act as (prefix `005`).
    pub api_user: RecordId,
    /// What was deleted, oldest first; entries of undeleted rows are taken out.
    pub deletions: Vec<Deletion>,
    /// When an object or field last changed, in simulated milliseconds.
    pub schema_changed_at: i64,
    /// Rows that somebody wants to be told of.
    pub(crate) touched: Touched,
    /// What refuses API writes besides the values themselves, and what follows them.
    pub(crate) guards: Guards,
    tables: Vec<Table>,
    /// What was there before each write of the open transaction.
    journal: Option<Vec<(RecordId, Option<Slot>)>>,
}

impl Org {
    /// An org with these objects and no rows.
    #[must_use]
    pub fn new(clock: SimClock, objects: Vec<ObjectDef>) -> Self {
        Self {
            schema_changed_at: clock.now_ms(),
            clock,
            org_id: RecordId::new("00D", 1),
            api_user: RecordId::new("005", 1),
            deletions: Vec::new(),
            touched: Touched::default(),
            guards: Guards::default(),
            tables: objects.into_iter().map(Table::new).collect(),
            journal: None,
        }
    }

    /// Now, in simulated milliseconds since 1970 UTC.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// All tables, in the order of describe.
    #[must_use]
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// All tables, for writers.
    pub fn tables_mut(&mut self) -> &mut [Table] {
        &mut self.tables
    }

    /// A table by object name; names ignore case.
    #[must_use]
    pub fn table(&self, object: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.def.name.eq_ignore_ascii_case(object))
    }

    /// As [`Org::table`], for writers.
    pub fn table_mut(&mut self, object: &str) -> Option<&mut Table> {
        self.tables.iter_mut().find(|table| table.def.name.eq_ignore_ascii_case(object))
    }

    /// The table an id belongs to, by its prefix.
    #[must_use]
    pub fn table_of(&self, id: &RecordId) -> Option<&Table> {
        self.tables.iter().find(|table| &*table.def.key_prefix == id.prefix())
    }

    /// As [`Org::table_of`], for writers.
    pub fn table_of_mut(&mut self, id: &RecordId) -> Option<&mut Table> {
        self.tables.iter_mut().find(|table| &*table.def.key_prefix == id.prefix())
    }

    /// Stores a new version of a row, remembering the old one while a transaction is open. Ids of no table are ignored.
    pub(crate) fn put(&mut self, id: RecordId, row: Row, visible_from: Option<i64>) {
        self.remember(id);
        let place = self.tables.iter().position(|table| &*table.def.key_prefix == id.prefix());
        if let Some(table) = place.map(|place| &mut self.tables[place]) {
            // Deletions are not told.
            if !row.is_deleted() {
                self.touched.note(&table.def.name, id);
            }
            table.put(id, row, visible_from);
        }
    }

    /// Removes a row for good, remembering it while a transaction is open.
    pub(crate) fn remove(&mut self, id: RecordId) -> Option<Row> {
        self.remember(id);
        self.table_of_mut(&id)?.purge(&id)
    }

    /// Runs `work`; when it fails, everything it wrote is undone.
    pub(crate) fn transaction<T, E>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        let outer = self.journal.replace(Vec::new());
        let deletions = self.deletions.clone();
        let touched = self.touched.mark();
        let result = work(self);
        let journal = std::mem::replace(&mut self.journal, outer).unwrap_or_default();
        if result.is_err() {
            self.deletions = deletions;
            self.touched.forget_after(touched);
            self.undo(journal);
        } else if let Some(outer) = &mut self.journal {
            // What the outer transaction may still have to undo.
            outer.extend(journal);
        }
        result
    }

    /// Opens a transaction that ends with [`Org::close`].
    pub(crate) fn open(&mut self) -> Opened {
        self.journal = Some(Vec::new());
        Opened { deletions: self.deletions.clone(), touched: self.touched.mark() }
    }

    /// Ends the open transaction; unless `keep`, everything written since is undone.
    pub(crate) fn close(&mut self, keep: bool, before: Opened) {
        let journal = self.journal.take().unwrap_or_default();
        if !keep {
            self.deletions = before.deletions;
            self.touched.forget_after(before.touched);
            self.undo(journal);
        }
    }

    fn undo(&mut self, journal: Vec<(RecordId, Option<Slot>)>) {
        for (id, slot) in journal.into_iter().rev() {
            if let Some(table) = self.table_of_mut(&id) {
                table.restore(id, slot);
            }
        }
    }

    fn remember(&mut self, id: RecordId) {
        if self.journal.is_some() {
            let slot = self.table_of(&id).and_then(|table| table.slot(&id)).cloned();
            if let Some(journal) = &mut self.journal {
                journal.push((id, slot));
            }
        }
    }

    /// A field's value as readers see it at `now`: stored, or worked out.
    #[must_use]
    pub fn value<'a>(&'a self, table: &'a Table, row: &'a Row, index: usize, now: i64) -> Cow<'a, Value> {
        match table.def.fields().get(index) {
            Some(FieldDef { formula: Some(formula), scale, .. }) => {
                self.work_out(table, row, formula, *scale, now)
            }
            _ => Cow::Borrowed(row.stored(index)),
        }
    }

    fn work_out<'a>(
        &'a self,
        table: &'a Table,
        row: &'a Row,
        formula: &Formula,
        scale: u32,
        now: i64,
    ) -> Cow<'a, Value> {
        match formula {
            Formula::Product { left, right, factor } => {
                let operand = |index| self.value(table, row, index, now).as_f64();
                let (Some(left), Some(right)) = (operand(*left), operand(*right)) else {
                    return Cow::Owned(Value::Null);
                };
                let unit = 10_f64.powi(i32::try_from(scale.min(18)).unwrap_or(0));
                Cow::Owned(Value::Double((left * right * factor * unit).round() / unit))
            }
            Formula::Parent { reference, object, field } => self
                .parent_value(row.stored(*reference), object, field, now)
                .unwrap_or(Cow::Owned(Value::Null)),
            Formula::OneOf { field, texts } => {
                let text = row.stored(*field).as_str().unwrap_or("");
                Cow::Owned(Value::Bool(texts.iter().any(|one| &**one == text)))
            }
            Formula::Join(fields) => {
                let parts: Vec<&str> =
                    fields.iter().filter_map(|field| row.stored(*field).as_str()).collect();
                Cow::Owned(if parts.is_empty() { Value::Null } else { Value::text(parts.join(" ")) })
            }
            Formula::Parts(parts) => {
                if parts.iter().all(|(_, field)| row.stored(*field).is_null()) {
                    return Cow::Owned(Value::Null);
                }
                let value = |field: &usize| row.stored(*field).clone();
                Cow::Owned(Value::Compound(
                    parts.iter().map(|(key, field)| (key.clone(), value(field))).collect(),
                ))
            }
        }
    }

    fn parent_value<'a>(
        &'a self,
        reference: &Value,
        object: &str,
        field: &str,
        now: i64,
    ) -> Option<Cow<'a, Value>> {
        let table = self.table(object)?;
        let parent = table.visible(&reference.as_id()?, now).filter(|row| !row.is_deleted())?;
        Some(self.value(table, parent, table.def.field_index(field)?, now))
    }
}
