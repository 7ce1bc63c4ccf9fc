//! Redis that is gone, slow or refuses: calls end in time, say what to do, and find it again.

mod support;

use std::time::{Duration, Instant};

use sync_core::contract::Sample;
use sync_core::{Change, ExternalId, LoopbackError, LoopbackFingerprintStore, Scope, Subscription, TenantId};
use sync_redis_loopback::{RedisFailure, RedisLoopbackBuilder, RedisLoopbackStore};
use tokio::net::TcpListener;

use support::Proxy;

/// The time-out of each kind.
const TIMEOUT: Duration = Duration::from_millis(200);
/// How long a call may take at most: both time-outs, and what a busy machine adds.
const PATIENCE: Duration = Duration::from_secs(5);

fn builder(url: impl Into<String>) -> RedisLoopbackBuilder {
    RedisLoopbackStore::builder(url)
        .ttl(Duration::from_secs(600))
        .prefix(format!("test:{}", uuid::Uuid::now_v7()))
        .connect_timeout(TIMEOUT)
        .response_timeout(TIMEOUT)
}

fn scope(tenant: Option<&str>) -> Scope {
    let feed = Subscription::new("acme", "suite-poll", "sample");
    Scope {
        tenant: tenant.map(TenantId::from),
        connection: feed.connection,
        subscription: feed.id,
        entity: "sample",
        provider: "suite".into(),
        user: "system".into(),
    }
}

async fn record(store: &RedisLoopbackStore) -> Result<(), LoopbackError> {
    store.record(&scope(None), &[(ExternalId::from("r1"), &Sample::default())]).await
}

async fn ask(store: &RedisLoopbackStore) -> Result<Vec<bool>, LoopbackError> {
    store.are_echoes(&scope(None), &[Change::upsert("r1", Sample::default())]).await
}

fn failure(error: &LoopbackError) -> &RedisFailure {
    error.0.downcast_ref().expect("the cause is one of this crate's")
}

/// R6: calls to a server that is not there end at once, and name it without the password.
#[tokio::test]
async fn absent_server_is_named() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let store = builder(format!("redis://u:hunter2@{closed}/0")).build().unwrap();
    let start = Instant::now();
    for error in
        [ask(&store).await.unwrap_err(), record(&store).await.unwrap_err(), store.ping().await.unwrap_err()]
    {
        assert!(matches!(failure(&error), RedisFailure::Unreachable { .. }), "{error:?}");
        let text = format!("{} {error:?} {store:?}", failure(&error));
        assert!(text.contains(&closed.to_string()) && text.contains("check that it runs"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
}

/// R6: a server that accepts and never answers holds nothing up beyond the time-outs.
#[tokio::test]
async fn silent_server_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let store = builder(format!("redis://{}/0", listener.local_addr().unwrap())).build().unwrap();
    let start = Instant::now();
    let error = ask(&store).await.unwrap_err();
    assert!(matches!(failure(&error), RedisFailure::Slow { .. }), "{error:?}");
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
}

/// R6: a connection over which nothing comes any more is given up after one call, though nobody closed it: the next
/// call makes a new one, and what was recorded before is still known.
#[tokio::test]
async fn lost_connection_is_replaced() {
    let Some(server) = support::server_or_skip() else { return };
    let proxy = Proxy::start(&server).await;
    let store = builder(proxy.url(&server)).build().unwrap();
    record(&store).await.unwrap();
    proxy.lose_connections();
    let start = Instant::now();
    let error = ask(&store).await.unwrap_err();
    assert!(matches!(failure(&error), RedisFailure::Slow { .. }), "{error:?}");
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    assert_eq!(ask(&store).await.unwrap(), [true]);
}

/// R6: after a restart of the server the very first call succeeds; while it is down, calls fail.
#[tokio::test]
async fn restarted_server_is_found_by_the_next_call() {
    let Some(server) = support::server_or_skip() else { return };
    let proxy = Proxy::start(&server).await;
    let store = builder(proxy.url(&server)).build().unwrap();
    record(&store).await.unwrap();
    for calls_meanwhile in [0, 3] {
        proxy.cut(true);
        // Connections end when the proxy's tasks have run.
        tokio::time::sleep(Duration::from_millis(50)).await;
        for _ in 0..calls_meanwhile {
            assert!(ask(&store).await.is_err());
        }
        proxy.cut(false);
        assert_eq!(ask(&store).await.unwrap(), [true], "after {calls_meanwhile} calls");
    }
}

/// R6: workers share what they wrote.
#[tokio::test]
async fn another_worker_knows_our_writes() {
    let Some(server) = support::server_or_skip() else { return };
    let writer = builder(server.as_str());
    let reader = writer.clone().build().unwrap();
    record(&writer.build().unwrap()).await.unwrap();
    assert_eq!(ask(&reader).await.unwrap(), [true]);
}

/// R1: where tenants are told apart, a scope without one is refused before anything is sent.
#[tokio::test]
async fn missing_tenant_is_refused() {
    let store = builder("redis://127.0.0.1:1/0").multi_tenant(true).build().unwrap();
    for error in [record(&store).await.unwrap_err(), ask(&store).await.unwrap_err()] {
        assert!(matches!(failure(&error), RedisFailure::MissingTenantId(_)), "{error:?}");
    }
}

/// A login that is refused says so, with the code and without the password.
#[tokio::test]
async fn refused_login_hides_the_password() {
    let Some(mut server) = support::server_or_skip() else { return };
    server.set_username("nobody").unwrap();
    server.set_password(Some("hunter2")).unwrap();
    let error = builder(server.as_str()).build().unwrap().ping().await.unwrap_err();
    assert!(matches!(failure(&error), RedisFailure::Refused { .. }), "{error:?}");
    assert!(!format!("{} {error:?}", failure(&error)).contains("hunter2"));
}
