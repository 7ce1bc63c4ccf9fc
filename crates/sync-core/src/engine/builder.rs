//! Putting an engine together.

use std::sync::Arc;

use super::{EngineOptions, ExecuteSync};
use crate::writeback::PendingEdits;
use crate::{
    Canonical, ChangeEmitter, ChangeMiddleware, ChangeSource, Clock, ConflictPolicy, ContractedFields,
    CustomFieldPolicy, DeepEqualDiffer, FieldCatalog, FieldDiffer, HolderId, IdGenerator, Jitter,
    LayeredSource, LoopbackFingerprintStore, Provider, RandomJitter, RecordFetcher, RemoteWriter,
    RunRecorder, Store, StorePorts, SyncSink, SystemClock, TimeOrderedIds, UnitOfWork, WebhookInbox,
    WritebackPorts,
};

/// Makes the middleware of the entity's contracts, once the store is known.
type Contracts<S> = Box<dyn FnOnce(Arc<S>) -> ContractedFields<S> + Send>;

/// Collects the parts of an [`ExecuteSync`]. Required: a store, a sink, and a source (or
/// [`source_per_request`](Self::source_per_request)).
pub struct ExecuteSyncBuilder<T: Canonical, S: UnitOfWork> {
    ports: Option<StorePorts<S>>,
    recorder: Option<Arc<dyn RunRecorder<S::Tx>>>,
    emitter: Option<Arc<dyn ChangeEmitter<S::Tx>>>,
    inbox: Option<Arc<dyn WebhookInbox<S::Tx>>>,
    source: Option<Arc<dyn ChangeSource<T>>>,
    source_per_request: bool,
    middleware: Vec<Arc<dyn ChangeMiddleware<T>>>,
    contracts: Option<Contracts<S>>,
    sink: Option<Arc<dyn SyncSink<T, S::Tx>>>,
    differ: Arc<dyn FieldDiffer<T>>,
    loopback: Option<Arc<dyn LoopbackFingerprintStore<T>>>,
    fetcher: Option<Arc<dyn RecordFetcher<T>>>,
    pending: Option<PendingEdits<S>>,
    writer: Option<Arc<dyn RemoteWriter<T>>>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    jitter: Arc<dyn Jitter>,
    holder: Option<HolderId>,
    options: EngineOptions,
}

impl<T: Canonical, S: UnitOfWork> ExecuteSync<T, S> {
    /// Starts putting an engine together.
    #[must_use]
    pub fn builder() -> ExecuteSyncBuilder<T, S> {
        ExecuteSyncBuilder {
            ports: None,
            recorder: None,
            emitter: None,
            inbox: None,
            source: None,
            source_per_request: false,
            middleware: Vec::new(),
            contracts: None,
            sink: None,
            differ: Arc::new(DeepEqualDiffer::default()),
            loopback: None,
            fetcher: None,
            pending: None,
            writer: None,
            clock: Arc::new(SystemClock),
            ids: Arc::new(TimeOrderedIds),
            jitter: Arc::new(RandomJitter),
            holder: None,
            options: EngineOptions::default(),
        }
    }
}

impl<T: Canonical, S: UnitOfWork> ExecuteSyncBuilder<T, S> {
    /// Where state is kept: all store ports from one store. Required, unless [`ports`](Self::ports) is used.
    #[must_use]
    pub fn store(self, store: Arc<S>) -> Self
    where
        S: Store,
    {
        self.ports(StorePorts::of(store))
    }

    /// The store ports one by one.
    #[must_use]
    pub fn ports(mut self, ports: StorePorts<S>) -> Self {
        self.ports = Some(ports);
        self
    }

    /// Records runs here instead of in the store's own audit.
    #[must_use]
    pub fn recorder(mut self, recorder: Arc<dyn RunRecorder<S::Tx>>) -> Self {
        self.recorder = Some(recorder);
        self
    }

    /// Publishes applied changes. None by default.
    #[must_use]
    pub fn emitter(mut self, emitter: Arc<dyn ChangeEmitter<S::Tx>>) -> Self {
        self.emitter = Some(emitter);
        self
    }

    /// Settles notices of webhooks here, in the transaction of the batch that applies them: those whose dedup keys the
    /// changes carry. None by default.
    #[must_use]
    pub fn inbox(mut self, inbox: Arc<dyn WebhookInbox<S::Tx>>) -> Self {
        self.inbox = Some(inbox);
        self
    }

    /// Where changes come from. Required, unless every request brings its own.
    #[must_use]
    pub fn source(mut self, source: Arc<dyn ChangeSource<T>>) -> Self {
        self.source = Some(source);
        self
    }

    /// Every request brings its own source (webhooks).
    #[must_use]
    pub fn source_per_request(mut self) -> Self {
        self.source_per_request = true;
        self
    }

    /// Wraps the source. May be given several times: the first is the outermost.
    #[must_use]
    pub fn middleware(mut self, middleware: Arc<dyn ChangeMiddleware<T>>) -> Self {
        self.middleware.push(middleware);
        self
    }

