//! The recycle bin: delete, undelete, purge, merge, and what expires.

use std::collections::BTreeSet;

use super::{Fields, RowError, WriteOptions};
use crate::salesforce::model::{
    Deletion, IS_DELETED, LAST_MODIFIED_BY, LAST_MODIFIED_DATE, Org, RecordId, Row, SYSTEM_MODSTAMP, Value,
};

/// How long soft-deleted rows stay readable, and how far back getDeleted looks.
pub(crate) const BIN_MS: i64 = 15 * 24 * 3600 * 1000;

/// Deleting and what undoes it.
impl Org {
    /// Moves a row, and the children that go with it, to the recycle bin.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ENTITY_IS_DELETED`, or a refusal when the object's rows can't be deleted.
    pub fn delete(&mut self, id: RecordId, options: WriteOptions) -> Result<(), RowError> {
        self.delete_with_children(id, options).map(|_| ())
    }

    /// As [`Org::delete`]; returns everything that went.
    pub(crate) fn delete_with_children(
        &mut self,
        id: RecordId,
        options: WriteOptions,
    ) -> Result<Vec<RecordId>, RowError> {
        let table = self.table_of(&id).ok_or_else(RowError::not_found)?;
        if !table.def.deletable {
            let message = format!("entity type cannot be deleted: {}", table.def.label);
            return Err(RowError::new("INSUFFICIENT_ACCESS_OR_READONLY", message, &[]));
        }
        self.writable(table, id)?;
        let object = table.def.name.clone();
        self.guard(&object, Some(id), &Fields::new(), options)?;
        let table = self.table_of(&id).ok_or_else(RowError::not_found)?;
        let row = self.writable(table, id)?.clone();
        let stamp = self.stamp(options);
        self.bin(id, row, stamp, options);
        let mut gone = vec![id];
        for (child, row) in self.descendants(id, |row| !row.is_deleted()) {
            self.bin(child, row, stamp, options);
            gone.push(child);
        }
        Ok(gone)
    }

    /// Takes a row out of the recycle bin, with the children that went there with it.
    ///
    /// # Errors
    /// `NOT_FOUND` when the bin does not hold it (any more).
    pub fn undelete(&mut self, id: RecordId, options: WriteOptions) -> Result<(), RowError> {
        self.undelete_with_children(id, options).map(|_| ())
    }

    /// As [`Org::undelete`]; returns everything that came back.
    pub(crate) fn undelete_with_children(
        &mut self,
        id: RecordId,
        options: WriteOptions,
    ) -> Result<Vec<RecordId>, RowError> {
        let row = self.table_of(&id).and_then(|table| table.newest(&id)).filter(|row| row.is_deleted());
        let row = row.ok_or_else(RowError::not_found)?.clone();
        let binned_at = row.stamp();
        self.unbin(id, row, options);
        let mut back = vec![id];
        for (child, row) in self.descendants(id, |row| row.is_deleted() && row.stamp() == binned_at) {
            self.unbin(child, row, options);
            back.push(child);
        }
        Ok(back)
    }

    /// Removes a row for good (hard delete, emptied bin): nothing of it stays readable. getDeleted still reports it.
    ///
    /// # Errors
    /// `NOT_FOUND` when there is no such row.
    pub fn purge(&mut self, id: RecordId) -> Result<(), RowError> {
        let row = self.remove(id).ok_or_else(RowError::not_found)?;
        if !row.is_deleted() {
            let at = self.stamp(WriteOptions::default());
            self.deletions.push(Deletion { id, at });
        }
        Ok(())
    }

