//! Every fault as a client meets it.

use std::time::{Duration, Instant};

use crm_sandbox::salesforce::RequestKind;
use crm_sandbox::salesforce::generate::OrgSpec;
use crm_sandbox::{Fault, FaultRule, SalesforceSandbox};
use reqwest::Method;

use crate::support::{V, World, code, json};

async fn struck_once(fault: Fault) -> World {
    let rule = FaultRule::new(fault).on(RequestKind::Query.as_str()).times(1);
    let spec = OrgSpec { opportunities: 50, ..OrgSpec::default() };
    World::start(SalesforceSandbox::builder().org(spec).faults([rule])).await
}

const SOQL: &str = "SELECT Id, Name FROM Opportunity";

#[tokio::test]
async fn refusals_come_with_status_and_code_and_then_pass() {
    for (fault, status, expected) in [
        (Fault::Unauthorized, 401, "INVALID_SESSION_ID"),
        (Fault::DailyLimit, 403, "REQUEST_LIMIT_EXCEEDED"),
        (Fault::ConcurrentLimit, 403, "REQUEST_LIMIT_EXCEEDED"),
        (Fault::TooManyRequests { retry_after_s: None }, 429, "REQUEST_LIMIT_EXCEEDED"),
        (Fault::InternalError, 500, "UNKNOWN_EXCEPTION"),
        (Fault::Unavailable { retry_after_s: None }, 503, "SERVER_UNAVAILABLE"),
        (Fault::LockedRow, 400, "UNABLE_TO_LOCK_ROW"),
        (Fault::QueryTimeout, 400, "QUERY_TIMEOUT"),
        (Fault::InvalidLocator, 400, "INVALID_QUERY_LOCATOR"),
    ] {
        let world = struck_once(fault.clone()).await;
        assert_eq!(world.get(&format!("{V}/limits")).await.0, 200, "other kinds are spared");
        let (got, body) = world.query(SOQL).await;
        assert_eq!((got, code(&body)), (status, expected), "{fault:?}");
        assert_eq!(world.query(SOQL).await.0, 200);
    }
}

#[tokio::test]
async fn waiting_times_are_sent_when_set() {
    for fault in
        [Fault::TooManyRequests { retry_after_s: Some(7) }, Fault::Unavailable { retry_after_s: Some(7) }]
    {
        let world = struck_once(fault).await;
        let request = world.request(Method::GET, &format!("{V}/query")).query(&[("q", SOQL)]);
        assert_eq!(request.send().await.unwrap().headers()["retry-after"], "7");
    }
}

#[tokio::test]
async fn pages_that_are_not_json_keep_their_disguise() {
    for (fault, status, content_type) in [
        (Fault::Html, 200, "text/html;charset=UTF-8"),
        (Fault::BadGateway, 502, "text/html;charset=UTF-8"),
        (Fault::Garbage, 200, "application/json;charset=UTF-8"),
    ] {
        let world = struck_once(fault).await;
        let request = world.request(Method::GET, &format!("{V}/query")).query(&[("q", SOQL)]);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["content-type"], content_type);
        assert!(serde_json::from_slice::<serde_json::Value>(&answer.bytes().await.unwrap()).is_err());
    }
}

#[tokio::test]
async fn dropped_connection_gives_no_answer() {
    let world = struck_once(Fault::Drop).await;
    let request = || world.request(Method::GET, &format!("{V}/query")).query(&[("q", SOQL)]);
    let error = request().send().await.unwrap_err();
    assert!(error.is_request(), "{error:?}");
    assert_eq!(request().send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn cut_off_answer_breaks_in_the_middle() {
    let world = struck_once(Fault::Truncate { bytes: 100 }).await;
    let request = || world.request(Method::GET, &format!("{V}/query")).query(&[("q", SOQL)]);
    let mut answer = request().send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let first = answer.chunk().await.unwrap().expect("what was promised before the cut arrives");
    assert!(first.starts_with(b"{\"totalSize\":50") || answer.headers().contains_key("content-encoding"));
    let mut rest = answer.chunk().await;
    while let Ok(Some(_)) = rest {
        rest = answer.chunk().await;
    }
    assert!(rest.is_err(), "the body must not look complete");
    assert_eq!(request().send().await.unwrap().status(), 200);
}

/// The case that makes blind retries of inserts dangerous.
#[tokio::test]
async fn lost_answer_leaves_its_work_done() {
    let rule = FaultRule::new(Fault::DropAnswer).on("row_write").times(1);
    let world = World::start(SalesforceSandbox::builder().faults([rule])).await;
    let post =
        || world.request(Method::POST, &format!("{V}/sobjects/Account")).json(&json!({"Name": "Twice"}));
    assert!(post().send().await.is_err());
    assert_eq!(post().send().await.unwrap().status(), 201);
    assert_eq!(world.records("SELECT Id FROM Account").await.len(), 2);
}

#[tokio::test]
async fn dropped_write_did_nothing() {
    let rule = FaultRule::new(Fault::Drop).on("row_write").times(1);
    let world = World::start(SalesforceSandbox::builder().faults([rule])).await;
    let post = world.request(Method::POST, &format!("{V}/sobjects/Account")).json(&json!({"Name": "Never"}));
    assert!(post.send().await.is_err());
    assert!(world.records("SELECT Id FROM Account").await.is_empty());
}

#[tokio::test]
async fn latency_delays_and_adds_to_other_faults() {
    let rules = [
        FaultRule::new(Fault::Latency { ms: 60 }).on("query").times(1),
        FaultRule::new(Fault::InternalError).on("query").times(1),
    ];
    let world = World::start(SalesforceSandbox::builder().faults(rules)).await;
    let start = Instant::now();
    assert_eq!(world.query("SELECT Id FROM Account").await.0, 500);
    assert!(start.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn token_endpoint_can_fail_as_well() {
    let rule = FaultRule::new(Fault::Unavailable { retry_after_s: None }).on("token").times(1);
    let world = World::start(SalesforceSandbox::builder().faults([rule])).await;
    let app = world.running.credentials();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", app.client_id.as_str()),
        ("client_secret", &app.client_secret),
    ];
    assert_eq!(world.form("token", &form).await.0, 503);
    assert_eq!(world.form("token", &form).await.0, 200);
}

#[tokio::test]
async fn the_same_seed_fails_the_same_requests() {
    let pattern = async |seed| {
        let rule = FaultRule::new(Fault::InternalError).probability(0.5);
        let world = World::start(SalesforceSandbox::builder().seed(seed).faults([rule])).await;
        let mut statuses = Vec::new();
        for _ in 0..24 {
            statuses.push(world.get(&format!("{V}/limits")).await.0);
        }
        statuses
    };
    let first = pattern(5).await;
    assert_eq!(first, pattern(5).await);
    assert_ne!(first, pattern(6).await);
    assert!(first.contains(&500) && first.contains(&200));
}
