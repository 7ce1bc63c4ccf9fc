//! Stores to deliver from, events to deliver, and a clock to move.

#![allow(dead_code, reason = "each test program uses its own part")]

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sync_core::{
    Clock, ConsumerName, DeliveryStore, EventBody, EventId, Lane, Outbox, OutboxEvent, ParkedFilter,
    QueueState, RecordRef, Signal, UnitOfWork,
};
use sync_memory::MemoryStore;
use sync_postgres::PgStore;
use sync_sqlite::SqliteStore;
use uuid::Uuid;

/// A store with an outbox.
pub(crate) trait Events:
    UnitOfWork + Outbox<<Self as UnitOfWork>::Tx> + DeliveryStore<<Self as UnitOfWork>::Tx> + Signal
{
}

impl<S> Events for S where
    S: UnitOfWork + Outbox<<S as UnitOfWork>::Tx> + DeliveryStore<<S as UnitOfWork>::Tx> + Signal
{
}

pub(crate) fn memory() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new())
}

pub(crate) async fn sqlite() -> Arc<SqliteStore> {
    let store = SqliteStore::in_memory().await.unwrap();
    store.migrate().await.unwrap();
    Arc::new(store)
}

/// A service of a test; says so where it is missing, and fails where it is required.
pub(crate) fn service(variable: &str) -> Option<String> {
    let url = std::env::var(variable).ok();
    if url.is_none() {
        let required = std::env::var_os("HEXSYNC_REQUIRE_SERVICES").is_some_and(|set| set == "1");
        assert!(!required, "{variable} is not set");
        println!("skipped: {variable} is not set");
    }
    url
}

/// A schema of its own, gone with [`drop_schema`].
pub(crate) async fn postgres() -> Option<(Arc<PgStore>, String)> {
    let url = service("HEXSYNC_TEST_POSTGRES_URL")?;
    let schema = format!("test_{}", Uuid::now_v7().simple());
    let store = PgStore::builder(url).schema(&schema).connect().await.unwrap();
    store.migrate().await.unwrap();
    Some((Arc::new(store), schema))
}

pub(crate) async fn drop_schema(store: &PgStore, schema: &str) {
    let mut tx = store.begin().await.unwrap();
    let sql = format!("drop schema {schema} cascade");
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(tx.connection()).await.unwrap();
    store.commit(tx).await.unwrap();
}

/// An event with a number, about a record.
pub(crate) fn event(n: u128, record: &str) -> OutboxEvent {
    OutboxEvent {
        id: EventId(Uuid::from_u128(n)),
        lane: Lane::Change,
        kind: "sample_noted".to_owned(),
        tenant: None,
        connection: None,
        record: Some(RecordRef::new("sample", record)),
        source: "test".to_owned(),
        body: EventBody::Message(serde_json::json!({"n": n.to_string()})),
        at: DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
    }
}

pub(crate) fn number(event: &OutboxEvent) -> u128 {
    event.id.0.as_u128()
}

pub(crate) async fn publish<S: Events>(store: &S, events: &[OutboxEvent]) {
    let mut tx = store.begin().await.unwrap();
    store.publish(&mut tx, events).await.unwrap();
    store.commit(tx).await.unwrap();
}

pub(crate) async fn queue<S: Events>(store: &S, consumer: &str, lane: Lane) -> QueueState {
    let mut tx = store.begin().await.unwrap();
    let queues = store.queues(&mut tx).await.unwrap();
    store.rollback(tx).await.unwrap();
    let consumer = ConsumerName::from(consumer);
    queues.into_iter().find(|queue| queue.consumer == consumer && queue.lane == lane).unwrap()
}

pub(crate) async fn replay<S: Events>(store: &S) -> u64 {
    let mut tx = store.begin().await.unwrap();
    let n = store.replay(&mut tx, &ParkedFilter::default()).await.unwrap();
    store.commit(tx).await.unwrap();
    n
}

/// What arrived, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<OutboxEvent>>>, Arc<tokio::sync::Notify>);

impl Log {
    pub(crate) fn add(&self, event: OutboxEvent) {
        self.0.lock().unwrap().push(event);
        self.1.notify_one();
    }

    pub(crate) fn events(&self) -> Vec<OutboxEvent> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn numbers(&self) -> Vec<u128> {
        self.events().iter().map(number).collect()
    }

    /// Waits until this many arrived.
    pub(crate) async fn reach(&self, n_events: usize) {
        let reached = async {
            while self.0.lock().unwrap().len() < n_events {
                self.1.notified().await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(90), reached).await;
        assert!(in_time.is_ok(), "{} of {n_events} arrived", self.events().len());
    }
}

/// A clock that is moved by hand.
#[derive(Default)]
pub(crate) struct HandClock(AtomicI64);

impl HandClock {
    pub(crate) fn forward(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000, 0).unwrap()
            + TimeDelta::seconds(self.0.load(Ordering::SeqCst))
    }
}
