//! Both ways while the Redis that keeps fingerprints is killed, comes back empty, is flushed, or is slow: what is sent is
//! sent once, what comes in is applied once, and only echoes are no longer told from changes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use e2e::on_stores;
use e2e::pair::{Pair, Product, TwoWay};
use e2e::redis::{RedisServer, Slow};
use sync_core::{Counts, RunObserver, RunReport, WritebackOptions};
use sync_wiring::redis_loopback::RedisLoopbackStore;
use sync_wiring::{Fingerprints, SyncModule};

on_stores! { [sqlite, postgres]
    /// R6: the server is killed in the middle of sending, and comes back empty in the middle of following.
    #[tokio::test]
    async fn redis_killed_in_the_middle_costs_only_noops() = killed;
    /// R6: it forgets everything in the middle of sending; the echoes of what was noted after that are still known.
    #[tokio::test]
    async fn redis_flushed_in_the_middle_knows_what_came_after() = flushed;
    /// R6: it answers late, but within the time-out: echoes are known. It answers after it: they are not, and nothing
    /// waits for it for long.
    #[tokio::test]
    async fn slow_redis_is_waited_for_within_its_time_out() = slow;
}

const N_EDITED: usize = 6;

/// Does something once the first batch of a run is committed.
struct AfterFirstBatch(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl AfterFirstBatch {
    fn new(act: impl FnOnce() + Send + 'static) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(Box::new(act)))))
    }

    fn took_place(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

impl RunObserver for AfterFirstBatch {
    fn batch_committed(&self, _: &Counts) {
        let act = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        act.into_iter().for_each(|act| act());
    }
}

/// Fingerprints at this address; each answer is waited for so long.
fn fingerprints(url: &str, patience: Duration) -> Fingerprints {
    let store = RedisLoopbackStore::builder(url)
        .ttl(Duration::from_secs(60))
        .poll_interval(Duration::from_secs(300))
        .connect_timeout(Duration::from_secs(5))
        .response_timeout(patience);
    Fingerprints::in_redis(store.build().unwrap())
}

/// A pair with its companies loaded, which sends two records at a time.
async fn loaded<S: TwoWay>(product: Product) -> Option<Pair<S>> {
    let mut pair = Pair::<S>::start(product).await?;
    pair.writeback = WritebackOptions { batch_size: 2.try_into().unwrap(), ..pair.writeback };
    let counts = ended_well(&pair.follow(&pair.module()).await);
    assert_eq!(counts.created as usize, pair.remote.companies().len());
    Some(pair)
}

fn ended_well(report: &RunReport) -> Counts {
    assert!(report.failure.is_none() && report.counts.conserved(), "{report:?}");
    report.counts
}

/// Some companies are edited here; their ids, and when they were last written in the CRM.
async fn edited<S: TwoWay>(pair: &Pair<S>, phone: &str) -> BTreeMap<String, String> {
    let ids: Vec<String> = pair.remote.companies().into_keys().take(N_EDITED).collect();
    for id in &ids {
        pair.edit(id, phone).await;
    }
    ids.into_iter().map(|id| (id.clone(), pair.remote.written_at(&id))).collect()
}

/// All of them hold it; when each was written.
fn hold<S: TwoWay>(
    pair: &Pair<S>,
    before: &BTreeMap<String, String>,
    phone: &str,
) -> BTreeMap<String, String> {
    let companies = pair.remote.companies();
    let now = before.keys().map(|id| (id.clone(), pair.remote.written_at(id)));
    let now: BTreeMap<String, String> = now.collect();
    for (id, stamp) in before {
        assert_eq!(companies[id].phone, phone, "{id}");
        assert_ne!(*stamp, now[id], "{id} was not written");
    }
    now
}

/// Somebody edits right after us; that is no echo. After it nothing is left to do, and nothing was written since.
async fn rest<S: TwoWay>(pair: &Pair<S>, module: &SyncModule<S>, written: &BTreeMap<String, String>) {
    let (edited_there, stamp) = written.first_key_value().unwrap();
    assert_eq!(pair.remote.written_at(edited_there), *stamp);
    pair.remote.edit(edited_there, "+1 555 0199");
    let counts = ended_well(&pair.follow(module).await);
    assert_eq!((counts.updated, counts.applied(), counts.parked), (1, 1, 0), "{counts:?}");
    pair.later(Duration::from_secs(3_600));
    assert_eq!(ended_well(&pair.send(module).await).found, 0);
    assert_eq!(ended_well(&pair.follow(module).await).applied(), 0);
    for (id, stamp) in written.iter().skip(1) {
        assert_eq!(pair.remote.written_at(id), *stamp, "{id} was written again");
    }
    pair.check().await;
}

async fn killed<S: TwoWay>() {
    let Some(redis) = RedisServer::start().map(Arc::new) else { return };
    for product in Product::ALL {
        redis.restart();
        let Some(pair) = loaded::<S>(product).await else { return };
        let module = pair.module_of(fingerprints(&redis.url(), Duration::from_secs(5)), pair.clock());
        let before = edited(&pair, "+1 555 0100").await;
        let server = Arc::clone(&redis);
        let kill = AfterFirstBatch::new(move || {
            assert!(server.n_keys() > 0, "it was in use");
            server.kill();
        });
        let sent = pair.send_by(&module, pair.request().observer(Arc::clone(&kill) as _)).await.unwrap();
        assert!(kill.took_place());
        let counts = ended_well(&sent);
        assert_eq!((counts.updated as usize, counts.applied() as usize), (N_EDITED, N_EDITED), "{product:?}");
        let written = hold(&pair, &before, "+1 555 0100");

        let server = Arc::clone(&redis);
        let restart = AfterFirstBatch::new(move || server.restart());
        let followed = pair.follow_by(&module, pair.request().observer(Arc::clone(&restart) as _)).await;
        assert!(restart.took_place());
        let counts = ended_well(&followed.unwrap());
        assert_eq!((counts.applied(), counts.skipped, counts.parked), (0, 0, 0), "{product:?}: {counts:?}");
        assert!(counts.noop as usize >= N_EDITED, "{product:?}: {counts:?}");
        rest(&pair, &module, &written).await;

        // It is used again.
        let before = edited(&pair, "+1 555 0101").await;
        assert_eq!(ended_well(&pair.send(&module).await).updated as usize, N_EDITED);
        hold(&pair, &before, "+1 555 0101");
        let counts = ended_well(&pair.follow(&module).await);
        assert_eq!((counts.applied(), counts.skipped as usize), (0, N_EDITED), "{product:?}: {counts:?}");
        pair.check().await;
    }
}

async fn flushed<S: TwoWay>() {
    let Some(redis) = RedisServer::start().map(Arc::new) else { return };
    for product in Product::ALL {
        let Some(pair) = loaded::<S>(product).await else { return };
        let module = pair.module_of(fingerprints(&redis.url(), Duration::from_secs(5)), pair.clock());
        let before = edited(&pair, "+1 555 0100").await;
        let server = Arc::clone(&redis);
        let flush = AfterFirstBatch::new(move || {
            assert!(server.n_keys() > 0, "it was in use");
            server.flush();
        });
        let sent = pair.send_by(&module, pair.request().observer(Arc::clone(&flush) as _)).await.unwrap();
        assert!(flush.took_place());
        assert_eq!(ended_well(&sent).updated as usize, N_EDITED, "{product:?}");
        let written = hold(&pair, &before, "+1 555 0100");
        let counts = ended_well(&pair.follow(&module).await);
        // The first two were noted before.
        assert_eq!((counts.applied(), counts.skipped as usize), (0, N_EDITED - 2), "{product:?}: {counts:?}");
        assert!(counts.noop >= 2 && counts.parked == 0, "{product:?}: {counts:?}");
        rest(&pair, &module, &written).await;
    }
}

async fn slow<S: TwoWay>() {
    let Some(redis) = RedisServer::start() else { return };
    let proxy = Slow::start(&redis).await;
    let cases = [
        (Duration::from_millis(100), Duration::from_secs(20), N_EDITED),
        (Duration::from_millis(600), Duration::from_millis(300), 0),
    ];
    for product in Product::ALL {
        for (delay, patience, n_echoes) in cases {
            redis.flush();
            let Some(pair) = loaded::<S>(product).await else { return };
            proxy.delay(delay);
            let module = pair.module_of(fingerprints(&proxy.url(), patience), pair.clock());
            let before = edited(&pair, "+1 555 0100").await;
            let began = Instant::now();
            let sent = ended_well(&pair.send(&module).await);
            assert_eq!((sent.updated as usize, sent.parked), (N_EDITED, 0), "{product:?} {delay:?}");
            let written = hold(&pair, &before, "+1 555 0100");
            let counts = ended_well(&pair.follow(&module).await);
            assert_eq!(
                (counts.applied(), counts.skipped as usize, counts.parked),
                (0, n_echoes, 0),
                "{product:?} {delay:?}: {counts:?}"
            );
            assert!(began.elapsed() > delay, "{product:?}: it was waited for");
            rest(&pair, &module, &written).await;
        }
    }
}
