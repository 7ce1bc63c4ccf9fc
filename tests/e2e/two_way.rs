//! Both ways while what is around them fails: a Redis that is away, silent or forgets, and clocks that jump.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use e2e::edit::live;
use e2e::on_stores;
use e2e::pair::TwoWay;
use e2e::world::{Setup, World};
use entity_opportunity::Opportunity;
use sync_core::{Clock, Counts, LocalEditor, RunFailure, RunReport, StoreError, SyncError};
use sync_sqlite::SqliteStore;
use sync_wiring::redis_loopback::RedisLoopbackStore;
use sync_wiring::writeback::salesforce::{engine, writeback};
use sync_wiring::{EntityStore, Fingerprints, SyncModule};

/// A Redis at this address, whose keys begin with this, and which is waited for but briefly.
fn redis(url: &str, prefix: &str) -> Fingerprints {
    let store = RedisLoopbackStore::builder(url)
        .ttl(Duration::from_secs(60))
        .poll_interval(Duration::from_secs(300))
        .prefix(prefix)
        .connect_timeout(Duration::from_millis(300))
        .response_timeout(Duration::from_millis(300));
    Fingerprints::in_redis(store.build().unwrap())
}

/// An edit of the application's, of which nobody is told but the CRM.
async fn edit<S: TwoWay>(world: &World<S>, id: &str, next_step: &str) {
    let sink = Arc::new(EntityStore::<Opportunity>::sink(&*world.store));
    let editor = LocalEditor::<_, S>::new(sink, Arc::clone(&world.store) as _).clock(world.clock());
    let scope = world.scope::<Opportunity>();
    let mut tx = world.store.begin().await.unwrap();
    let change = |deal: &mut Opportunity| deal.next_step = Some(next_step.to_owned());
    editor.edit(&mut tx, &scope, &id.into(), change).await.unwrap();
    world.store.commit(tx).await.unwrap();
}

async fn send(world: &World<SqliteStore>, module: &SyncModule<SqliteStore>) -> RunReport {
    let way = writeback::<Opportunity, _>(module, &world.crm).unwrap();
    way.execute(world.request()).await.unwrap()
}

async fn follow(world: &World<SqliteStore>, module: &SyncModule<SqliteStore>) -> RunReport {
    world.later(Duration::from_secs(10));
    engine::<Opportunity, _>(module, &world.crm).unwrap().execute(world.request()).await.unwrap()
}

/// Redis only helps to tell echoes. Without it the edit is sent all the same, and its echo comes in as a change of
/// nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_that_is_away_silent_or_flushed_costs_only_noops() {
    let Ok(url) = std::env::var("HEXSYNC_TEST_REDIS_URL") else {
        let required = std::env::var_os("HEXSYNC_REQUIRE_SERVICES").is_some_and(|set| set == "1");
        assert!(!required, "HEXSYNC_TEST_REDIS_URL is not set");
        println!("skipped: HEXSYNC_TEST_REDIS_URL is not set");
        return;
    };
    // It takes connections and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("redis://{}/", silent.local_addr().unwrap());
    let own = |name: &str| format!("{name}-{}", uuid::Uuid::now_v7().simple());
    let (kept, before, after) = (own("kept"), own("before"), own("after"));
    let cases = [
        ("there", redis(&url, &kept), redis(&url, &kept), 1),
        ("away", redis("redis://127.0.0.1:1/", "away"), redis("redis://127.0.0.1:1/", "away"), 0),
        ("silent", redis(&silent, "silent"), redis(&silent, "silent"), 0),
        // What was written before is not there after.
        ("flushed", redis(&url, &before), redis(&url, &after), 0),
    ];
    let world = World::<SqliteStore>::start(Setup::default()).await.unwrap();
    world.run::<Opportunity>().await;
    let deals = live::<Opportunity>(world.crm());
    for ((what, sending, following, n_echoes), deal) in cases.into_iter().zip(deals) {
        let (sending, following) = (world.module_with(sending), world.module_with(following));
        edit(&world, deal.as_ref(), what).await;
        let sent = send(&world, &sending).await;
        assert!(sent.failure.is_none() && sent.counts.updated == 1, "{what}: {sent:?}");
        assert_eq!(world.crm().row(deal).unwrap()["NextStep"], what);
        let followed = follow(&world, &following).await;
        let counts = followed.counts;
        assert_eq!((counts.skipped, counts.applied(), counts.parked), (n_echoes, 0, 0), "{what}: {counts:?}");
    }
    world.check_one::<Opportunity>().await;
}

