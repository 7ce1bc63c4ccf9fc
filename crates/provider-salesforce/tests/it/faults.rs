//! Polling in bad weather. Whatever happens, the consumer has every record's version in the end.

use crm_sandbox::{Fault, FaultRule};
use futures::StreamExt;
use sync_core::{ChangeSource, Retry, SourceError};

use crate::world::{Replica, World, config, subscription};

const RECORDS: usize = 60;

async fn world() -> World {
    let world = World::with(config(), 7).await;
    world.seed(RECORDS);
    world
}

/// Runs until one run succeeds, and says how many failed before it.
async fn persevere(world: &World, replica: &mut Replica) -> usize {
    for failed in 0..20 {
        if replica.run(world).await.is_ok() {
            return failed;
        }
    }
    panic!("no run out of twenty succeeds");
}

#[tokio::test]
async fn passing_fault_of_any_kind_loses_nothing() {
    let faults = [
        Fault::Latency { ms: 20 },
        Fault::Unauthorized,
        Fault::ConcurrentLimit,
        Fault::TooManyRequests { retry_after_s: None },
        Fault::InternalError,
        Fault::BadGateway,
        Fault::Unavailable { retry_after_s: None },
        Fault::Drop,
        Fault::DropAnswer,
        Fault::Truncate { bytes: 300 },
        Fault::Garbage,
        Fault::Html,
        Fault::LockedRow,
        Fault::InvalidLocator,
    ];
    for fault in faults {
        for (kind, skip) in [("query", 0), ("query_more", 0), ("query_more", 4)] {
            let world = world().await;
            world.control().add_fault(FaultRule::new(fault.clone()).on(kind).skip(skip).times(1));
            let mut replica = Replica::default();
            replica.run(&world).await.unwrap_or_else(|error| panic!("{fault:?} on {kind}: {error:?}"));
            assert_eq!(replica.rows, world.truth(), "{fault:?} on {kind}");
        }
    }
}

#[tokio::test]
async fn query_that_times_out_ends_the_run_and_the_next_one_goes_on() {
    let world = world().await;
    world.control().add_fault(FaultRule::new(Fault::QueryTimeout).on("query_more").skip(3).times(1));
    let mut replica = Replica::default();
    let error = replica.run(&world).await.unwrap_err();
    assert!(matches!(error, SourceError::Transient { .. }), "{error:?}");
    assert!(replica.rows.len() >= 7 && replica.cursor.is_some());
    assert_eq!(persevere(&world, &mut replica).await, 0);
    assert_eq!(replica.rows, world.truth());
}

#[tokio::test]
async fn weather_of_every_kind_at_once_loses_nothing() {
    let world = world().await;
    for fault in [
        Fault::Unauthorized,
        Fault::InternalError,
        Fault::Drop,
        Fault::Truncate { bytes: 1_000 },
        Fault::Garbage,
        Fault::Html,
        Fault::InvalidLocator,
    ] {
        world.control().add_fault(FaultRule::new(fault).on("query").on("query_more").probability(0.08));
    }
    let mut replica = Replica::default();
    persevere(&world, &mut replica).await;
    assert_eq!(replica.rows, world.truth());
}

/// A locator belongs to the session that made it: with a new token, reading goes on from the last record.
#[tokio::test]
async fn token_that_expires_between_pages_costs_no_record() {
    let world = world().await;
    let mut replica = Replica::default();
    let mut stream = world.source().list_changes(&subscription(), None);
    let mut n = 0;
    while let Some(change) = stream.next().await {
        replica.apply(&change.unwrap());
        n += 1;
        if n % 20 == 10 {
            world.control().expire_sessions();
        }
    }
    assert_eq!(n, RECORDS, "no record is read twice");
    assert_eq!(replica.rows, world.truth());
    assert!(world.asked("token") >= 2);
}

#[tokio::test]
async fn lost_locators_are_replaced_as_long_as_records_come() {
    let world = world().await;
    world.control().add_fault(FaultRule::new(Fault::InvalidLocator).on("query_more"));
    let mut replica = Replica::default();
    let changes = replica.run(&world).await.unwrap();
    assert_eq!(changes.len(), RECORDS);
    assert_eq!(replica.rows, world.truth());
}

#[tokio::test]
async fn answer_that_is_never_json_ends_the_run_after_some_tries() {
    for fault in [Fault::Garbage, Fault::Html] {
        let world = world().await;
        world.control().add_fault(FaultRule::new(fault).on("query"));
        let error = Replica::default().run(&world).await.unwrap_err();
        assert!(matches!(error, SourceError::Transient { .. }), "{error:?}");
        assert_eq!(error.retry(), Retry::Soon);
        assert_eq!(world.asked("query"), 4, "one try and three restarts");
    }
}

#[tokio::test]
async fn revoked_grant_asks_for_a_new_connection() {
    let world = world().await;
    world.control().revoke_refresh_tokens();
    let error = Replica::default().run(&world).await.unwrap_err();
    assert!(matches!(error, SourceError::Unauthorised { .. }), "{error:?}");
}

#[tokio::test]
async fn spent_budget_ends_the_run_and_the_next_one_goes_on() {
    let world = world().await;
    // The reserve is 20 %: 800 calls are ours, of which 5 are left.
    world.control().set_api_limit(795, 1_000);
    let mut replica = Replica::default();
    let error = replica.run(&world).await.unwrap_err();
    let SourceError::BudgetSpent { used, max } = error else { panic!("{error:?}") };
    assert!((795..=800).contains(&used) && max == 1_000, "{used} of {max}");
    assert!(!replica.rows.is_empty() && replica.rows.len() < RECORDS);

    world.client.budget().record(provider_http::Usage { used: 0, max: 1_000 });
    world.control().set_api_limit(0, 1_000);
    replica.run(&world).await.unwrap();
    assert_eq!(replica.rows, world.truth());
}

#[tokio::test]
async fn used_up_day_is_told_as_a_spent_budget() {
    let world = world().await;
    world.control().set_api_limit(1_000, 1_000);
    let error = Replica::default().run(&world).await.unwrap_err();
    assert!(matches!(error, SourceError::BudgetSpent { .. }), "{error:?}");
}
