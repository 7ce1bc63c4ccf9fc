//! The contract of fingerprint stores, on SQLite, and what only a store beside the rows can promise.

#[allow(dead_code, reason = "each test program uses its own part")]
mod support;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sync_core::contract::{LoopbackFixture, Sample, SinkFixture, StoreFixture, Tenancy};
use sync_core::{
    Change, Clock, ExternalId, LoopbackFingerprintStore, Scope, TtlNotBelowPollInterval, UnitOfWork,
    WriteRecorder,
};
use sync_sqlite::SqliteLoopbackStore;

use support::SqliteFixture;

struct Loopback {
    store: SqliteLoopbackStore,
    clock: Arc<SteppedClock>,
    fixture: SqliteFixture,
    /// Statements of recording don't count as requests of asking.
    recorded: Mutex<u64>,
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
        let fixture = SqliteFixture::fresh(Tenancy::Single).await?;
        let clock = Arc::new(SteppedClock::default());
        let store =
            SqliteLoopbackStore::with_clock(&fixture.store(), ttl, Arc::<SteppedClock>::clone(&clock));
        Some(Self { store, clock, fixture, recorded: Mutex::default() })
    }

    fn store(&self) -> Arc<dyn LoopbackFingerprintStore<Sample>> {
        Arc::new(self.store.clone())
    }

    async fn record(&self, scope: &Scope, writes: &[(ExternalId, &Sample)]) {
        let before = self.fixture.statements().unwrap_or_default();
        let writes: Vec<(ExternalId, Sample)> =
            writes.iter().map(|(id, sample)| (id.clone(), (*sample).clone())).collect();
        let store = self.fixture.store();
        let mut tx = store.begin().await.expect("the store is there");
        self.store.record_writes(&mut tx, scope, &writes).await.expect("it can be recorded");
        store.commit(tx).await.expect("the store is there");
        *self.recorded.lock().expect("no test panics here") +=
            self.fixture.statements().unwrap_or_default() - before;
    }

    async fn pass(&self, time: Duration) {
        self.clock.0.fetch_add(time.as_micros().try_into().expect("steps are short"), Ordering::SeqCst);
    }

    fn requests(&self) -> Option<u64> {
        let sent = self.fixture.statements()?;
        Some(sent - *self.recorded.lock().expect("no test panics here"))
    }
}

sync_core::loopback_contract!(Loopback);

/// INV-LOO-3: what was recorded in a transaction that was rolled back is not known.
#[tokio::test]
async fn rolled_back_write_is_not_known() {
    let Some(f) = Loopback::fresh(Duration::from_secs(60)).await else { return };
    let subscription = sync_core::Subscription::new("connection", "suite", "sample");
    let scope = Scope {
        tenant: None,
        connection: subscription.connection,
        subscription: subscription.id,
        entity: "sample",
        provider: "suite".into(),
        user: "system".into(),
    };
    let store = f.fixture.store();
    let mut tx = store.begin().await.expect("the store is there");
    let write = [("r1".into(), Sample::default())];
    f.store.record_writes(&mut tx, &scope, &write).await.expect("it can be recorded");
    store.rollback(tx).await.expect("the store is there");
    let echo = [Change::upsert("r1", Sample::default())];
    assert_eq!(f.store.are_echoes(&scope, &echo).await.expect("it answers"), [false]);
}

/// R6: a time to live that is not below the poll interval is refused at start.
#[tokio::test]
async fn time_to_live_is_below_the_poll_interval() {
    let Some(fixture) = SqliteFixture::fresh(Tenancy::Single).await else { return };
    let minute = Duration::from_secs(60);
    assert!(SqliteLoopbackStore::new(&fixture.store(), minute, minute * 2).is_ok());
    let refused = SqliteLoopbackStore::new(&fixture.store(), minute, minute).err();
    assert_eq!(refused, Some(TtlNotBelowPollInterval { ttl: minute, poll_interval: minute }));
}
