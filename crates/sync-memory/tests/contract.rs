//! The contract of every port that has an adapter in memory.

use std::sync::Arc;

use sync_core::contract::{Sample, SampleParent, SinkFixture, SourceFixture, StoreFixture, Tenancy};
use sync_core::{
    Canonical, ChangeEmitter, ChangeEvent, ChangeSource, ExternalId, LocalId, LocalListing, Scope,
    Subscription, SubscriptionId, SyncSink, TableDef,
};
use sync_memory::{MemoryRemote, MemorySink, MemoryStore, MemoryTx};

struct Memory(Arc<MemoryStore>);

impl StoreFixture for Memory {
    type Store = MemoryStore;
    const REFUSES_MISSING_TENANT: bool = false;
    const CONCURRENT: bool = false;

    async fn fresh(_tenancy: Tenancy) -> Option<Self> {
        Some(Self(Arc::new(MemoryStore::new())))
    }

    fn store(&self) -> Arc<MemoryStore> {
        Arc::clone(&self.0)
    }

    fn emitter(&self) -> Arc<dyn ChangeEmitter<MemoryTx>> {
        self.store()
    }

    async fn published(&self) -> Vec<ChangeEvent> {
        self.0.outbox()
    }
}

impl SinkFixture for Memory {
    fn sink<T: Canonical>(&self, table: &'static TableDef) -> Arc<dyn SyncSink<T, MemoryTx>> {
        Arc::new(MemorySink::<T>::new(&self.0, table))
    }

    fn listing<T: Canonical>(&self, table: &'static TableDef) -> Arc<dyn LocalListing<MemoryTx>> {
        Arc::new(MemorySink::<T>::new(&self.0, table))
    }

    async fn bound_parent(
        &self,
        table: &'static TableDef,
        scope: &Scope,
        child: &ExternalId,
    ) -> Option<LocalId> {
        match table.name {
            "samples" => MemorySink::<Sample>::new(&self.0, table).bound_parent(scope, child, "parent"),
            _ => MemorySink::<SampleParent>::new(&self.0, table).bound_parent(scope, child, "parent"),
        }
    }

    fn statements(&self) -> Option<u64> {
        None
    }
}

struct Remote(MemoryRemote<Sample>);

impl SourceFixture for Remote {
    type Record = Sample;
    const TELLS_DELETIONS: bool = true;

    async fn fresh() -> Option<Self> {
        Some(Self(MemoryRemote::new()))
    }

    fn source(&self) -> Arc<dyn ChangeSource<Sample>> {
        Arc::new(self.0.clone())
    }

    fn subscription(&self) -> Subscription {
        Subscription {
            id: SubscriptionId(uuid::Uuid::nil()),
            tenant: None,
            connection: "connection".into(),
            adapter: "memory".to_owned(),
            domain: "sample".to_owned(),
            external_ref: None,
            paused: false,
            cursor: None,
            created_at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    async fn seed(&self, n_records: usize) -> Vec<ExternalId> {
        let ids: Vec<ExternalId> = (0..n_records).map(|_| uuid::Uuid::now_v7().to_string().into()).collect();
        self.0.put(ids.iter().map(|id| (id.clone(), Sample::default())));
        ids
    }

    async fn edit(&self, id: &ExternalId) {
        let mut record = self.0.get(id).expect("the suite edits live records");
        record.amount = Some(record.amount.unwrap_or(0) + 1);
        self.0.put([(id.clone(), record)]);
    }

    async fn delete(&self, id: &ExternalId) {
        self.0.delete(id);
    }

    async fn spoil(&self, id: &ExternalId) -> bool {
        self.0.spoil(id);
        true
    }

    async fn disturb(&self) -> bool {
        false
    }
}

sync_core::store_contract!(Memory);
sync_core::sink_contract!(Memory);
sync_core::source_contract!(Remote);
