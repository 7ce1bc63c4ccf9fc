//! `kill -9` at random moments of a load, and of the changes that follow it, restarted until all is done.

use std::time::Duration;

use crm_sandbox::salesforce::evolve::ChangePlan;
use crm_sandbox::salesforce::generate::OrgSpec;
use crm_sandbox::{Fault, FaultRule};
use e2e::client::Login;
use e2e::edit::fields;
use e2e::process::Worker;
use e2e::store::{Backend, PgHome, SqliteHome};
use e2e::worker::{Place, Task};
use e2e::world::{Setup, World};
use entity_account::Account;
use entity_contact::Contact;
use entity_opportunity::Opportunity;
use entity_user::User;
use serde_json::json;
use sync_core::RunStatus;
use sync_postgres::PgStore;
use sync_sqlite::SqliteStore;

/// Kills per store that have to hit a worker at work.
const KILLS: usize = 30;
/// Longer than a batch takes, shorter than anybody likes to wait for a dead process's lease.
const LEASE_MS: u64 = 250;
const SEED: u64 = 20_261_123;
const WORKER: &str = env!("CARGO_BIN_EXE_e2e-worker");

/// R2, R9, R12, R16, R19: a process killed at any moment leaves nothing half done, and the next one goes on.
#[tokio::test]
async fn kill_sqlite() {
    let home = SqliteHome::new(false);
    let place = Place::Sqlite(home.file());
    killed_until_done::<SqliteStore>(home, place, SEED).await;
}

/// R2, R9, R12, R16, R19: as on SQLite, with the server outliving the process.
#[tokio::test]
async fn kill_postgres() {
    let Some(home) = PgHome::new(false) else { return };
    let place = Place::Postgres { url: home.url().to_string(), schema: home.schema().to_owned() };
    killed_until_done::<PgStore>(home, place, SEED + 1).await;
}

async fn killed_until_done<S: Backend>(home: S::Home, place: Place, seed: u64) {
    let org = OrgSpec { users: 20, accounts: 150, contacts: 400, opportunities: 1_600, ..OrgSpec::EMPTY };
    let world = World::<S>::start_in(home, Setup { org: org.into(), page: 250, ..Setup::default() }).await;
    // Answers that take their time spread the work, so that kills land in all of its parts.
    world.faults([FaultRule::new(Fault::Latency { ms: 10 })]);
    let task = Task { login: Login::of(&world.org), place, batch: 60, lease_ms: LEASE_MS };
    let mut rng = fastrand::Rng::with_seed(seed);
    let (mut kills, mut hit_a_run, mut rounds) = (0, 0, 0);
    let mut unfit = Vec::new();
    while kills < KILLS {
        let mut worker = Worker::start(WORKER, &task);
        worker.ready().await;
        // The lease of the one killed before has to run out first: mostly, a kill waits for that as well.
        let wait = if rng.u8(..8) == 0 { 0..LEASE_MS } else { LEASE_MS..LEASE_MS + 400 };
        tokio::time::sleep(Duration::from_millis(rng.u64(wait))).await;
        let at_work = worker.kill().await;
        kills += usize::from(at_work);
        hit_a_run += usize::from(at_work && open_runs(&world).await > 0);
        // There has to be something to do: when all is done, and once at least.
        if !at_work || kills == KILLS / 2 {
            rounds += 1;
            let plan =
                ChangePlan { updated: 0.3, inserted: 0.1, deleted: 0.02, unfit: 3, ..ChangePlan::default() };
            unfit.extend(world.crm().evolve(seed + rounds, &plan).unfit);
            world.settle();
        }
    }
    for id in unfit {
        // Deleted meanwhile is as good as mended.
        let _ = world.crm().update(id, &fields(json!({"Name": "mended", "Amount": 1})));
    }
    world.settle();
    let end = Worker::start(WORKER, &task).end().await;
    assert!(end.success(), "the last worker, left alone: {end}");
    println!(
        "{kills} kills of a worker at work, {hit_a_run} of them within a run, {rounds} rounds of changes"
    );
    assert!(hit_a_run * 2 > KILLS, "only {hit_a_run} of {kills} kills hit a run");
    assert_eq!(world.check().await, Vec::<String>::new());
}

/// How many runs the dead left open.
async fn open_runs<S: Backend>(world: &World<S>) -> usize {
    let runs = [
        world.runs::<User>().await,
        world.runs::<Account>().await,
        world.runs::<Contact>().await,
        world.runs::<Opportunity>().await,
    ];
    runs.iter().flatten().filter(|run| run.status == RunStatus::Running).count()
}
