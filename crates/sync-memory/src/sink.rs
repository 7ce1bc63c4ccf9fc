//! Rows of one entity.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::marker::PhantomData;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sync_core::{
    Adoption, Canonical, ExternalId, LinkDef, ListedRow, LocalId, LocalListing, LocalRow, Merge, MergeCycle,
    RedirectChanges, Redirects, Scope, SinkError, StoreError, SyncSink, TableDef, Upsert, ValueRef, Version,
    field_index,
};

use crate::MemoryStore;
use crate::state::{RecordKey, Row, RowKey, State};
use crate::text;
use crate::tx::{MemoryTx, Writer, lock};

/// A table of one entity in a [`MemoryStore`]. Sinks of the same table share its rows; tables find their parents by
/// the names in their [`TableDef`].
///
/// It refuses what a database refuses, and on request more: [`refuse`](Self::refuse) stands for a constraint.
pub struct MemorySink<T> {
    store: MemoryStore,
    table: &'static TableDef,
    reprojects_on_noop: bool,
    refused: Mutex<HashMap<ExternalId, Refusal>>,
    n_writes: AtomicU64,
    of: PhantomData<fn() -> T>,
}

#[derive(Clone, Copy)]
enum Refusal {
    Named,
    Unnamed,
}

impl<T: Canonical> MemorySink<T> {
    /// A sink for this table.
    #[must_use]
    pub fn new(store: &MemoryStore, table: &'static TableDef) -> Self {
        Self {
            store: store.clone(),
            table,
            reprojects_on_noop: false,
            refused: Mutex::default(),
            n_writes: AtomicU64::new(0),
            of: PhantomData,
        }
    }

    /// Wants to see changes that change nothing as well. Default: no.
    #[must_use]
    pub fn reprojects_on_noop(mut self, wanted: bool) -> Self {
        self.reprojects_on_noop = wanted;
        self
    }

    /// From now on fails batches that write or delete this record, naming it: class `constraint`.
    pub fn refuse(&self, id: impl Into<ExternalId>) {
        self.refusals().insert(id.into(), Refusal::Named);
    }

    /// As [`refuse`](Self::refuse), without naming the record: it has to be searched.
    pub fn refuse_unnamed(&self, id: impl Into<ExternalId>) {
        self.refusals().insert(id.into(), Refusal::Unnamed);
    }

    /// Takes the record from now on.
    pub fn accept(&self, id: &ExternalId) {
        self.refusals().remove(id);
    }

    /// How many rows were handed over for writing or deletion so far, in batches that failed as well.
    #[must_use]
    pub fn n_writes(&self) -> u64 {
        self.n_writes.load(Ordering::Relaxed)
    }

    /// One row, deleted or not.
    #[must_use]
    pub fn row(&self, scope: &Scope, id: &ExternalId) -> Option<LocalRow<T>> {
        let state = lock(&self.store.state);
        let row = state.tables.get(self.table.name)?.get(&RowKey::new(scope, id))?;
        self.read(id, row).ok()
    }

    /// All rows of the scope's tenant and connection by external id, deleted or not.
    #[must_use]
    pub fn rows(&self, scope: &Scope) -> Vec<(ExternalId, LocalRow<T>)> {
        let state = lock(&self.store.state);
        let rows = state.tables.get(self.table.name).into_iter().flatten();
        let own = rows.filter(|(key, _)| key.tenant == scope.tenant && key.connection == scope.connection);
        own.filter_map(|(key, row)| Some((key.external_id.clone(), self.read(&key.external_id, row).ok()?)))
            .collect()
    }

    /// The local id of the parent to which a row's link is bound; `None` while the parent has not arrived.
    #[must_use]
    pub fn bound_parent(&self, scope: &Scope, child: &ExternalId, field: &str) -> Option<LocalId> {
        let link = self.table.links.iter().find(|link| link.field == field)?;
        let record = self.row(scope, child)?.record;
        let parent = parent_of(&record, link)?;
        // Bound is what can be found now: a parent never changes its id while it is there.
        let state = lock(&self.store.state);
        let parent = state.survivor(scope, link.parent_entity, &parent);
        Some(state.tables.get(link.parent_table)?.get(&RowKey::new(scope, parent))?.local_id.clone())
    }

