//! The contract of every port that has an adapter in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sync_core::contract::{
    LoopbackFixture, Sample, SampleParent, SinkFixture, SourceFixture, StoreFixture, Tenancy,
};
use sync_core::{
    Canonical, Change, ChangeEmitter, ChangeEvent, ChangeSource, Clock, ExternalId, LocalId, LocalListing,
    LoopbackFingerprintStore, Scope, Subscription, SubscriptionId, SyncSink, TableDef,
};
use sync_memory::{MemoryLoopbackStore, MemoryRemote, MemorySink, MemoryStore, MemoryTx};

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
            "samples" | "eav_samples" => {
                MemorySink::<Sample>::new(&self.0, table).bound_parent(scope, child, "parent")
            }
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

struct Loopback {
    store: MemoryLoopbackStore,
    clock: Arc<SteppedClock>,
}

/// Microseconds since 1970, moved by hand.
#[derive(Default)]
struct SteppedClock(AtomicI64);

impl Clock for SteppedClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0.load(Ordering::SeqCst)).expect("steps are short")
    }
}

impl LoopbackFixture for Loopback {
    async fn fresh(ttl: Duration) -> Option<Self> {
        let clock = Arc::new(SteppedClock::default());
        Some(Self { store: MemoryLoopbackStore::with_clock(ttl, Arc::<SteppedClock>::clone(&clock)), clock })
    }

    fn store(&self) -> Arc<dyn LoopbackFingerprintStore<Sample>> {
        Arc::new(self.store.clone())
    }

    async fn record(&self, scope: &Scope, writes: &[(ExternalId, &Sample)]) {
        self.store.record(scope, writes);
    }

    async fn pass(&self, time: Duration) {
        self.clock.0.fetch_add(time.as_micros().try_into().expect("steps are short"), Ordering::SeqCst);
    }

    fn requests(&self) -> Option<u64> {
        None
    }
}

/// R6: an echo is known up to the end of its time, and not a microsecond longer.
#[tokio::test]
async fn time_to_live_is_exact() {
    let f = Loopback::fresh(Duration::from_secs(1)).await.expect("memory is always there");
    let subscription = Remote(MemoryRemote::new()).subscription();
    let scope = Scope {
        tenant: None,
        connection: subscription.connection,
        subscription: subscription.id,
        entity: "sample",
        provider: "memory".into(),
        user: "system".into(),
    };
    let echo = [Change::upsert("r1", Sample::default())];
    f.record(&scope, &[("r1".into(), &Sample::default())]).await;
    f.pass(Duration::from_micros(999_999)).await;
    assert_eq!(f.store.are_echoes(&scope, &echo).await.expect("memory always answers"), [true]);
    f.pass(Duration::from_micros(1)).await;
    assert_eq!(f.store.are_echoes(&scope, &echo).await.expect("memory always answers"), [false]);
}

sync_core::connection_contract!(Memory);
sync_core::store_contract!(Memory);
sync_core::eraser_contract!(Memory);
sync_core::outbox_contract!(Memory);
sync_core::webhook_inbox_contract!(Memory);
sync_core::loopback_contract!(Loopback);
sync_core::sink_contract!(Memory);
sync_core::writeback_contract!(Memory);
sync_core::source_contract!(Remote);

mod eav {
    use super::Memory;
    use sync_core::contract::Eav;

    sync_core::sink_contract!(Eav<Memory>);
}
