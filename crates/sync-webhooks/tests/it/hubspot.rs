//! HubSpot's calls.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use chrono::TimeDelta;
use reqwest::StatusCode;
use sync_core::{Clock, SystemClock};
use sync_webhooks::{Limits, StagerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::shaky::Shaky;
use crate::support::{Place, TOKEN, changes};

#[tokio::test]
async fn signed_call_is_staged_before_it_is_acknowledged() {
    let place = Place::start().await;
    let answer = place.call(changes([5551, 5552])).await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    let waiting = place.waiting().await;
    let ids: Vec<_> = waiting.iter().map(|w| w.notice.external_id.as_str()).collect();
    assert_eq!(ids, ["5551", "5552"]);
    let seen = place.counters.seen();
    assert_eq!((seen.calls_accepted, seen.events, seen.notices_staged), (1, 2, 2));
}

/// INV-INB-1: however often a call is repeated, in whatever company, an event waits once.
#[tokio::test]
async fn repeats_are_acknowledged_and_staged_once() {
    let place = Place::start().await;
    let again = changes([1]).replace(r#""attemptNumber": 0"#, r#""attemptNumber": 3"#);
    for body in [changes([1, 1]), changes([1]), again, changes([2, 1])] {
        assert_eq!(place.call(body).await.status(), StatusCode::NO_CONTENT);
    }
    assert_eq!(place.waiting().await.len(), 2);
    assert_eq!(place.counters.seen().notices_repeated, 4);
}

#[tokio::test]
async fn what_is_not_signed_for_here_and_now_is_refused() {
    let place = Place::start().await;
    let (body, now) = (changes([1]).into_bytes(), SystemClock.now());
    let mut changed = body.clone();
    *changed.iter_mut().find(|b| **b == b'7').unwrap() = b'8';
    let unsigned = place.post("/hubspot", body.clone());
    let other_body = place.signed(body.clone(), now).body(changed);
    let old = place.signed(body.clone(), now - TimeDelta::seconds(301));
    let early = place.signed(body.clone(), now + TimeDelta::seconds(330));
    let other_query = place.signed(body.clone(), now).query(&[("a", "b")]);
    let other_host = place.signed(body.clone(), now).header("host", "evil.example.test");
    for (n, call) in [unsigned, other_body, old, early, other_query].into_iter().enumerate() {
        let answer = call.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "case {n}");
        let words = answer.text().await.unwrap();
        assert!(!words.contains("shh"), "{words}");
    }
    // The public address is configured: what the request says of its host is nothing to go by.
    assert_eq!(other_host.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    let twice = place.signed(body, now).header("x-hubspot-request-timestamp", "1");
    assert_eq!(twice.send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    assert_eq!(place.waiting().await.len(), 1);
    assert_eq!(place.counters.seen().calls_refused, 6);
}

/// HubSpot repeats what is answered with 4xx for a day: what is nobody's is acknowledged, and seen in the counts.
#[tokio::test]
async fn what_concerns_nobody_is_acknowledged_and_counted() {
    let place = Place::start().await;
    let of_others = changes([1, 2]).replace("9001", "9002");
    let of_no_feed = changes([3]).replace("deal.propertyChange", "contact.propertyChange");
    let unknown_kind = changes([4]).replace("deal.propertyChange", "conversation.newMessage");
    let malformed = changes([5]).replace("\"occurredAt\"", "\"when\"");
    for body in [of_others, of_no_feed, unknown_kind, malformed, "[]".to_owned()] {
        assert_eq!(place.call(body).await.status(), StatusCode::NO_CONTENT);
    }
    assert!(place.waiting().await.is_empty());
    let seen = place.counters.seen();
    assert_eq!(
        (seen.events_of_unknown_accounts, seen.events_without_recipients, seen.events_malformed),
        (2, 2, 1)
    );
}

#[tokio::test]
async fn odd_bodies_are_refused() {
    let limits = Limits { body_bytes: 10_000, events_per_call: 20, ..Limits::default() };
    let place = Place::with(Shaky::default(), limits, StagerOptions::default()).await;
    let deep = "[".repeat(2_000) + &"]".repeat(2_000);
    for (body, status) in [
        ("{}".to_owned(), StatusCode::BAD_REQUEST),
        (deep, StatusCode::BAD_REQUEST),
        (changes(1..=21), StatusCode::PAYLOAD_TOO_LARGE),
        (format!("[{}]", " ".repeat(10_000)), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        assert_eq!(place.call(body).await.status(), status);
    }
    // Without saying how long it is.
    let chunks = futures_util::stream::iter((0..20).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1_000])));
    let endless = place.post("/hubspot", Vec::new()).body(reqwest::Body::wrap_stream(chunks));
    assert_eq!(endless.send().await.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
    for coding in ["gzip", "br", "identity, gzip"] {
        let coded =
            place.signed(changes([1]).into_bytes(), SystemClock.now()).header("content-encoding", coding);
        assert_eq!(coded.send().await.unwrap().status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{coding}");
    }
    assert!(place.waiting().await.is_empty());
}

#[tokio::test]
async fn slow_heads_and_bodies_are_broken_off() {
    let short = Duration::from_millis(150);
    let limits = Limits { body_time: short, head_time: short, ..Limits::default() };
    let place = Place::with(Shaky::default(), limits, StagerOptions::default()).await;
    let mut slow = tokio::net::TcpStream::connect(place.at).await.unwrap();
    slow.write_all(b"POST /hubspot HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n[").await.unwrap();
    let mut answer = String::new();
    let read = tokio::time::timeout(Duration::from_secs(20), slow.read_to_string(&mut answer));
    // The connection may be cut right after the answer.
    let _ = read.await.expect("an answer to a slow body");
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");

    let mut silent = tokio::net::TcpStream::connect(place.at).await.unwrap();
    silent.write_all(b"POST /hubspot HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    let mut rest = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(20), silent.read_to_end(&mut rest)).await;
    let _ = end.expect("the end of a slow head");
    assert!(place.waiting().await.is_empty());
}

#[tokio::test]
async fn callers_are_paced() {
    let limits = Limits { calls_per_account: 3, calls_per_remote: 4, ..Limits::default() };
    let place = Place::with(Shaky::default(), limits, StagerOptions::default()).await;
    let mut statuses = Vec::new();
    for n in 0..6 {
        let answer = place.call(changes([n])).await;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(answer.headers()["retry-after"], "5");
        }
        statuses.push(answer.status());
    }
    assert!(statuses.contains(&StatusCode::TOO_MANY_REQUESTS), "{statuses:?}");
    let accepted = statuses.iter().filter(|status| status.is_success()).count();
    assert_eq!(place.waiting().await.len(), accepted);
}

/// What was acknowledged before the end is there after it, and nothing is cut off in between.
#[tokio::test]
async fn end_answers_what_is_in_hand() {
    let store = Shaky::gated();
    let place = Place::with(store.clone(), Limits::default(), StagerOptions::default()).await;
    let call = place.signed(changes(1..=50).into_bytes(), SystemClock.now());
    let call = tokio::spawn(call.send());
    store.reached_the_gate().await;
    let feed = place.feed;
    let end = tokio::spawn(place.end());
    store.open();
    assert_eq!(call.await.unwrap().unwrap().status(), StatusCode::NO_CONTENT);
    let store = end.await.unwrap();
    let mut tx = sync_core::UnitOfWork::begin(&store.store).await.unwrap();
    let waiting = sync_core::WebhookInbox::waiting(&store, &mut tx, None, feed, 100).await.unwrap();
    assert_eq!(waiting.len(), 50);
}

/// Another path, another method, and a method in disguise get nowhere.
#[tokio::test]
async fn only_the_two_doors_are_there() {
    let place = Place::start().await;
    for path in
        ["/", "/hubspot/", "/hubspot/x", "/salesforce", "/salesforce/", &format!("/salesforce/{TOKEN}/x")]
    {
        assert_eq!(
            place.post(path, Vec::new()).send().await.unwrap().status(),
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    let get = crate::support::client().get(format!("http://{}/hubspot", place.at));
    assert_eq!(get.send().await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
    let mut raw = TcpStream::connect(place.at).unwrap();
    raw.write_all(b"\x16\x03\x01\x02\x00\x01\x00").unwrap();
}