    fn refusals(&self) -> std::sync::MutexGuard<'_, HashMap<ExternalId, Refusal>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, id: &ExternalId, row: &Row) -> Result<LocalRow<T>, StoreError> {
        let record = row.record.downcast_ref::<T>().ok_or_else(|| StoreError::Corrupt {
            table: self.table.name,
            column: "record",
            row: id.to_string(),
            reason: "it was written by a sink for another type".to_owned(),
        })?;
        Ok(LocalRow {
            local_id: row.local_id.clone(),
            record: record.clone(),
            deleted: row.deleted,
            version: row.version,
        })
    }

    fn admit<'a>(&self, ids: impl Iterator<Item = &'a ExternalId> + Clone) -> Result<(), SinkError> {
        self.n_writes.fetch_add(ids.clone().count() as u64, Ordering::Relaxed);
        let refused = self.refusals();
        for id in ids {
            if let Some(refusal) = refused.get(id) {
                return Err(SinkError::Record {
                    external_id: matches!(refusal, Refusal::Named).then(|| id.clone()),
                    class: "constraint",
                    reason: "the row violates a constraint of its table".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Fails the first row whose required parent is neither in its table nor in this batch.
    fn require_parents(&self, state: &State, scope: &Scope, rows: &[Upsert<T>]) -> Result<(), SinkError> {
        for link in self.table.links.iter().filter(|link| link.required) {
            let batch: HashSet<&ExternalId> = if link.parent_table == self.table.name {
                rows.iter().map(|row| &row.external_id).collect()
            } else {
                HashSet::new()
            };
            let parents = state.tables.get(link.parent_table);
            let there = |parent: &ExternalId| {
                let survivor = state.survivor(scope, link.parent_entity, parent);
                [parent, survivor].into_iter().any(|id| {
                    batch.contains(id) || parents.is_some_and(|p| p.contains_key(&RowKey::new(scope, id)))
                })
            };
            for row in rows {
                if parent_of(&row.record, link).is_some_and(|parent| !there(&parent)) {
                    return Err(SinkError::Record {
                        external_id: Some(row.external_id.clone()),
                        class: "missing_parent",
                        reason: format!(
                            "the {} that `{}` names has not arrived",
                            link.parent_entity, link.field
                        ),
                    });
                }
            }
        }
        Ok(())
    }

    /// Changes or adds a row and answers its local id.
    fn put(&self, w: &mut Writer<'_>, key: RowKey, row: Row) {
        let table = self.table.name;
        let before = w.state.tables.entry(table).or_default().insert(key.clone(), row);
        w.on_undo(move |state| {
            let rows = state.tables.entry(table).or_default();
            match before {
                Some(before) => drop(rows.insert(key, before)),
                None => drop(rows.remove(&key)),
            }
        });
    }
}

impl<T: Canonical> MemorySink<T> {
    fn adopt(&self, w: &mut Writer<'_>, scope: &Scope, adoption: &Adoption) -> bool {
        let (from, to) =
            (RowKey::new(scope, &adoption.placeholder), RowKey::new(scope, &adoption.external_id));
        let table = self.table.name;
        let Some(rows) = w.state.tables.get_mut(table) else { return false };
        if rows.contains_key(&to) {
            return false;
        }
        let Some(row) = rows.remove(&from) else { return false };
        let before = row.clone();
        w.on_undo(move |state| drop(state.tables.entry(table).or_default().insert(from, before)));
        self.put(w, to, row);
        true
    }

    fn redirects(state: &State, scope: &Scope) -> Redirects {
        let of_scope = |key: &RecordKey| {
            key.tenant == scope.tenant && key.connection == scope.connection && key.entity == T::ENTITY
        };
        let stored = state.redirects.iter().filter(|(key, _)| of_scope(key));
        Redirects::new(stored.map(|(_, redirect)| redirect.clone()))
    }

    fn put_redirects(w: &mut Writer<'_>, scope: &Scope, changes: RedirectChanges) {
        let key = |loser: &ExternalId| RecordKey::of(scope, T::ENTITY, loser);
        let set = changes.set.into_iter().map(|redirect| (key(&redirect.loser), Some(redirect)));
        let steps: Vec<_> = set.chain(changes.removed.iter().map(|loser| (key(loser), None))).collect();
        for (key, after) in steps {
            let before = match after {
                Some(redirect) => w.state.redirects.insert(key.clone(), redirect),
                None => w.state.redirects.remove(&key),
            };
            w.on_undo(move |state| match before {
                Some(before) => drop(state.redirects.insert(key, before)),
                None => drop(state.redirects.remove(&key)),
            });
        }
    }

    /// Records that were merged are there again.
    fn restore_links(w: &mut Writer<'_>, scope: &Scope, rows: &[Upsert<T>]) {
        let merged = |row: &&Upsert<T>| {
            w.state.redirects.contains_key(&RecordKey::of(scope, T::ENTITY, &row.external_id))
        };
        let restored: Vec<_> = rows.iter().filter(merged).collect();
        if !restored.is_empty() {
            let mut redirects = Self::redirects(w.state, scope);
            restored.into_iter().for_each(|row| redirects.restore(&row.external_id));
            Self::put_redirects(w, scope, redirects.finish());
        }
    }
}

#[async_trait]
impl<T: Canonical> SyncSink<T, MemoryTx> for MemorySink<T> {
    fn reprojects_on_noop(&self) -> bool {
        self.reprojects_on_noop
    }

    async fn find_many(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        ids: &[ExternalId],
    ) -> Result<Vec<Option<LocalRow<T>>>, StoreError> {
        tx.read(|state| {
            let rows = state.tables.get(self.table.name);
            let find = |id: &ExternalId| rows?.get(&RowKey::new(scope, id)).map(|row| self.read(id, row));
            ids.iter().map(|id| find(id).transpose()).collect()
        })
    }

    async fn upsert_many(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        rows: &[Upsert<T>],
        _at: DateTime<Utc>,
    ) -> Result<Vec<LocalId>, SinkError> {
        self.admit(rows.iter().map(|row| &row.external_id))?;
        rows.iter().try_for_each(text::check)?;
        tx.write(|w| {
            self.require_parents(w.state, scope, rows)?;
            let write = |row: &Upsert<T>| {
                let key = RowKey::new(scope, &row.external_id);
                let present = w.state.tables.get(self.table.name).and_then(|rows| rows.get(&key));
                let local_id =
                    present.map_or_else(|| row.local_id.clone(), |present| present.local_id.clone());
                let record = Arc::new(row.record.clone());
                let written =
                    Row { local_id: local_id.clone(), record, deleted: false, version: row.version };
                self.put(w, key, written);
                local_id
            };
            let ids = rows.iter().map(write).collect();
            Self::restore_links(w, scope, rows);
            Ok(ids)
        })
    }

    async fn soft_delete_many(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        ids: &[ExternalId],
        _at: DateTime<Utc>,
    ) -> Result<Vec<Option<LocalId>>, SinkError> {
        self.admit(ids.iter())?;
        tx.write(|w| {
            let delete = |id: &ExternalId| {
                let key = RowKey::new(scope, id);
                let row = w.state.tables.get(self.table.name)?.get(&key)?.clone();
                let local_id = row.local_id.clone();
                self.put(w, key, Row { deleted: true, ..row });
                Some(local_id)
            };
            Ok(ids.iter().map(delete).collect())
        })
    }

    async fn reproject_many(
        &self,
        _tx: &mut MemoryTx,
        _scope: &Scope,
        rows: &[Upsert<T>],
        _at: DateTime<Utc>,
    ) -> Result<(), SinkError> {
        // Nothing is derived from rows in memory; a test can tell that it was asked.
        self.admit(rows.iter().map(|row| &row.external_id))
    }

    async fn touch_versions(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        versions: &[(ExternalId, Version)],
    ) -> Result<(), StoreError> {
        tx.write(|w| {
            for (id, version) in versions {
                let key = RowKey::new(scope, id);
                let row = w.state.tables.get(self.table.name).and_then(|rows| rows.get(&key)).cloned();
                if let Some(row) = row {
                    self.put(w, key, Row { version: Some(*version), ..row });
                }
            }
        });
        Ok(())
    }

    async fn redirect_many(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        merges: &[Merge],
        _at: DateTime<Utc>,
    ) -> Result<(), SinkError> {
        tx.write(|w| {
            let mut redirects = Self::redirects(w.state, scope);
            merges.iter().try_for_each(|merge| redirects.merge(merge))?;
            Self::put_redirects(w, scope, redirects.finish());
            Ok::<_, MergeCycle>(())
        })?;
        Ok(())
    }

    async fn adopt_many(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        adoptions: &[Adoption],
        _at: DateTime<Utc>,
    ) -> Result<Vec<bool>, StoreError> {
        Ok(tx.write(|w| adoptions.iter().map(|adoption| self.adopt(w, scope, adoption)).collect()))
    }
}

#[async_trait]
impl<T: Canonical> LocalListing<MemoryTx> for MemorySink<T> {
    async fn list_live<'a>(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        after: Option<&'a ExternalId>,
        limit: u32,
    ) -> Result<Vec<ListedRow>, StoreError> {
        Ok(tx.read(|state| {
            let Some(rows) = state.tables.get(self.table.name) else { return Vec::new() };
            let start = match after {
                Some(after) => Bound::Excluded(RowKey::new(scope, after)),
                None => Bound::Included(RowKey::new(scope, &ExternalId::from(""))),
            };
            list(rows, scope, start, limit as usize)
        }))
    }
}

fn list(rows: &BTreeMap<RowKey, Row>, scope: &Scope, start: Bound<RowKey>, limit: usize) -> Vec<ListedRow> {
    rows.range((start, Bound::Unbounded))
        .take_while(|(key, _)| key.tenant == scope.tenant && key.connection == scope.connection)
        .filter(|(_, row)| !row.deleted)
        .take(limit)
        .map(|(key, row)| ListedRow { external_id: key.external_id.clone(), version: row.version })
        .collect()
}

fn parent_of<T: Canonical>(record: &T, link: &LinkDef) -> Option<ExternalId> {
    match record.value(field_index::<T>(link.field)?) {
        ValueRef::Text(parent) => Some(parent.into()),
        _ => None,
    }
}
