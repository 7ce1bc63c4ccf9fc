//! Random edits, random runs and faults of every kind, over and over: afterwards everything is as if nothing had
//! happened. A story that goes wrong names its seed; `HEXSYNC_SOAK_SEEDS=7,8` tells these stories instead.

mod story;

use e2e::store::{PgHome, SqliteHome};
use e2e::world::{Setup, World};
use sync_memory::MemoryStore;
use sync_postgres::PgStore;
use sync_sqlite::SqliteStore;

use self::story::{Story, Trouble};

/// R9, R11, R13 to R16, R20: three stories in memory.
#[tokio::test]
async fn soak_memory() {
    for seed in seeds([11, 12, 13]) {
        let world = World::<MemoryStore>::start(setup(seed)).await.unwrap();
        Story::new(world, seed, Vec::new()).tell().await;
    }
}

/// R9, R11, R13 to R16, R20: three stories on SQLite, whose file other programs lock.
#[tokio::test]
async fn soak_sqlite() {
    for seed in seeds([21, 22, 23]) {
        let mut home = SqliteHome::new(false);
        home.busy_timeout = std::time::Duration::from_millis(200);
        let world = World::<SqliteStore>::start_in(home, setup(seed)).await;
        let home = world.home.clone();
        let lock: Trouble = Box::new(move |rng| {
            let (home, hold) = (home.clone(), rng.u64(100..400));
            Box::pin(async move {
                let mut other = home.connection().await;
                let lock = sqlx::Connection::begin_with(&mut other, "begin immediate").await.unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(hold)).await;
                lock.rollback().await.unwrap();
            })
        });
        Story::new(world, seed, vec![lock]).tell().await;
    }
}

/// R9, R11, R13 to R16, R20: three stories on PostgreSQL, whose connections end and whose commits are in doubt.
#[tokio::test]
async fn soak_postgres() {
    for seed in seeds([31, 32, 33]) {
        let Some(home) = PgHome::new(false) else { return };
        let (home, proxy) = home.behind_proxy().await;
        let world = World::<PgStore>::start_in(home, setup(seed)).await;
        let home = world.home.clone();
        let terminate: Trouble = Box::new(move |rng| {
            let (home, wait) = (home.clone(), rng.u64(1..30));
            Box::pin(async move {
                tokio::time::sleep(std::time::Duration::from_millis(wait)).await;
                home.terminate_backends().await;
            })
        });
        let doubt: Trouble = Box::new(move |rng| {
            let cut = if rng.bool() { e2e::proxy::Cut::BeforeCommit } else { e2e::proxy::Cut::AfterCommit };
            proxy.cut_at_commit(rng.u64(1..6), cut);
            Box::pin(async {})
        });
        Story::new(world, seed, vec![terminate, doubt]).tell().await;
    }
}

fn setup(seed: u64) -> Setup {
    let org = crm_sandbox::salesforce::generate::OrgSpec {
        users: 6,
        accounts: 40,
        contacts: 60,
        opportunities: 250,
        ..crm_sandbox::salesforce::generate::OrgSpec::EMPTY
    };
    Setup { org: org.into(), seed, batch: 25, page: 200, ..Setup::default() }
}

/// The seeds of the environment, or these.
pub(crate) fn seeds(usual: [u64; 3]) -> Vec<u64> {
    let asked = std::env::var("HEXSYNC_SOAK_SEEDS").unwrap_or_default();
    let asked: Vec<u64> = asked.split(',').filter_map(|seed| seed.trim().parse().ok()).collect();
    if asked.is_empty() { usual.to_vec() } else { asked }
}

/// Names the story when it goes wrong.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the story of seed {} went wrong", self.0);
        }
    }
}
