//! To NATS JetStream.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test, and says where")]
#![cfg(feature = "nats")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream;
use futures_util::StreamExt;
use sync_core::Lane;
use sync_events::{Dispatcher, LaneOptions, NatsError, NatsRelay, Relay};
use tokio::time::Instant;
use uuid::Uuid;

use support::{event, memory, publish, service};

/// Events arrive on their subjects, in order per record; a redelivery is told by its id, and dropped by the stream.
#[tokio::test]
async fn events_become_messages_once() {
    let Some(url) = service("HEXSYNC_TEST_NATS_URL") else { return };
    let name = format!("test_{}", Uuid::now_v7().simple());
    let connect = || NatsRelay::builder(&url).stream(&name).prefix(&name).create(true).connect();
    let store = memory();
    let dispatcher = Dispatcher::builder(Arc::clone(&store), "nats", connect().await.unwrap())
        .lane(Lane::Change, LaneOptions { workers: 2, batch: 50 })
        .build()
        .unwrap();
    dispatcher.register().await.unwrap();
    let sent: Vec<_> = (1..=120).map(|n| event(n, &format!("r{}", n % 7))).collect();
    publish(&*store, &sent).await;
    assert_eq!(dispatcher.drain().await.unwrap().delivered, 120);
    let again = connect().await.unwrap().deliver(&sent[..40], Instant::now() + Duration::from_secs(30)).await;
    assert!(again.down.is_none());

    let context = jetstream::new(async_nats::connect(&url).await.unwrap());
    let stream = context.get_stream(&name).await.unwrap();
    let config = jetstream::consumer::pull::Config::default();
    let consumer = stream.create_consumer(config).await.unwrap();
    let messages = consumer.fetch().max_messages(500).messages().await.unwrap();
    let messages: Vec<_> = messages.map(Result::unwrap).collect().await;
    context.delete_stream(&name).await.unwrap();
    assert_eq!(messages.len(), 120);
    let mut last = std::collections::HashMap::new();
    for message in &messages {
        let event: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
        assert_eq!(message.subject.as_str(), format!("{name}.change.sample_noted"));
        let id = message.headers.as_ref().unwrap().get("Nats-Msg-Id").unwrap().to_string();
        assert_eq!(event["id"], id);
        let n = Uuid::parse_str(&id).unwrap().as_u128();
        let earlier = last.insert(event["external_id"].to_string(), n);
        assert!(earlier.is_none_or(|earlier| earlier < n), "{n} after {earlier:?}");
    }
}

/// A missing stream is an error that says what to do.
#[tokio::test]
async fn missing_stream_is_named() {
    let Some(url) = service("HEXSYNC_TEST_NATS_URL") else { return };
    let error =
        NatsRelay::builder(&url).stream("test_missing").prefix("test_missing").connect().await.unwrap_err();
    assert!(matches!(&error, NatsError::Stream { stream, .. } if stream == "test_missing"), "{error}");
    assert!(error.to_string().contains("test_missing.>"), "{error}");
}

/// Without a server there is no relay, and the error does not show the password.
#[tokio::test]
async fn missing_server_is_an_error() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = NatsRelay::builder(format!("nats://u:hunter2@127.0.0.1:{port}")).connect().await.unwrap_err();
    assert!(matches!(error, NatsError::Connect { .. }) && !error.to_string().contains("hunter2"), "{error}");
}
