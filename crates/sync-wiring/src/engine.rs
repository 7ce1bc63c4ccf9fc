//! What repeats for every entity: an engine with all that the module knows.

use std::sync::Arc;

use sync_core::{Canonical, ExecuteSync, ExecuteSyncBuilder, Store};

use crate::{EntityStore, SyncModule};

impl<S: Store> SyncModule<S> {
    /// Starts the engine of an entity: with this module's store, options, clock and so on, and the store's sink
    /// for the entity. It lacks a source, which `build()` names.
    ///
    /// The methods named after entities are this one with the type filled in; call it for entities of your own,
    /// after implementing [`EntityStore`] for the store.
    #[must_use]
    pub fn engine<T: Canonical>(&self) -> ExecuteSyncBuilder<T, S>
    where
        S: EntityStore<T>,
    {
        let mut engine = ExecuteSync::builder()
            .store(Arc::clone(&self.store))
            .sink(Arc::new(EntityStore::<T>::sink(&*self.store)))
            .options(self.options.clone());
        if let Some(emitter) = &self.emitter {
            engine = engine.emitter(Arc::clone(emitter));
        }
        if let Some(recorder) = &self.recorder {
            engine = engine.recorder(Arc::clone(recorder));
        }
        if let Some(clock) = &self.clock {
            engine = engine.clock(Arc::clone(clock));
        }
        if let Some(ids) = &self.ids {
            engine = engine.ids(Arc::clone(ids));
        }
        if let Some(jitter) = &self.jitter {
            engine = engine.jitter(Arc::clone(jitter));
        }
        if let Some(holder) = &self.holder {
            engine = engine.holder(holder.clone());
        }
        engine
    }
}
