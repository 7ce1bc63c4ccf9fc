//! The contract of fingerprint stores, on PostgreSQL, and what only a store beside the rows can promise.

mod fixture;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sync_core::contract::{LoopbackFixture, Sample, SinkFixture, StoreFixture, Tenancy};
use sync_core::{
    Change, Clock, ExternalId, LoopbackFingerprintStore, Scope, TtlNotBelowPollInterval, UnitOfWork,
    WriteRecorder,
};
use sync_postgres::PgLoopbackStore;

use fixture::PgFixture;

struct Loopback {
    store: PgLoopbackStore,
    clock: Arc<SteppedClock>,
    fixture: PgFixture,
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
        let fixture = PgFixture::fresh(Tenancy::Single).await?;
        let clock = Arc::new(SteppedClock::default());
        let store = PgLoopbackStore::with_clock(&fixture.store(), ttl, Arc::<SteppedClock>::clone(&clock));
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

fn scope() -> Scope {
    let subscription = sync_core::Subscription::new("connection", "suite", "sample");
    Scope {
        tenant: None,
        connection: subscription.connection,
        subscription: subscription.id,
        entity: "sample",
        provider: "suite".into(),
        user: "system".into(),
    }
}

/// Fingerprints that can't be kept take nothing else of their transaction along: the intent is noted all the same.
#[tokio::test]
async fn failed_recording_leaves_its_transaction_usable() {
    let Some(f) = Loopback::fresh(Duration::from_secs(60)).await else { return };
    let (scope, store) = (scope(), f.fixture.store());
    let mut tx = store.begin().await.expect("the store is there");
    sqlx::query("create table noted (id int)").execute(tx.connection()).await.expect("it can be made");
    sqlx::query("drop table sync_fingerprints").execute(tx.connection()).await.expect("it can be dropped");
    let write = [("r1".into(), Sample::default())];
    f.store.record_writes(&mut tx, &scope, &write).await.expect_err("there is no table");
    store.commit(tx).await.expect("the transaction is usable");
    let noted = sqlx::query("select * from noted").fetch_all(store.pool()).await;
    assert!(noted.is_ok(), "{noted:?}");
}

/// INV-LOO-3: what was recorded in a transaction that was rolled back is not known.
#[tokio::test]
async fn rolled_back_write_is_not_known() {
    let Some(f) = Loopback::fresh(Duration::from_secs(60)).await else { return };
    let (scope, store) = (scope(), f.fixture.store());
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
    let Some(fixture) = PgFixture::fresh(Tenancy::Single).await else { return };
    let minute = Duration::from_secs(60);
    assert!(PgLoopbackStore::new(&fixture.store(), minute, minute * 2).is_ok());
    let refused = PgLoopbackStore::new(&fixture.store(), minute, minute).err();
    assert_eq!(refused, Some(TtlNotBelowPollInterval { ttl: minute, poll_interval: minute }));
}
