//! Changes both ways: what an application needs beside the engine that reads.

use std::sync::Arc;

use sync_core::{
    Canonical, ConflictPolicy, ExecuteSync, ExecuteSyncBuilder, LocalEditor, RemoteWriter, Store, WriteBack,
    WritebackPorts, WritebackStore,
};

use crate::{EntityStore, SyncModule, WiringError};

impl<S: Store + WritebackStore> SyncModule<S> {
    /// Lets an engine respect changes of the application's own that wait to be sent. Give every engine of an entity
    /// that is edited here the same policy.
    #[must_use]
    pub fn both_ways<T: Canonical>(
        &self,
        engine: ExecuteSyncBuilder<T, S>,
        policy: ConflictPolicy,
    ) -> ExecuteSyncBuilder<T, S> {
        engine.local_changes(WritebackPorts::of(Arc::clone(&self.store)), policy)
    }

    /// What sends changes of the application's own, beside the engine that reads the same entity.
    ///
    /// # Errors
    /// [`WiringError`] when the engine can't look records up by id.
    pub fn writeback<T: Canonical>(
        &self,
        engine: ExecuteSync<T, S>,
        writer: Arc<dyn RemoteWriter<T>>,
        policy: ConflictPolicy,
    ) -> Result<WriteBack<T, S>, WiringError> {
        Ok(WriteBack::new(engine, WritebackPorts::of(Arc::clone(&self.store)), writer, policy)?)
    }

    /// Changes rows of an entity so that the CRM hears of it, in a transaction of the caller's.
    #[must_use]
    pub fn editor<T: Canonical>(&self) -> LocalEditor<T, S>
    where
        S: EntityStore<T>,
    {
        let sink = Arc::new(EntityStore::<T>::sink(&*self.store));
        let mut editor = LocalEditor::new(sink, Arc::clone(&self.store) as _);
        if let Some(emitter) = &self.emitter {
            editor = editor.emitter(Arc::clone(emitter));
        }
        if let Some(clock) = &self.clock {
            editor = editor.clock(Arc::clone(clock));
        }
        if let Some(ids) = &self.ids {
            editor = editor.ids(Arc::clone(ids));
        }
        editor
    }
}
