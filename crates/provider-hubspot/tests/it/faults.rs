//! Polling in bad weather. Whatever happens, the consumer has every record's version in the end.

use std::time::Duration;

use crm_sandbox::hubspot::HubspotSettings;
use crm_sandbox::{Fault, FaultRule};
use futures::StreamExt;
use provider_hubspot::HubspotConfig;
use serde_json::json;
use sync_core::{ChangeSource, Cursor, Retry, SourceError};

use crate::world::{Replica, World, small_pages, subscription};

const RECORDS: usize = 60;
const BEFORE: &str = r#"{"v":1,"at":"done","until":"2026-01-05T07:59:00Z"}"#;

/// Deals with companies, so that every kind of call is made.
async fn world() -> World {
    let world = World::paged(7).await;
    let deals = world.seed(RECORDS);
    let companies: Vec<_> =
        (0..2).map(|n| world.insert("companies", &json!({"name": format!("C{n}")}))).collect();
    for deal in deals {
        for company in &companies {
            world.associate(("deals", deal), ("companies", *company), None);
        }
    }
    world.settle();
    world
}

/// One that loads by list, or one that reads a window by search.
fn replica(kind: &str) -> Replica {
    Replica { cursor: (kind == "search").then(|| Cursor::new(BEFORE)), ..Replica::default() }
}

/// Runs until one run succeeds, and says how many failed before it.
async fn persevere(world: &World, replica: &mut Replica) -> usize {
    for failed in 0..30 {
        if replica.run(world).await.is_ok() {
            return failed;
        }
    }
    panic!("no run out of thirty succeeds");
}

#[tokio::test]
async fn passing_fault_of_any_kind_loses_nothing() {
    let faults = [
        Fault::Latency { ms: 20 },
        Fault::Unauthorized,
        Fault::SearchLimit,
        Fault::TooManyRequests { retry_after_s: Some(0) },
        Fault::InternalError,
        Fault::BadGateway,
        Fault::Unavailable { retry_after_s: Some(0) },
        Fault::OriginTimeout,
        Fault::Drop,
        Fault::DropAnswer,
        Fault::Truncate { bytes: 300 },
        Fault::Garbage,
        Fault::Html,
        Fault::QueryTimeout,
    ];
    for fault in faults {
        let world = world().await;
        for (kind, skip) in [
            ("list", 0),
            ("list", 4),
            ("search", 0),
            ("search", 4),
            ("association_read", 3),
            ("properties", 0),
        ] {
            world.control().set_faults(vec![FaultRule::new(fault.clone()).on(kind).skip(skip).times(1)]);
            let mut replica = replica(kind);
            replica.run(&world).await.unwrap_or_else(|error| panic!("{fault:?} on {kind}: {error:?}"));
            assert_eq!(replica.rows, world.truth(), "{fault:?} on {kind}");
        }
    }
}

#[tokio::test]
async fn locked_record_is_waited_for() {
    let world = world().await;
    world.control().add_fault(FaultRule::new(Fault::Locked).on("search").times(1));
    let mut replica = replica("search");
    replica.run(&world).await.unwrap();
    assert_eq!(replica.rows, world.truth());
}

#[tokio::test]
async fn weather_of_every_kind_at_once_loses_nothing() {
    for kind in ["list", "search"] {
        let world = world().await;
        for fault in [
            Fault::Unauthorized,
            Fault::InternalError,
            Fault::Drop,
            Fault::Truncate { bytes: 1_000 },
            Fault::Garbage,
            Fault::Html,
        ] {
            let rule = FaultRule::new(fault).on("list").on("search").on("association_read");
            world.control().add_fault(rule.probability(0.08));
        }
        let mut replica = replica(kind);
        persevere(&world, &mut replica).await;
        assert_eq!(replica.rows, world.truth(), "{kind}");
    }
}

#[tokio::test]
async fn token_that_expires_between_pages_costs_no_record() {
    for kind in ["list", "search"] {
        let world = world().await;
        let mut replica = replica(kind);
        let mut stream = world.source().list_changes(&subscription(), replica.cursor.as_ref());
        let mut n = 0;
        while let Some(change) = stream.next().await {
            replica.apply(&change.unwrap());
            n += 1;
            if n % 20 == 10 {
                world.control().expire_tokens();
            }
        }
        assert_eq!(n, RECORDS, "no record is read twice");
        assert_eq!(replica.rows, world.truth());
        assert!(world.asked("token") >= 2);
    }
}

#[tokio::test]
async fn answer_that_is_never_json_ends_the_run_after_some_tries() {
    for fault in [Fault::Garbage, Fault::Html] {
        let world = world().await;
        world.control().add_fault(FaultRule::new(fault).on("search"));
        let error = replica("search").run(&world).await.unwrap_err();
        assert!(matches!(error, SourceError::Transient { .. }), "{error:?}");
        assert_eq!((error.retry(), world.asked("search")), (Retry::Soon, 4), "one try and three more");
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
async fn burst_limit_says_for_how_long_to_leave_the_account_alone() {
    let world = world().await;
    world.control().add_fault(FaultRule::new(Fault::BurstLimit).on("list").skip(3).times(1));
    let error = Replica::default().run(&world).await.unwrap_err();
    assert!(matches!(error, SourceError::Throttled { .. }), "{error:?}");
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(10)));
}

#[tokio::test]
async fn account_that_moves_is_left_alone_for_as_long_as_it_says() {
    let world = world().await;
    let moving = Fault::Migration { retry_after_s: Some(86_400) };
    world.control().add_fault(FaultRule::new(moving).on("search").skip(2).times(1));
    let mut replica = replica("search");
    let error = replica.run(&world).await.unwrap_err();
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(86_400)));
    assert!(replica.rows.len() >= 7 && replica.cursor.is_some());
}

/// Only private apps have a daily limit; what is left of the day is seen in their answers.
#[tokio::test]
async fn used_up_day_is_told_as_a_spent_budget() {
    let world = world().await;
    world.control().add_fault(FaultRule::new(Fault::DailyLimit).on("list").skip(3));
    let error = Replica::default().run(&world).await.unwrap_err();
    assert!(matches!(error, SourceError::BudgetSpent { .. } | SourceError::Throttled { .. }), "{error:?}");
    assert!(world.asked("list") <= 5, "nobody asks on");
}

/// The account's own limits, and ours below them: no call is refused.
#[tokio::test(flavor = "multi_thread")]
async fn pace_of_production_is_never_refused() {
    let config = HubspotConfig { calls_per_ten_seconds: None, searches_per_second: 4, ..small_pages(10) };
    let world = World::with(config, HubspotSettings::default()).await;
    world.seed(60);
    let mut replica = replica("search");
    let started = std::time::Instant::now();
    replica.run(&world).await.unwrap();
    assert_eq!(replica.rows, world.truth());
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(1_200), "six searches at four a second take {took:?}");
    assert_eq!(world.asked("search"), 6, "no search was repeated");
}