    /// Lets in what the contracts of the entity's custom fields say, by the store's catalogue: from the source, next
    /// to it, from sources that requests bring, and from the fetcher. Everything is let in by default.
    #[must_use]
    pub fn contracts(mut self, policy: CustomFieldPolicy, provider: impl Into<Provider>) -> Self
    where
        S: FieldCatalog<S::Tx>,
    {
        let provider = provider.into();
        self.contracts = Some(Box::new(move |store| ContractedFields::new(store, policy, provider)));
        self
    }

    /// Where records are written. Required.
    #[must_use]
    pub fn sink(mut self, sink: Arc<dyn SyncSink<T, S::Tx>>) -> Self {
        self.sink = Some(sink);
        self
    }

    /// How records are compared. [`DeepEqualDiffer`] by default.
    #[must_use]
    pub fn differ(mut self, differ: Arc<dyn FieldDiffer<T>>) -> Self {
        self.differ = differ;
        self
    }

    /// Recognises echoes of own writes. None by default.
    #[must_use]
    pub fn loopback(mut self, loopback: Arc<dyn LoopbackFingerprintStore<T>>) -> Self {
        self.loopback = Some(loopback);
        self
    }

    /// Fetches records by id, for partial changes without a row and for parked records.
    #[must_use]
    pub fn fetcher(mut self, fetcher: Arc<dyn RecordFetcher<T>>) -> Self {
        self.fetcher = Some(fetcher);
        self
    }

    /// Respects changes of the application's own that wait to be sent to the CRM: a field that was edited here is not
    /// overwritten by what the CRM held before, and who counts when both sides changed it says the policy. One more
    /// look-up per batch. Default: no change is expected to wait.
    #[must_use]
    pub fn local_changes(mut self, ports: WritebackPorts<S>, policy: ConflictPolicy) -> Self {
        self.pending = Some(PendingEdits { ports, policy });
        self
    }

    /// Asks this writer, before a run takes anything in, what creates whose answer was lost have made, so that a record
    /// that was made here does not come in as another one. For a CRM that makes records by our key, beside
    /// [`local_changes`](Self::local_changes). None by default.
    #[must_use]
    pub fn writer(mut self, writer: Arc<dyn RemoteWriter<T>>) -> Self {
        self.writer = Some(writer);
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

    /// Spreads retries. Random by default.
    #[must_use]
    pub fn jitter(mut self, jitter: Arc<dyn Jitter>) -> Self {
        self.jitter = jitter;
        self
    }

    /// This process's name on leases. Host name, process id and a random part by default.
    #[must_use]
    pub fn holder(mut self, holder: HolderId) -> Self {
        self.holder = Some(holder);
        self
    }

    /// How runs behave.
    #[must_use]
    pub fn options(mut self, options: EngineOptions) -> Self {
        self.options = options;
        self
    }

    /// Checks that nothing is missing.
    ///
    /// # Errors
    /// [`BuildError`] lists every missing part, not only the first.
    pub fn build(mut self) -> Result<ExecuteSync<T, S>, BuildError> {
        let source_missing = self.source.is_none() && !self.source_per_request;
        let missing: Vec<&'static str> =
            [("store", self.ports.is_none()), ("sink", self.sink.is_none()), ("source", source_missing)]
                .into_iter()
                .filter_map(|(part, missing)| missing.then_some(part))
                .collect();
        let (Some(mut ports), Some(sink), true) = (self.ports, self.sink, missing.is_empty()) else {
            return Err(BuildError { entity: T::ENTITY, missing });
        };
        if let Some(recorder) = self.recorder {
            ports.recorder = recorder;
        }
        if let Some(emitter) = self.emitter {
            ports.emitter = Some(emitter);
        }
        if let Some(inbox) = self.inbox {
            ports.inbox = Some(inbox);
        }
        let contracts = self.contracts.map(|make| Arc::new(make(Arc::clone(&ports.unit_of_work))));
        if let Some(contracts) = &contracts {
            self.fetcher = self.fetcher.map(|fetcher| contracts.fetcher(fetcher));
            self.middleware.push(Arc::clone(contracts) as _);
        }
        let source = match (self.source, self.middleware.is_empty()) {
            (Some(source), false) => Some(Arc::new(LayeredSource::new(source, self.middleware)) as _),
            (source, _) => source,
        };
        Ok(ExecuteSync {
            ports,
            source,
            contracts,
            sink,
            differ: self.differ,
            loopback: self.loopback,
            fetcher: self.fetcher,
            pending: self.pending,
            writer: self.writer,
            holder: self.holder.unwrap_or_else(|| default_holder(self.ids.as_ref())),
            clock: self.clock,
            ids: self.ids,
            jitter: self.jitter,
            options: self.options,
        })
    }
}

/// Unique per engine: two engines in one process are two holders.
fn default_holder(ids: &dyn IdGenerator) -> HolderId {
    HolderId::from(format!("pid {} ({})", std::process::id(), ids.next_id()))
}

/// An engine lacks parts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the `{entity}` sync can't be built, these parts are missing: {}", missing.join(", "))]
pub struct BuildError {
    /// Of which entity.
    pub entity: &'static str,
    /// Every missing part.
    pub missing: Vec<&'static str>,
}
