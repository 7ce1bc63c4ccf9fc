//! Putting a module together.

use std::sync::Arc;

use sync_core::{
    ChangeEmitter, Clock, EngineOptions, HolderId, IdGenerator, Jitter, RunRecorder, Store, UnitOfWork,
};

use crate::{Fingerprints, SyncModule, WiringError};

/// Makes an emitter of the store.
type OwnEmitter<S> = fn(&Arc<S>) -> Arc<dyn ChangeEmitter<<S as UnitOfWork>::Tx>>;

/// Collects what all engines of an application share. Required: a store.
pub struct SyncModuleBuilder<S: Store> {
    store: Option<Arc<S>>,
    multi_tenant: Option<bool>,
    options: EngineOptions,
    emitter: Option<Arc<dyn ChangeEmitter<S::Tx>>>,
    own_emitter: Option<OwnEmitter<S>>,
    recorder: Option<Arc<dyn RunRecorder<S::Tx>>>,
    fingerprints: Option<Fingerprints>,
    clock: Option<Arc<dyn Clock>>,
    ids: Option<Arc<dyn IdGenerator>>,
    jitter: Option<Arc<dyn Jitter>>,
    holder: Option<HolderId>,
}

impl<S: Store> SyncModule<S> {
    /// Starts putting a module together.
    #[must_use]
    pub fn builder() -> SyncModuleBuilder<S> {
        SyncModuleBuilder {
            store: None,
            multi_tenant: None,
            options: EngineOptions::default(),
            emitter: None,
            own_emitter: None,
            recorder: None,
            fingerprints: None,
            clock: None,
            ids: None,
            jitter: None,
            holder: None,
        }
    }
}

impl<S: Store> SyncModuleBuilder<S> {
    /// Where state and rows are kept. Required. The stores of this workspace are cheap to clone, and clones share
    /// everything; [`SyncModule::store`] gives access to it as well.
    #[must_use]
    pub fn store(mut self, store: S) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Whether tenants are told apart (R1): every run then needs a tenant. Default: as the options say, which
    /// is no. Build the store with the same setting; it checks again at its own boundary.
    #[must_use]
    pub fn multi_tenant(mut self, told_apart: bool) -> Self {
        self.multi_tenant = Some(told_apart);
        self
    }

    /// How runs behave. Default: [`EngineOptions::default`].
    #[must_use]
    pub fn options(mut self, options: EngineOptions) -> Self {
        self.options = options;
        self
    }

    /// Publishes applied changes in the transaction that applied them. None by default.
    #[must_use]
    pub fn emitter(mut self, emitter: Arc<dyn ChangeEmitter<S::Tx>>) -> Self {
        self.emitter = Some(emitter);
        self
    }

    /// Whether applied changes are published into the store's own outbox, in the transaction that applied them. No
    /// by default: what nobody delivers would only pile up. In place of an [`emitter`](Self::emitter).
    #[must_use]
    pub fn publish(mut self, publish: bool) -> Self
    where
        S: ChangeEmitter<S::Tx>,
    {
        self.own_emitter = publish.then_some(|store| Arc::clone(store) as Arc<dyn ChangeEmitter<S::Tx>>);
        self
    }

    /// Records runs here instead of in the store's own audit.
    #[must_use]
    pub fn recorder(mut self, recorder: Arc<dyn RunRecorder<S::Tx>>) -> Self {
        self.recorder = Some(recorder);
        self
    }

    /// Where fingerprints of own writes are kept, so that the echoes of entities edited here are told as echoes (R6):
    /// passed over instead of applied as changes of nothing. None by default.
    #[must_use]
    pub fn fingerprints(mut self, kept: Fingerprints) -> Self {
        self.fingerprints = Some(kept);
        self
    }

    /// The clock. The machine's by default.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Makes identifiers. Time-ordered UUIDs by default.
    #[must_use]
    pub fn ids(mut self, ids: Arc<dyn IdGenerator>) -> Self {
        self.ids = Some(ids);
        self
    }

    /// Spreads retries. Random by default.
    #[must_use]
    pub fn jitter(mut self, jitter: Arc<dyn Jitter>) -> Self {
        self.jitter = Some(jitter);
        self
    }

    /// This process's name on leases. By default each engine has one of its own, with the process id.
    #[must_use]
    pub fn holder(mut self, holder: impl Into<HolderId>) -> Self {
        self.holder = Some(holder.into());
        self
    }

    /// Checks that nothing is missing.
    ///
    /// # Errors
    /// [`WiringError::Missing`] lists every missing part, not only the first.
    pub fn build(self) -> Result<SyncModule<S>, WiringError> {
        let Some(store) = self.store else {
            return Err(WiringError::Missing { what: "the sync module", missing: vec!["store"] });
        };
        let mut options = self.options;
        options.multi_tenant = self.multi_tenant.unwrap_or(options.multi_tenant);
        let emitter = self.own_emitter.map(|of| of(&store)).or(self.emitter);
        Ok(SyncModule {
            store,
            options,
            emitter,
            recorder: self.recorder,
            fingerprints: self.fingerprints,
            clock: self.clock,
            ids: self.ids,
            jitter: self.jitter,
            holder: self.holder,
        })
    }
}
