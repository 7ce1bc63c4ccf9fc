//! Changing rows of the application's own so that the CRM hears of it.

use std::sync::Arc;

use uuid::Uuid;

use crate::{
    Canonical, ChangeEmitter, ChangeEvent, ChangedFields, Clock, Coverage, DeepEqualDiffer, EditOperation,
    EventId, ExternalId, FieldDiffer, FieldValue, IdGenerator, LocalChangeStore, LocalId, LocalRow, NewEdit,
    Operation, Record, RunId, Scope, SinkError, StoreError, SyncSink, SystemClock, TimeOrderedIds,
    UnitOfWork, Upsert, placeholder,
};

/// Writes rows in the caller's transaction and appends what was changed, so that the next outbound run sends it.
///
/// An event of source `local` is published for each, where the editor has an emitter; its run is nil.
pub struct LocalEditor<T: Canonical, S: UnitOfWork> {
    sink: Arc<dyn SyncSink<T, S::Tx>>,
    changes: Arc<dyn LocalChangeStore<S::Tx>>,
    differ: Arc<dyn FieldDiffer<T>>,
    emitter: Option<Arc<dyn ChangeEmitter<S::Tx>>>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

/// Why a row could not be changed. The caller's transaction is to be rolled back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// There is nothing to change.
    #[error("there is no {entity} {id}, or it is deleted; look its external id up in the table")]
    NotFound {
        /// The entity's name.
        entity: &'static str,
        /// The record that was named.
        id: ExternalId,
    },
    /// The row can't be written like this.
    #[error("the row can't be written")]
    Sink(#[from] SinkError),
    /// The store can't go on.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<T: Canonical, S: UnitOfWork> LocalEditor<T, S> {
    /// An editor of the rows that this sink writes.
    pub fn new(sink: Arc<dyn SyncSink<T, S::Tx>>, changes: Arc<dyn LocalChangeStore<S::Tx>>) -> Self {
        Self {
            sink,
            changes,
            differ: Arc::new(DeepEqualDiffer::default()),
            emitter: None,
            clock: Arc::new(SystemClock),
            ids: Arc::new(TimeOrderedIds),
        }
    }

    /// How records are compared. [`DeepEqualDiffer`] by default.
    #[must_use]
    pub fn differ(mut self, differ: Arc<dyn FieldDiffer<T>>) -> Self {
        self.differ = differ;
        self
    }

    /// Publishes what was changed. None by default.
    #[must_use]
    pub fn emitter(mut self, emitter: Arc<dyn ChangeEmitter<S::Tx>>) -> Self {
        self.emitter = Some(emitter);
        self
    }

    /// The clock. The machine's by default.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes identifiers. Time-ordered UUIDs by default.
    #[must_use]
    pub fn ids(mut self, ids: Arc<dyn IdGenerator>) -> Self {
        self.ids = ids;
        self
    }

    /// Changes a row. Answers what changed; nothing is written when that is nothing.
    ///
    /// # Errors
    /// [`EditError::NotFound`] when there is no such row, or it is deleted.
    pub async fn edit(
        &self,
        tx: &mut S::Tx,
        scope: &Scope,
        id: &ExternalId,
        change: impl FnOnce(&mut T),
    ) -> Result<ChangedFields, EditError> {
        let row = self.live(tx, scope, id).await?;
        let mut record = row.record.clone();
        change(&mut record);
        empty_removed(&row.record, &mut record);
        let incoming = Record { value: record, coverage: Coverage::Full };
        let fields = self.differ.diff(Some(&row.record), &incoming, None);
        if !fields.is_empty() {
            let upsert = Upsert {
                external_id: id.clone(),
                local_id: row.local_id.clone(),
                record: incoming.value,
                version: row.version,
                exists: true,
            };
            self.sink.upsert_many(tx, scope, &[upsert], self.clock.now()).await?;
            self.append(tx, scope, id, EditOperation::Update, &row.local_id, fields.clone()).await?;
        }
        Ok(fields)
    }

    /// Makes a row that the CRM does not have yet. Answers what it is called until the CRM has given it an id.
    ///
    /// # Errors
    /// [`EditError`] when it can't be written.
    pub async fn create(&self, tx: &mut S::Tx, scope: &Scope, record: T) -> Result<ExternalId, EditError> {
        let id = placeholder(self.ids.next_id());
        let incoming = Record { value: record, coverage: Coverage::Full };
        let fields = self.differ.diff(None, &incoming, None);
        let upsert = Upsert {
            external_id: id.clone(),
            local_id: LocalId::from(self.ids.next_id()),
            record: incoming.value,
            version: None,
            exists: false,
        };
        let written =
            self.sink.upsert_many(tx, scope, std::slice::from_ref(&upsert), self.clock.now()).await?;
        let local_id = written.into_iter().next().unwrap_or(upsert.local_id);
        self.append(tx, scope, &id, EditOperation::Create, &local_id, fields).await?;
        Ok(id)
    }

    /// Marks a row as deleted. Answers what it held.
    ///
    /// # Errors
    /// [`EditError::NotFound`] when there is no such row, or it is deleted already.
    pub async fn delete(&self, tx: &mut S::Tx, scope: &Scope, id: &ExternalId) -> Result<T, EditError> {
        let row = self.live(tx, scope, id).await?;
        let held = Record { value: row.record, coverage: Coverage::Full };
        let mut fields = ChangedFields::default();
        for change in self.differ.diff(None, &held, None).iter() {
            fields.push(change.field.clone(), change.to.clone(), FieldValue::Null);
        }
        self.sink.soft_delete_many(tx, scope, std::slice::from_ref(id), self.clock.now()).await?;
        self.append(tx, scope, id, EditOperation::Delete, &row.local_id, fields).await?;
        Ok(held.value)
    }

    async fn live(&self, tx: &mut S::Tx, scope: &Scope, id: &ExternalId) -> Result<LocalRow<T>, EditError> {
        let found = self.sink.find_many(tx, scope, std::slice::from_ref(id)).await?;
        let live = found.into_iter().flatten().find(|row| !row.deleted);
        live.ok_or_else(|| EditError::NotFound { entity: T::ENTITY, id: id.clone() })
    }

    async fn append(
        &self,
        tx: &mut S::Tx,
        scope: &Scope,
        id: &ExternalId,
        operation: EditOperation,
        local_id: &LocalId,
        fields: ChangedFields,
    ) -> Result<(), EditError> {
        let at = self.clock.now();
        let event = ChangeEvent {
            id: EventId(self.ids.next_id()),
            kind: format!("{}_{}", T::ENTITY, operation_of(operation).as_str()),
            external_id: id.clone(),
            local_id: local_id.clone(),
            operation: operation_of(operation),
            changed_fields: fields.clone(),
            run: RunId(Uuid::nil()),
            source: "local",
            at,
        };
        let edit = NewEdit { external_id: id.clone(), operation, fields, user: scope.user.clone(), at };
        self.changes.append_edits(tx, scope, &[edit]).await?;
        if let Some(emitter) = &self.emitter {
            emitter.emit(tx, scope, &[event]).await?;
        }
        Ok(())
    }
}

/// What the audit and events call an edit.
pub(super) fn operation_of(operation: EditOperation) -> Operation {
    match operation {
        EditOperation::Create => Operation::Created,
        EditOperation::Update => Operation::Updated,
        EditOperation::Delete => Operation::Deleted,
    }
}

/// Custom fields that were taken out are meant to be empty: a field that is missing says nothing.
fn empty_removed<T: Canonical>(before: &T, after: &mut T) {
    let Some(names) =
        before.custom().map(|all| all.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>())
    else {
        return;
    };
    if let Some(custom) = after.custom_mut() {
        for name in names {
            if custom.get(&name).is_none() {
                custom.set(name, FieldValue::Null);
            }
        }
    }
}
