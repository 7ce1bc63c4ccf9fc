//! To Redis Streams.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test, and says where")]
#![cfg(feature = "redis")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use sync_core::{Lane, OutboxEvent};
use sync_events::{Dispatcher, LaneOptions, RedisRelay};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use support::{event, memory, number, publish, queue, service};

fn prefix() -> String {
    format!("test:{}", Uuid::now_v7().simple())
}

async fn entries(url: &str, stream: &str) -> Vec<(String, String, Option<String>, serde_json::Value)> {
    let mut redis = redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
    let range: Vec<(String, Vec<(String, String)>)> =
        redis::cmd("XRANGE").arg(stream).arg("-").arg("+").query_async(&mut redis).await.unwrap();
    let _: () = redis::cmd("DEL").arg(stream).query_async(&mut redis).await.unwrap();
    let field = |entry: &[(String, String)], name: &str| {
        entry.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone())
    };
    range
        .iter()
        .map(|(_, entry)| {
            let event = serde_json::from_str(&field(entry, "event").unwrap()).unwrap();
            (field(entry, "id").unwrap(), field(entry, "kind").unwrap(), field(entry, "tenant"), event)
        })
        .collect()
}

/// Entries are in the order of publishing, with the event's id, its tenant and the whole event.
#[tokio::test]
async fn events_become_entries_in_order() {
    let Some(url) = service("HEXSYNC_TEST_REDIS_URL") else { return };
    let (store, prefix) = (memory(), prefix());
    let relay = RedisRelay::builder(&url).prefix(&prefix).max_length(100_000).build().unwrap();
    let dispatcher = Dispatcher::builder(Arc::clone(&store), "redis", relay)
        .lane(Lane::Change, LaneOptions { workers: 1, batch: 64 })
        .lane(Lane::Outbound, LaneOptions { workers: 1, batch: 64 })
        .build()
        .unwrap();
    dispatcher.register().await.unwrap();
    let sent: Vec<_> = (1..=300).map(|n| event(n, &format!("r{}", n % 9))).collect();
    publish(&*store, &sent).await;
    let tenant = OutboxEvent { lane: Lane::Outbound, tenant: Some("acme".into()), ..event(301, "a") };
    publish(&*store, std::slice::from_ref(&tenant)).await;
    assert_eq!(dispatcher.drain().await.unwrap().delivered, 301);
    let found = entries(&url, &format!("{prefix}:change")).await;
    let ids: Vec<String> = found.iter().map(|(id, ..)| id.clone()).collect();
    assert_eq!(ids, sent.iter().map(|event| event.id.to_string()).collect::<Vec<_>>());
    assert_eq!(found[0].3, serde_json::to_value(&sent[0]).unwrap());
    let found = entries(&url, &format!("{prefix}:outbound")).await;
    let (id, kind, of, _) = &found[0];
    assert_eq!(
        (id.as_str(), kind.as_str(), of.as_deref()),
        (&*tenant.id.to_string(), "sample_noted", Some("acme"))
    );
}

/// While Redis is away, events wait; then they come, each once and in order.
#[tokio::test]
async fn events_wait_for_redis() {
    let Some(url) = service("HEXSYNC_TEST_REDIS_URL") else { return };
    let (store, prefix) = (memory(), prefix());
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let build = |url: String| {
        let relay = RedisRelay::builder(url).prefix(&prefix).timeout(Duration::from_secs(5)).build().unwrap();
        Dispatcher::builder(Arc::clone(&store), "redis", relay)
            .lane(Lane::Change, LaneOptions { workers: 1, batch: 10 })
            .backoff(Duration::from_millis(1), Duration::from_millis(1))
            .build()
            .unwrap()
    };
    let away = build(format!("redis://127.0.0.1:{port}/"));
    away.register().await.unwrap();
    publish(&*store, &(1..=30).map(|n| event(n, "a")).collect::<Vec<_>>()).await;
    let stop = CancellationToken::new();
    let story = async {
        let stalled = async {
            while away.report().stalled < 3 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), stalled).await.unwrap();
        stop.cancel();
    };
    let (report, ()) = tokio::join!(away.run(&stop), story);
    assert_eq!(report.unwrap().delivered, 0);
    let state = queue(&*store, "redis", Lane::Change).await;
    assert_eq!((state.waiting, state.parked), (30, 0));
    assert_eq!(build(url.clone()).drain().await.unwrap().delivered, 30);
    let found = entries(&url, &format!("{prefix}:change")).await;
    let ids: Vec<u128> = found.iter().map(|(id, ..)| Uuid::parse_str(id).unwrap().as_u128()).collect();
    assert_eq!(ids, (1..=30).collect::<Vec<_>>());
    assert_eq!(number(&event(1, "a")), 1);
}

/// A wrong url says what to write, without its password.
#[test]
fn wrong_url_hides_the_password() {
    let error = RedisRelay::builder("http://u:hunter2@localhost").build().unwrap_err();
    assert!(
        error.to_string().contains("redis://user:password@host") && !error.to_string().contains("hunter2")
    );
}