/// A clock that jumps by an hour, forward and back, every few times it is asked.
struct Jumping(Arc<dyn Clock>, AtomicI64);

impl Clock for Jumping {
    fn now(&self) -> DateTime<Utc> {
        let n = self.1.fetch_add(1, Ordering::SeqCst);
        self.0.now() + TimeDelta::hours([0, 1, -1][usize::try_from(n / 5 % 3).unwrap_or_default()])
    }
}

/// What a run under such a clock may have come to. A claim that seems to have ended may be somebody else's by now, and one
/// that was made in the future seems to be held: then nothing is done, and nothing is lost. All else is to go well.
fn looked_at(ended: Result<RunReport, SyncError>) -> Option<Counts> {
    match ended {
        Ok(report) if report.failure.is_none() => {
            assert!(report.counts.conserved() && report.counts.parked == 0, "{report:?}");
            Some(report.counts)
        }
        Ok(report) if matches!(report.failure, Some(RunFailure::Store(StoreError::Fenced))) => None,
        Err(SyncError::AlreadyRunning { .. } | SyncError::Store(StoreError::Fenced)) => None,
        other => panic!("{other:?}"),
    }
}

on_stores! { [sqlite, postgres]
    /// Claims may seem to have ended, and waits to be long over: runs are broken off and begun again, and in the end each
    /// change was applied and sent once.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn clock_that_jumps_under_runs_loses_and_repeats_nothing() = jumping_clock;
}

async fn jumping_clock<S: TwoWay>() {
    let Some(world) = World::<S>::start(Setup::default()).await else { return };
    let jumping = Arc::new(Jumping(world.clock(), AtomicI64::new(0)));
    let module = world.module_by(jumping);
    let inbound = async |wait| {
        world.later(Duration::from_secs(wait));
        let engine = engine::<Opportunity, _>(&module, &world.crm).unwrap();
        looked_at(engine.execute(world.request()).await)
    };
    let mut n_well = 0;
    for _ in 0..20 {
        n_well += usize::from(inbound(10).await.is_some());
    }
    assert!(n_well > 0, "some of the runs ended well");
    world.check_one::<Opportunity>().await;
    let deals = live::<Opportunity>(world.crm());
    for deal in &deals[..5] {
        edit(&world, deal.as_ref(), "after the jump").await;
    }
    let versions = |world: &World<S>| {
        let stamp = |deal| world.crm().row(deal).map(|row| row["SystemModstamp"].to_string());
        deals.iter().map(|deal| stamp(*deal)).collect::<Vec<_>>()
    };
    let mut seen = vec![versions(&world)];
    let mut n_well = 0;
    for _ in 0..20 {
        world.later(Duration::from_secs(7_200));
        let way = writeback::<Opportunity, _>(&module, &world.crm).unwrap();
        n_well += usize::from(looked_at(way.execute(world.request()).await).is_some());
        seen.push(versions(&world));
    }
    assert!(n_well > 0, "some of the runs ended well");
    for deal in &deals[..5] {
        assert_eq!(world.crm().row(*deal).unwrap()["NextStep"], "after the jump");
    }
    for (n, deal) in deals.iter().enumerate() {
        let mut stamps: Vec<_> = seen.iter().map(|at_once| &at_once[n]).collect();
        stamps.dedup();
        assert_eq!(stamps.len() - 1, usize::from(n < 5), "writes of {deal}");
    }
    let mut last = None;
    for _ in 0..5 {
        last = inbound(7_200).await.or(last);
    }
    assert_eq!(last.map(|counts| counts.applied()), Some(0), "nothing was left to do");
    world.check_one::<Opportunity>().await;
    // However often runs were broken off: every deal came in once, and every edit was recorded once.
    let audit = world.audit::<Opportunity>().await;
    let sum = |of: fn(&Counts) -> u64| audit.runs.iter().map(|run| of(&run.counts)).sum::<u64>();
    assert_eq!((sum(|c| c.created), sum(|c| c.updated), sum(|c| c.deleted)), (deals.len() as u64, 5, 0));
}
