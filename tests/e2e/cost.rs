//! What a run costs the database.

use std::time::Duration;

use crm_sandbox::salesforce::{RowChange, RowChanges};
use e2e::edit::{fields, live};
use e2e::store::{Backend, PgHome};
use e2e::world::{Setup, World};
use entity_opportunity::Opportunity;
use serde_json::json;
use sync_core::{EngineOptions, RunStatus};
use sync_postgres::PgStore;
use sync_sqlite::SqliteStore;

/// Statements of three runs in one batch each: a load, an edit of everything, and nothing new.
async fn statements<S: Backend>(world: &World<S>, sent: impl Fn() -> u64) -> [u64; 3] {
    let mut cost = [0; 3];
    for (n, cost) in cost.iter_mut().enumerate() {
        if n == 1 {
            let edit = |id| RowChange::Update { id, fields: fields(json!({"NextStep": "all of them"})) };
            let ops = live::<Opportunity>(world.crm()).into_iter().map(edit).collect();
            let all = RowChanges { ops, ..RowChanges::default() };
            assert!(world.crm().apply(&all).iter().all(Result::is_ok));
        }
        let before = sent();
        let report = world.run::<Opportunity>().await;
        *cost = sent() - before;
        assert!(matches!(report.status, RunStatus::Success | RunStatus::NoChanges), "{:?}", report.failure);
    }
    cost
}

/// Everything in one batch: the batch waits for its last record.
fn one_batch(opportunities: usize) -> Setup {
    let options = EngineOptions { linger: Duration::from_secs(10), ..EngineOptions::default() };
    Setup { batch: 2_000, options, ..Setup::opportunities(opportunities) }
}

/// INV-SNK-2: on SQLite a run of 1,500 records in one batch takes as many statements as one of 30.
#[tokio::test]
async fn statements_do_not_grow_with_the_batch_sqlite() {
    let mut costs = Vec::new();
    for n in [30, 1_500] {
        let world = World::<SqliteStore>::start(one_batch(n)).await.unwrap();
        costs.push(statements(&world, || world.store.statements_sent()).await);
    }
    println!("statements of a load, an edit of everything, and nothing new: {:?}", costs[0]);
    assert_eq!(costs[0], costs[1]);
}

/// INV-SNK-2: on PostgreSQL as well, by what passes on the wire, `COPY` included.
#[tokio::test]
async fn statements_do_not_grow_with_the_batch_postgres() {
    let mut costs = Vec::new();
    for n in [30, 1_500] {
        let Some(home) = PgHome::new(false) else { return };
        let (home, proxy) = home.behind_proxy().await;
        let world = World::<PgStore>::start_in(home, one_batch(n)).await;
        costs.push(statements(&world, || proxy.statements()).await);
    }
    println!("statements of a load, an edit of everything, and nothing new: {:?}", costs[0]);
    assert_eq!(costs[0], costs[1]);
}
