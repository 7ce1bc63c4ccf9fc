//! The database goes away, comes back, fills up, or leaves a commit's outcome in doubt.

use std::sync::Arc;
use std::time::Duration;

use e2e::edit::{live, update};
use e2e::hook::Pause;
use e2e::proxy::Cut;
use e2e::store::{Backend, PgHome, SqliteHome};
use e2e::world::{Setup, World};
use entity_account::Account;
use entity_contact::Contact;
use entity_opportunity::Opportunity;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection};
use sync_core::{EngineOptions, RunFailure, RunReport, RunStatus, StoreError, SyncError, UnitOfWork};
use sync_postgres::PgStore;
use sync_sqlite::SqliteStore;
use tokio::task::JoinHandle;

/// A run that waits in its middle, with 100 changes committed.
async fn half_way<S: Backend>(world: &World<S>) -> (Pause, JoinHandle<Result<RunReport, SyncError>>) {
    world.settle();
    let pause = Pause::after(100);
    let engine = world.engine::<Opportunity>().middleware(Arc::new(pause.clone())).build().unwrap();
    let request = world.request().observer(Arc::new(pause.clone()));
    let run = tokio::spawn(async move { engine.execute(request).await });
    pause.reached().await;
    (pause, run)
}

/// R2, R9: an administrator ends all connections in the middle of a run; it goes on with others.
#[tokio::test]
async fn terminated_connections_are_replaced() {
    let Some(world) = World::<PgStore>::start(Setup::opportunities(300)).await else { return };
    let (pause, run) = half_way(&world).await;
    assert!(world.home.terminate_backends().await > 0);
    pause.resume();
    let report = run.await.unwrap().unwrap();
    assert_eq!(report.status, RunStatus::Success, "{:?}", report.failure);
    assert_eq!(world.check_one::<Opportunity>().await, Vec::<String>::new());
    assert_eq!(world.runs::<Opportunity>().await.len(), 1, "all in one run");
}

/// R2, R9: connections end again and again, at any statement.
#[tokio::test]
async fn connections_that_keep_ending_cost_only_time() {
    let Some(world) = World::<PgStore>::start(Setup { batch: 10, ..Setup::opportunities(600) }).await else {
        return;
    };
    let home = world.home.clone();
    let mut rng = fastrand::Rng::with_seed(5);
    let axe = tokio::spawn(async move {
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_millis(rng.u64(20..120))).await;
            home.terminate_backends().await;
        }
    });
    world.run_until_done::<Opportunity>().await;
    axe.await.unwrap();
    world.run_until_done::<Opportunity>().await;
    assert_eq!(world.check_one::<Opportunity>().await, Vec::<String>::new());
}

/// R9, INV-REC-2: the connection breaks at each commit of a run in turn, before the server hears of it or before its
/// answer arrives; nothing is lost and nothing done twice.
async fn commits_in_doubt(cut: Cut) {
    let Some(home) = PgHome::new(false) else { return };
    let (home, proxy) = home.behind_proxy().await;
    let options = EngineOptions { linger: Duration::from_secs(10), ..EngineOptions::default() };
    let setup = Setup { batch: 25, options, ..Setup::opportunities(60) };
    let world = World::<PgStore>::start_in(home, setup).await;
    // Opening, three batches, closing.
    for number in 1..=5 {
        for id in live::<Opportunity>(world.crm()) {
            update(world.crm(), id, json!({ "NextStep": format!("step {number}") }));
        }
        world.settle();
        proxy.cut_at_commit(number, cut);
        let run = world.engine::<Opportunity>().build().unwrap().execute(world.request()).await;
        assert_eq!(proxy.commits_cut(), number, "the cut took place");
        match run {
            Ok(report) => {
                assert_eq!(report.status, RunStatus::Success, "commit {number}: {:?}", report.failure);
            }
            // Whether the run was opened is not known; the next one finds out.
            Err(error) => assert!(number == 1, "commit {number}: {error}"),
        }
        world.run_until_done::<Opportunity>().await;
        assert_eq!(world.check_one::<Opportunity>().await, Vec::<String>::new(), "commit {number}");
    }
}

/// R9, INV-REC-2: the server never hears the `COMMIT`.
#[tokio::test]
async fn commit_that_never_arrives_is_done_again() {
    commits_in_doubt(Cut::BeforeCommit).await;
}

/// R9, INV-REC-2: the server commits, and nobody hears of it.
#[tokio::test]
async fn commit_whose_answer_is_lost_is_not_repeated() {
    commits_in_doubt(Cut::AfterCommit).await;
}

