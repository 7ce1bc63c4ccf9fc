//! What all engines of an application share.

use std::sync::Arc;

use sync_core::{
    ChangeEmitter, Clock, EngineOptions, HolderId, IdGenerator, Jitter, RunRecorder, Store, StoreError,
    Subscription,
};

use crate::Fingerprints;

/// A store, the engine's options, and what a test needs to bend: everything that the engines of an
/// application have in common. Made by [`SyncModule::builder`]; cloning shares the store.
///
/// Each entity whose feature is on adds a method that starts its engine: `module.opportunity()`. It comes with
/// the module's store and that store's sink, and lacks a source; a differ, a fingerprint store or middleware
/// of the entity's own are set on the same builder.
#[cfg_attr(
    all(feature = "store-memory", feature = "store-sqlite", feature = "entity-opportunity"),
    doc = r#"
A sink of the application's own takes the place of the generated one, if it writes to the same store:

```
# use std::sync::Arc;
# use sync_wiring::{SyncModule, WiringError, memory::MemoryStore};
# let module = SyncModule::builder().store(MemoryStore::new()).build()?;
let engine = module.opportunity().sink(Arc::new(entity_opportunity::memory_sink(module.store())));
# let _ = engine;
# Ok::<(), WiringError>(())
```

One that writes to another does not compile, because it asks for another kind of transaction:

```compile_fail
# use std::sync::Arc;
# use sync_wiring::{SyncModule, WiringError, memory::MemoryStore};
# let module = SyncModule::builder().store(MemoryStore::new()).build()?;
let engine = module.opportunity().sink(Arc::new(entity_opportunity::sqlite_sink()));
# let _ = engine;
# Ok::<(), WiringError>(())
```
"#
)]
pub struct SyncModule<S: Store> {
    pub(crate) store: Arc<S>,
    pub(crate) options: EngineOptions,
    pub(crate) emitter: Option<Arc<dyn ChangeEmitter<S::Tx>>>,
    pub(crate) recorder: Option<Arc<dyn RunRecorder<S::Tx>>>,
    pub(crate) fingerprints: Option<Fingerprints>,
    pub(crate) clock: Option<Arc<dyn Clock>>,
    pub(crate) ids: Option<Arc<dyn IdGenerator>>,
    pub(crate) jitter: Option<Arc<dyn Jitter>>,
    pub(crate) holder: Option<HolderId>,
}

impl<S: Store> SyncModule<S> {
    /// The store.
    #[must_use]
    pub fn store(&self) -> &Arc<S> {
        &self.store
    }

    /// How runs behave.
    #[must_use]
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// Adds a subscription to the store, or answers the one that is there for the same tenant, connection,
    /// adapter, domain and reference, with its cursor.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    pub async fn subscribe(&self, subscription: &Subscription) -> Result<Subscription, StoreError> {
        let mut tx = self.store.begin_for(subscription.tenant.as_ref()).await?;
        let subscription = self.store.add_subscription(&mut tx, subscription).await?;
        self.store.commit(tx).await?;
        Ok(subscription)
    }

    /// The same module with other options, e.g. for one run that counts noops instead of recording them.
    /// Whether tenants are told apart stays as it is.
    #[must_use]
    pub fn with_options(&self, change: impl FnOnce(&mut EngineOptions)) -> Self {
        let mut module = self.clone();
        change(&mut module.options);
        module.options.multi_tenant = self.options.multi_tenant;
        module
    }
}

impl<S: Store> Clone for SyncModule<S> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            options: self.options.clone(),
            emitter: self.emitter.clone(),
            recorder: self.recorder.clone(),
            fingerprints: self.fingerprints.clone(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            jitter: self.jitter.clone(),
            holder: self.holder.clone(),
        }
    }
}
