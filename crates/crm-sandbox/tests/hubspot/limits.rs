//! Rate limits: bodies, headers, windows.

use std::time::Duration;

use crm_sandbox::HubspotSandbox;
use crm_sandbox::hubspot::HubspotSettings;
use reqwest::Method;

use crate::support::{Json, V3, World, json, read};

/// Only simulated time counts, so that the outcome does not depend on the machine.
async fn world(settings: HubspotSettings) -> World {
    let settings = HubspotSettings { limits_in_real_time: false, ..settings };
    World::start(HubspotSandbox::builder().settings(settings)).await
}

async fn headers(world: &World, method: Method, path: &str) -> reqwest::header::HeaderMap {
    let mut request = world.request(method.clone(), path);
    if method == Method::POST {
        request = request.json(&json!({}));
    }
    request.send().await.unwrap().headers().clone()
}

fn value<'a>(headers: &'a reqwest::header::HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(format!("x-hubspot-{name}")).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn bursts_are_refused_until_the_window_has_rolled_on() {
    let world = world(HubspotSettings { burst_max: Some(3), ..HubspotSettings::default() }).await;
    let list = format!("{V3}/deals");
    for _ in 0..3 {
        assert_eq!(world.get(&list).await.0, 200);
        world.control().advance(Duration::from_secs(1));
    }
    let (status, body) = world.get(&list).await;
    assert_eq!(
        (status, &body["policyName"], &body["errorType"]),
        (429, &json!("TEN_SECONDLY_ROLLING"), &json!("RATE_LIMIT"))
    );
    assert_eq!(body["message"], "You have reached your ten_secondly_rolling limit.");
    assert!(
        body["groupName"].as_str().unwrap().starts_with("publicapi:private_app-api-calls-ten-secondly:42:")
    );
    assert!(body.get("category").is_none());
    assert_eq!(world.search("deals", json!({})).await.0, 200, "searches have a bucket of their own");
    world.control().advance(Duration::from_secs(7));
    assert_eq!(world.get(&list).await.0, 200, "the first call is ten seconds old");
    assert_eq!(world.get(&list).await.0, 429);
}

#[tokio::test]
async fn searches_are_limited_by_the_second() {
    let world = world(HubspotSettings::default()).await;
    for _ in 0..5 {
        assert_eq!(world.search("deals", json!({})).await.0, 200);
    }
    let answer =
        world.request(Method::POST, &format!("{V3}/contacts/search")).json(&json!({})).send().await.unwrap();
    assert_eq!(
        (value(answer.headers(), "ratelimit-max"), value(answer.headers(), "ratelimit-daily")),
        (None, Some("650000"))
    );
    let (status, body) = read(answer).await;
    assert_eq!((status, &body["category"], body.get("policyName")), (429, &json!("RATE_LIMITS"), None));
    assert_eq!(body["message"], "You have reached your secondly limit.");
    world.control().advance(Duration::from_secs(1));
    assert_eq!(world.search("deals", json!({})).await.0, 200);
}

#[tokio::test]
async fn the_day_is_counted_for_private_apps_only() {
    let mut world = world(HubspotSettings { daily_max: 2, ..HubspotSettings::default() }).await;
    let list = format!("{V3}/deals");
    assert_eq!([world.get(&list).await.0, world.get(&list).await.0], [200, 200]);
    let (status, body) = world.get(&list).await;
    assert_eq!((status, &body["policyName"], body["requestId"].is_string()), (429, &json!("DAILY"), true));
    let session = world.control().open_session();
    let private = std::mem::replace(&mut world.token, session);
    assert_eq!(world.get(&list).await.0, 200);
    world.token = private;
    world.control().advance(Duration::from_secs(16 * 3600));
    assert_eq!(world.get(&list).await.0, 200, "midnight has passed");
    world.control().edit_settings(|settings| settings.utc_offset_minutes = -300);
    assert_eq!(
        [world.get(&list).await.0, world.get(&list).await.0],
        [200, 200],
        "it is yesterday in New York"
    );
    assert_eq!(world.get(&list).await.0, 429);
    world.control().advance(Duration::from_secs(5 * 3600));
    assert_eq!(world.get(&list).await.0, 200, "now midnight has passed there too");
    world.control().set_daily_limit(7, 7);
    assert_eq!(world.get(&list).await.0, 429);
    world.control().set_daily_limit(6, 7);
    assert_eq!(world.get(&list).await.0, 200);
}

#[tokio::test]
async fn headers_tell_what_is_left() {
    let mut world = world(HubspotSettings::default()).await;
    let list = format!("{V3}/deals");
    let (first, second) =
        (headers(&world, Method::GET, &list).await, headers(&world, Method::GET, &list).await);
    assert_eq!(
        [value(&first, "ratelimit-remaining"), value(&second, "ratelimit-remaining")],
        [Some("189"), Some("188")]
    );
    for (name, wanted) in [
        ("ratelimit-max", "190"),
        ("ratelimit-interval-milliseconds", "10000"),
        ("ratelimit-daily", "650000"),
        ("ratelimit-daily-remaining", "649999"),
        ("ratelimit-secondly", "19"),
    ] {
        assert_eq!(value(&first, name), Some(wanted), "{name}");
    }
    assert_ne!(value(&first, "correlation-id"), value(&second, "correlation-id"));
    assert_eq!(value(&first, "correlation-id").map(str::len), Some(36));
    let search = headers(&world, Method::POST, &format!("{V3}/deals/search")).await;
    for name in ["max", "remaining", "interval-milliseconds", "secondly", "secondly-remaining"] {
        assert_eq!(value(&search, &format!("ratelimit-{name}")), None, "{name}");
    }
    world.token = world.control().open_session();
    let oauth = headers(&world, Method::GET, &list).await;
    assert_eq!((value(&oauth, "ratelimit-max"), value(&oauth, "ratelimit-daily")), (Some("110"), None));
}

#[tokio::test]
async fn errors_carry_the_correlation_id_of_their_header() {
    let world = world(HubspotSettings::default()).await;
    let answer = world.request(Method::GET, &format!("{V3}/widgets")).send().await.unwrap();
    let header = value(answer.headers(), "correlation-id").unwrap().to_owned();
    let body: Json = answer.json().await.unwrap();
    assert_eq!(body["correlationId"], header);
}

#[tokio::test]
async fn real_time_frees_a_burst_although_the_clock_stands() {
    let settings = HubspotSettings { search_per_second: Some(1), ..HubspotSettings::default() };
    let world = World::start(HubspotSandbox::builder().settings(settings)).await;
    assert_eq!(world.search("deals", json!({})).await.0, 200);
    assert_eq!(world.search("deals", json!({})).await.0, 429);
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    assert_eq!(world.search("deals", json!({})).await.0, 200);
}