/// R2, R12: a server that stays away fails the run; when it is back, the next run closes what was left and goes on.
#[tokio::test]
async fn run_goes_on_after_the_server_is_back() {
    let Some(home) = PgHome::new(false) else { return };
    let (home, proxy) = home.behind_proxy().await;
    let mut world = World::<PgStore>::start_in(home, Setup::opportunities(300)).await;
    world.options.store_attempts = 2;
    let (pause, run) = half_way(&world).await;
    proxy.refuse(true);
    proxy.cut_all();
    pause.resume();
    let ended = run.await.unwrap();
    assert!(matches!(ended, Err(SyncError::Store(StoreError::Unavailable { .. }))), "{ended:?}");
    proxy.refuse(false);
    let left = world.runs::<Opportunity>().await;
    assert_eq!(left.last().unwrap().status, RunStatus::Running, "nobody could say that it ended");

    world.restart().await;
    let report = world.run::<Opportunity>().await;
    assert_eq!(report.status, RunStatus::Success);
    let runs = world.runs::<Opportunity>().await;
    assert_eq!((runs[0].status, runs[0].counts.found), (RunStatus::Failed, 100));
    assert_eq!(runs[1].cursor_before, runs[0].cursor_after, "it went on where the other stopped");
    assert_eq!(world.check_one::<Opportunity>().await, Vec::<String>::new());
}

/// A store that gives up on a lock soon.
async fn impatient(opportunities: usize) -> World<SqliteStore> {
    let mut home = SqliteHome::new(false);
    home.busy_timeout = Duration::from_millis(50);
    World::start_in(home, Setup::opportunities(opportunities)).await
}

/// R9: another program holds the file's lock for longer than the busy time-out; the run waits and goes on.
#[tokio::test]
async fn locked_file_is_waited_for() {
    let world = impatient(300).await;
    let (pause, run) = half_way(&world).await;
    let mut other = world.home.connection().await;
    let lock = other.begin_with("begin immediate").await.unwrap();
    pause.resume();
    tokio::time::sleep(Duration::from_millis(300)).await;
    lock.rollback().await.unwrap();
    let report = run.await.unwrap().unwrap();
    assert_eq!(report.status, RunStatus::Success, "{:?}", report.failure);
    assert_eq!(world.check_one::<Opportunity>().await, Vec::<String>::new());
}

/// R2, R12: a file that stays locked ends the run; the next one closes what was left and goes on.
#[tokio::test]
async fn file_that_stays_locked_ends_the_run() {
    let mut world = impatient(300).await;
    world.options.store_attempts = 2;
    let (pause, run) = half_way(&world).await;
    let mut other = world.home.connection().await;
    let lock = other.begin_with("begin immediate").await.unwrap();
    pause.resume();
    let ended = run.await.unwrap();
    assert!(matches!(ended, Err(SyncError::Store(StoreError::Unavailable { .. }))), "{ended:?}");
    let refused = world.engine::<Opportunity>().build().unwrap().execute(world.request()).await;
    assert!(matches!(refused, Err(SyncError::Store(StoreError::Unavailable { .. }))), "{refused:?}");
    lock.rollback().await.unwrap();

    world.restart().await;
    assert_eq!(world.run::<Opportunity>().await.status, RunStatus::Success);
    let runs = world.runs::<Opportunity>().await;
    assert_eq!((runs.len(), runs[0].status, runs[0].counts.found), (2, RunStatus::Failed, 100));
    assert_eq!(world.check_one::<Opportunity>().await, Vec::<String>::new());
}

/// R5, R9: a full disk stops the run with an error that says so; with room again the next one goes on, and nothing
/// was lost.
#[tokio::test]
async fn full_disk_loses_nothing() {
    let world = World::<SqliteStore>::start(Setup::opportunities(800)).await.unwrap();
    world.run::<Account>().await;
    world.run::<Contact>().await;
    let pages = pragma(&world, "page_count").await;
    pragma(&world, &format!("max_page_count = {}", pages + 40)).await;
    let report = world.run::<Opportunity>().await;
    assert!(
        matches!(&report.failure, Some(RunFailure::Store(StoreError::Refused { .. }))),
        "{:?}",
        report.failure
    );
    let told = report.failure.as_ref().map(RunFailure::describe).unwrap();
    assert!(told.contains("full"), "{told}");
    assert_eq!(report.status, RunStatus::Failed);
    assert!(report.counts.found > 0, "the batches that still fitted are there");
    let stored = world.runs::<Opportunity>().await;
    assert_eq!(stored[0].counts, report.counts);

    pragma(&world, "max_page_count = 1073741823").await;
    world.later(world.options.lease_ttl + Duration::from_secs(1));
    assert_eq!(world.run::<Opportunity>().await.status, RunStatus::Success);
    world.check_one::<Account>().await;
    assert_eq!(world.check_one::<Opportunity>().await, Vec::<String>::new());
}

/// Sets or asks a setting of the store's own connection.
async fn pragma(world: &World<SqliteStore>, setting: &str) -> i64 {
    let mut tx = world.store.begin().await.unwrap();
    let sql = AssertSqlSafe(format!("pragma {setting}"));
    let answer = sqlx::query_scalar(sql).fetch_one(tx.connection()).await.unwrap();
    world.store.commit(tx).await.unwrap();
    answer
}
