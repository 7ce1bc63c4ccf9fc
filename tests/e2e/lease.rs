//! One run at a time, whoever runs it.

use std::sync::Arc;
use std::time::Duration;

use e2e::client::Login;
use e2e::hook::Pause;
use e2e::on_stores;
use e2e::process::Worker;
use e2e::store::{Backend, PgHome, SqliteHome};
use e2e::worker::{Place, Task};
use e2e::world::{Setup, World};
use entity_opportunity::Opportunity;
use sync_core::{RunFailure, RunStatus, StoreError, SyncError};
use sync_postgres::PgStore;
use sync_sqlite::SqliteStore;
use tokio_util::sync::CancellationToken;

const WORKER: &str = env!("CARGO_BIN_EXE_e2e-worker");

on_stores! { [memory, sqlite, postgres]
    /// R12: a holder whose lease another took over commits nothing more; the other's run stands.
    #[tokio::test]
    async fn stale_holder_commits_nothing() = stale_holder;
    /// R12: while a run holds the lease, a second engine is told who has it, and opens no run.
    #[tokio::test]
    async fn second_engine_is_turned_away() = second_engine;
    /// R12: of engines that start at the same moment, one runs at a time, and together they do the work once.
    #[tokio::test]
    async fn engines_side_by_side_do_the_work_once() = side_by_side;
    /// R18: a run that is asked to stop ends after the batch in hand, and the next one goes on from there.
    #[tokio::test]
    async fn cancelled_run_is_resumed() = cancelled;
}

async fn stale_holder<S: Backend>() {
    let Some(world) = World::<S>::start(Setup::default()).await else { return };
    world.settle();
    let pause = Pause::after(20);
    let engine = world.engine::<Opportunity>().middleware(Arc::new(pause.clone())).build().unwrap();
    let request = world.request().observer(Arc::new(pause.clone()));
    let first = tokio::spawn(async move { engine.execute(request).await });
    pause.reached().await;
    world.later(world.options.lease_ttl + Duration::from_secs(1));

    let second = world.run::<Opportunity>().await;
    assert_eq!(second.status, RunStatus::Success);
    let before = world.audit::<Opportunity>().await;
    pause.resume();
    let first = first.await.unwrap().unwrap();
    assert!(matches!(first.failure, Some(RunFailure::Store(StoreError::Fenced))), "{:?}", first.failure);
    assert_eq!(first.counts.found, 20, "its first batch, which was committed while the lease was its own");

    let after = world.audit::<Opportunity>().await;
    assert_eq!((after.runs.len(), after.n_applied()), (before.runs.len(), before.n_applied()));
    assert_eq!(after.runs[0].status, RunStatus::Failed, "closed by the one that took over");
    world.check_one::<Opportunity>().await;
}

async fn second_engine<S: Backend>() {
    let Some(world) = World::<S>::start(Setup::default()).await else { return };
    world.settle();
    let pause = Pause::after(20);
    let engine = world.engine::<Opportunity>().middleware(Arc::new(pause.clone())).holder("first".into());
    let engine = engine.build().unwrap();
    let request = world.request().observer(Arc::new(pause.clone()));
    let first = tokio::spawn(async move { engine.execute(request).await });
    pause.reached().await;

    let second = world.engine::<Opportunity>().build().unwrap().execute(world.request()).await;
    assert!(
        matches!(&second, Err(SyncError::AlreadyRunning { holder, .. }) if holder.as_str() == "first"),
        "{second:?}"
    );
    pause.resume();
    assert_eq!(first.await.unwrap().unwrap().status, RunStatus::Success);
    assert_eq!(world.audit::<Opportunity>().await.runs.len(), 1);
    world.check_one::<Opportunity>().await;
}

async fn side_by_side<S: Backend>() {
    let Some(world) = World::<S>::start(Setup::opportunities(400)).await else { return };
    world.settle();
    let engines = (0..4).map(|_| {
        let engine = world.engine::<Opportunity>().build().unwrap();
        let (subscription, clock) = (world.subscription::<Opportunity>().clone(), world.clock());
        tokio::spawn(async move {
            let mut turned_away = 0;
            loop {
                match engine.execute(sync_core::RunRequest::new(subscription.clone(), "salesforce")).await {
                    Ok(report) => return (report, turned_away),
                    Err(SyncError::AlreadyRunning { until, .. }) => {
                        assert!(until >= clock.now(), "a lease that lasts");
                        turned_away += 1;
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        })
    });
    let mut created = 0;
    for engine in engines.collect::<Vec<_>>() {
        let (report, _) = engine.await.unwrap();
        assert!(report.failure.is_none(), "{:?}", report.failure);
        created += report.counts.created;
    }
    let live = world.rows::<Opportunity>().await.values().filter(|row| !row.state.deleted).count();
    assert_eq!(created, live as u64, "each record was created by one of them");
    world.check_one::<Opportunity>().await;
}

async fn cancelled<S: Backend>() {
    let Some(world) = World::<S>::start(Setup::default()).await else { return };
    world.settle();
    let (pause, token) = (Pause::after(40), CancellationToken::new());
    let engine = world.engine::<Opportunity>().middleware(Arc::new(pause.clone())).build().unwrap();
    let request = world.request().observer(Arc::new(pause.clone())).cancel(token.clone());
    let run = tokio::spawn(async move { engine.execute(request).await });
    pause.reached().await;
    token.cancel();
    let report = run.await.unwrap().unwrap();
    assert_eq!((report.status, report.counts.found), (RunStatus::Cancelled, 40));
    assert!(matches!(report.failure, Some(RunFailure::Cancelled)), "{:?}", report.failure);

    let rest = world.run::<Opportunity>().await;
    assert_eq!((rest.status, rest.cursor_before), (RunStatus::Success, report.cursor_after));
    assert_eq!(world.check_one::<Opportunity>().await, Vec::<String>::new());
}

/// R12: two processes at once on one SQLite file.
#[tokio::test]
async fn two_processes_share_a_file() {
    let home = SqliteHome::new(false);
    let place = Place::Sqlite(home.file());
    two_processes::<SqliteStore>(home, place).await;
}

/// R12: two processes at once on one schema.
#[tokio::test]
async fn two_processes_share_a_schema() {
    let Some(home) = PgHome::new(false) else { return };
    let place = Place::Postgres { url: home.url().to_string(), schema: home.schema().to_owned() };
    two_processes::<PgStore>(home, place).await;
}

async fn two_processes<S: Backend>(home: S::Home, place: Place) {
    let world = World::<S>::start_in(home, Setup { page: 100, ..Setup::opportunities(500) }).await;
    let task = Task { login: Login::of(&world.org), place, batch: 50, lease_ms: 5_000 };
    let workers = [(); 2].map(|()| Worker::start(WORKER, &task));
    for worker in workers {
        assert!(worker.end().await.success());
    }
    world.check().await;
    let audit = world.audit::<Opportunity>().await;
    assert_eq!(audit.runs.len(), 2);
    // Whoever came second waited for the first to end.
    assert!(audit.runs[1].started_at >= audit.runs[0].finished_at.unwrap(), "{:#?}", audit.runs);
}
