//! Faults in HubSpot's words.

use crm_sandbox::{Fault, FaultRule};
use reqwest::Method;

use crate::support::{V3, World, json};

#[tokio::test]
async fn every_fault_has_its_status_and_words() {
    let world = World::empty().await;
    let seconds = Some(7);
    for (fault, status, words, retry_after) in [
        (Fault::Unauthorized, 401, "expired 75 second(s) ago", None),
        (Fault::DailyLimit, 429, "\"policyName\":\"DAILY\"", None),
        (Fault::BurstLimit, 429, "TEN_SECONDLY_ROLLING", None),
        (Fault::SearchLimit, 429, "You have reached your secondly limit.", None),
        (Fault::ConcurrentLimit, 429, "TEN_SECONDLY_ROLLING", None),
        (Fault::TooManyRequests { retry_after_s: seconds }, 429, "TEN_SECONDLY_ROLLING", Some("7")),
        (Fault::InternalError, 500, "internal error", None),
        (Fault::BadGateway, 502, "<html>", None),
        (Fault::Unavailable { retry_after_s: seconds }, 503, "<html>", Some("7")),
        (Fault::OriginTimeout, 524, "<html>", None),
        (Fault::Migration { retry_after_s: seconds }, 477, "data center", Some("7")),
        (Fault::Locked, 423, "locked", None),
        (Fault::LockedRow, 423, "locked", None),
        (Fault::QueryTimeout, 504, "<html>", None),
        (Fault::InvalidLocator, 400, "'after' is not valid", None),
        (Fault::Html, 200, "<html>", None),
        (Fault::Garbage, 200, "results", None),
    ] {
        world.control().set_faults(vec![FaultRule::new(fault.clone()).on("list").times(1)]);
        let list = || world.request(Method::GET, &format!("{V3}/deals")).send();
        let answer = list().await.unwrap();
        assert_eq!(answer.status(), status, "{fault:?}");
        let waits = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(waits.as_deref(), retry_after, "{fault:?}");
        assert!(answer.headers().contains_key("x-hubspot-correlation-id"), "{fault:?}");
        let body = String::from_utf8_lossy(&answer.bytes().await.unwrap()).into_owned();
        assert!(body.contains(words), "{fault:?}: {body}");
        assert_eq!(list().await.unwrap().status(), 200, "once only");
    }
}

#[tokio::test]
async fn connections_break_before_within_and_after_the_work() {
    let world = World::empty().await;
    let create = || {
        let body = json!({"properties": {"name": "A"}});
        world.request(Method::POST, &format!("{V3}/companies")).json(&body).send()
    };
    for (fault, made) in [(Fault::Drop, 0), (Fault::DropAnswer, 1)] {
        world.control().set_faults(vec![FaultRule::new(fault.clone()).on("write").times(1)]);
        assert!(create().await.is_err(), "{fault:?}");
        assert_eq!(world.control().rows("companies", false).len(), made, "{fault:?}");
    }
    world.control().set_faults(vec![FaultRule::new(Fault::Truncate { bytes: 20 }).on("list")]);
    let answer = world.request(Method::GET, &format!("{V3}/companies")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.is_err());
}

#[tokio::test]
async fn kinds_of_requests_are_counted_and_struck_apart() {
    let world = World::empty().await;
    let one = world.insert("deals", json!({"dealname": "A"}));
    let calls = [
        (Method::GET, format!("{V3}/deals"), "list"),
        (Method::GET, format!("{V3}/deals/{one}"), "read"),
        (Method::POST, format!("{V3}/deals/search"), "search"),
        (Method::POST, format!("{V3}/deals/batch/read"), "batch_read"),
        (Method::PATCH, format!("{V3}/deals/{one}"), "write"),
        (Method::POST, format!("{V3}/deals/batch/update"), "batch_write"),
        (Method::POST, "/crm/v4/associations/deals/contacts/batch/read".into(), "association_read"),
        (Method::POST, "/crm/v4/associations/deals/contacts/batch/create".into(), "association_write"),
        (Method::GET, format!("/crm/v4/objects/deals/{one}/associations/contacts"), "association_read"),
        (Method::GET, "/crm/v3/properties/deals".into(), "properties"),
        (Method::GET, "/crm/v3/pipelines/deals".into(), "pipelines"),
        (Method::GET, "/crm/v3/owners".into(), "owners"),
        (Method::GET, "/crm/v3/schemas".into(), "schemas"),
        (Method::GET, "/account-info/v3/details".into(), "account_info"),
        (Method::POST, "/oauth/v3/token".into(), "token"),
        (Method::GET, "/oauth/v1/access-tokens/x".into(), "token_info"),
        (Method::GET, "/nowhere".into(), "other"),
    ];
    for (method, path, kind) in calls {
        world.control().reset_request_counts();
        world.control().set_faults(vec![FaultRule::new(Fault::InternalError).on(kind)]);
        assert_eq!(world.call(method, &path, None).await.0, 500, "{path}");
        assert_eq!(world.control().request_counts().into_iter().collect::<Vec<_>>(), [(kind, 1)], "{path}");
    }
}