    /// Merges `losers` into `winner`: losers go to the bin with `MasterRecordId`, their children move over.
    ///
    /// # Errors
    /// When the object can't be merged, a row is missing or deleted, or the rows are of different objects.
    pub fn merge(
        &mut self,
        winner: RecordId,
        losers: &[RecordId],
        options: WriteOptions,
    ) -> Result<(), RowError> {
        let table = self.table_of(&winner).filter(|table| table.def.mergeable);
        let table = table
            .ok_or_else(|| RowError::new("INVALID_TYPE", "merge is not supported for this object", &[]))?;
        self.writable(table, winner)?;
        let master = table.def.field_index("MasterRecordId");
        let stamp = self.stamp(options);
        for loser in losers {
            if *loser == winner || loser.prefix() != winner.prefix() {
                return Err(RowError::new("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[]));
            }
            let table = self.table_of(loser).ok_or_else(RowError::not_found)?;
            let mut row = self.writable(table, *loser)?.clone();
            if let Some(master) = master {
                row.set(master, Value::Id(winner));
            }
            self.bin(*loser, row, stamp, options);
            for (child, reference) in self.children(*loser) {
                let body = Fields::from_iter([(reference, winner.as_str().into())]);
                self.update(child, &body, WriteOptions::admin().stamped(stamp))?;
            }
        }
        self.update(winner, &Fields::new(), options)
    }

    /// Forgets what has been in the bin, or in the delete log, for 15 days, and versions nobody can see.
    pub fn expire(&mut self) {
        let now = self.now_ms();
        let cut = self.deletions.partition_point(|deletion| deletion.at < now - BIN_MS);
        for deletion in self.deletions.drain(..cut).collect::<Vec<_>>() {
            self.remove(deletion.id);
        }
        for table in self.tables_mut() {
            table.settle(now);
        }
    }

    fn bin(&mut self, id: RecordId, mut row: Row, stamp: i64, options: WriteOptions) {
        row.set(IS_DELETED, Value::Bool(true));
        self.put_stamped(id, row, stamp, options);
        let at = self.deletions.partition_point(|deletion| deletion.at <= stamp);
        self.deletions.insert(at, Deletion { id, at: stamp });
    }

    fn unbin(&mut self, id: RecordId, mut row: Row, options: WriteOptions) {
        row.set(IS_DELETED, Value::Bool(false));
        self.put_stamped(id, row, self.stamp(options), options);
        self.deletions.retain(|deletion| deletion.id != id);
    }

    fn put_stamped(&mut self, id: RecordId, mut row: Row, stamp: i64, options: WriteOptions) {
        row.set(SYSTEM_MODSTAMP, Value::DateTime(stamp));
        if !options.keep_last_modified {
            row.set(LAST_MODIFIED_DATE, Value::DateTime(stamp));
            row.set(LAST_MODIFIED_BY, Value::Id(options.actor.unwrap_or(self.api_user)));
        }
        self.put(id, row, options.visible_from);
    }

    /// The wanted rows that go with `ancestor`: its children, theirs, and so on, each once.
    fn descendants(&self, ancestor: RecordId, wanted: impl Fn(&Row) -> bool) -> Vec<(RecordId, Row)> {
        let mut found: Vec<(RecordId, Row)> = Vec::new();
        let mut parents = BTreeSet::from([ancestor]);
        let mut seen = parents.clone();
        while !parents.is_empty() {
            let children = self.cascading_children(&parents);
            let wanted = children.into_iter().filter(|(id, row)| wanted(row) && seen.insert(*id));
            let wanted: Vec<_> = wanted.map(|(id, row)| (id, row.clone())).collect();
            parents = wanted.iter().map(|(id, _)| *id).collect();
            found.extend(wanted);
        }
        found
    }

    fn cascading_children(&self, parents: &BTreeSet<RecordId>) -> Vec<(RecordId, &Row)> {
        let objects: BTreeSet<&str> =
            parents.iter().filter_map(|parent| self.table_of(parent)).map(|table| &*table.def.name).collect();
        let mut found = Vec::new();
        for table in self.tables() {
            for (index, _) in table.def.visible_fields().filter(|(_, field)| {
                field.cascade_delete && field.reference_to.iter().any(|object| objects.contains(&**object))
            }) {
                let of = |row: &Row| row.stored(index).as_id().is_some_and(|id| parents.contains(&id));
                found.extend(table.all().filter(|(_, row)| of(row)).map(|(id, row)| (*id, row)));
            }
        }
        found
    }

    /// Live rows that point at `parent` through a named child relationship, with the field that does.
    fn children(&self, parent: RecordId) -> Vec<(RecordId, String)> {
        let mut found = Vec::new();
        for table in self.tables() {
            for (index, field) in
                table.def.visible_fields().filter(|(_, f)| f.child_relationship_name.is_some())
            {
                let children = table.all().filter(|(_, row)| row.stored(index).as_id() == Some(parent));
                found.extend(
                    children
                        .filter(|(_, row)| !row.is_deleted())
                        .map(|(id, _)| (*id, field.name.to_string())),
                );
            }
        }
        found
    }
}
