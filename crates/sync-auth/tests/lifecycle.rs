//! Proves what happens to a token over time: renewal ahead of its end, dead grants, throttling, one retry.

mod support;

use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::time::Duration;

use support::*;
use sync_auth::{
    AccessToken, AuthError, Authenticator, MockAuthStrategy, MockTokenStore, TokenStoreError, Unauthorised,
    with_auth_retry,
};

#[tokio::test]
async fn token_is_renewed_before_it_ends() {
    let world = World::connected(Some(1800)).await;
    world.auth.current().await.unwrap();
    world.clock.advance(1499);
    assert_eq!(text(&world.auth.current().await.unwrap()), "a1");
    world.clock.advance(1);
    assert_eq!(text(&world.auth.current().await.unwrap()), "a2");
}

#[tokio::test]
async fn failed_renewal_ahead_of_time_leaves_the_old_token_in_use() {
    let world = World::connected(Some(1800)).await;
    world.auth.current().await.unwrap();
    world.clock.advance(1600);
    world.provider.fail_next(transient());
    assert_eq!(text(&world.auth.current().await.unwrap()), "a1");
    assert_eq!(text(&world.auth.current().await.unwrap()), "a1");
    assert_eq!(world.provider.exchanges(), 2, "it is not tried again on every call");
    world.clock.advance(30);
    assert_eq!(text(&world.auth.current().await.unwrap()), "a2");
}

#[tokio::test]
async fn expired_token_is_never_handed_out() {
    let world = World::connected(Some(60)).await;
    world.auth.current().await.unwrap();
    world.clock.advance(60);
    world.provider.fail_next(transient());
    assert!(matches!(world.auth.current().await, Err(AuthError::Transient { .. })));
}

#[tokio::test]
async fn dead_grant_is_not_tried_again_until_reset() {
    let world = World::connected(None).await;
    let stale = world.auth.current().await.unwrap();
    world.provider.fail_next(dead());
    for _ in 0..3 {
        let error = world.auth.refresh_if(&stale).await.unwrap_err();
        assert!(matches!(error, AuthError::NeedsReauthorisation { .. }), "{error:?}");
        world.auth.current().await.unwrap_err();
    }
    assert_eq!(world.auth.dead_grant().unwrap().code, "invalid_grant");
    assert_eq!(world.provider.exchanges(), 2);

    world.auth.reset().await.unwrap();
    assert_eq!(world.auth.dead_grant(), None);
    assert_eq!(text(&world.auth.current().await.unwrap()), "a2");
}

#[tokio::test]
async fn dead_grant_is_known_to_the_next_process() {
    let world = World::connected(None).await;
    world.provider.fail_next(dead());
    world.auth.current().await.unwrap_err();
    let restarted = world.other_process();
    restarted.current().await.unwrap_err();
    assert_eq!(restarted.dead_grant().unwrap().code, "invalid_grant");
    assert_eq!(world.provider.exchanges(), 1);
}

#[tokio::test]
async fn reset_in_one_process_revives_the_others() {
    let world = World::connected(None).await;
    world.provider.fail_next(dead());
    world.auth.current().await.unwrap_err();
    world.other_process().reset().await.unwrap();
    assert_eq!(text(&world.auth.current().await.unwrap()), "a1");
    assert_eq!(world.auth.dead_grant(), None);
}

#[tokio::test]
async fn dead_grant_that_could_not_be_saved_is_remembered_and_saved_later() {
    let world = World::connected(None).await;
    world.provider.fail_next(dead());
    world.store.refuses_to_save.store(true, Ordering::SeqCst);
    world.auth.current().await.unwrap_err();
    world.auth.current().await.unwrap_err();
    assert_eq!(world.provider.exchanges(), 1);
    assert!(world.stored().await.dead.is_none());
    world.store.refuses_to_save.store(false, Ordering::SeqCst);
    world.auth.current().await.unwrap_err();
    assert!(world.stored().await.dead.is_some());
    assert_eq!(world.provider.exchanges(), 1);
}

#[tokio::test]
async fn new_authorisation_starts_afresh() {
    let world = World::connected(None).await;
    world.provider.fail_next(dead());
    world.auth.current().await.unwrap_err();
    world.provider.overtaken(7, Default::default());
    world.auth.reconnect("r7".into()).await.unwrap();
    assert_eq!(text(&world.auth.current().await.unwrap()), "a8");
}

#[tokio::test]
async fn throttled_endpoint_is_left_alone() {
    let world = World::connected(None).await;
    world.provider.fail_next(AuthError::Throttled { retry_after: Duration::from_secs(60) });
    world.auth.current().await.unwrap_err();
    world.clock.advance(20);
    let Err(AuthError::Throttled { retry_after }) = world.auth.current().await else { panic!() };
    assert_eq!(retry_after, Duration::from_secs(40));
    assert_eq!(world.provider.exchanges(), 1);
    world.clock.advance(40);
    assert_eq!(text(&world.auth.current().await.unwrap()), "a1");
}

#[derive(Debug)]
enum CallError {
    Refused(String),
    Broken,
    Auth(AuthError),
}

impl Unauthorised for CallError {
    fn is_unauthorised(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

impl From<AuthError> for CallError {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}

#[tokio::test]
async fn refused_call_is_made_once_more_with_a_new_token() {
    let world = World::connected(None).await;
    let outcome: Result<String, CallError> =
        with_auth_retry(&world.auth, async |token: AccessToken| match text(&token) {
            "a1" => Err(CallError::Refused("a1".into())),
            other => Ok(other.to_owned()),
        })
        .await;
    assert_eq!(outcome.unwrap(), "a2");
}

#[tokio::test]
async fn second_refusal_is_final() {
    let world = World::connected(None).await;
    let calls = Cell::new(0);
    let outcome: Result<(), CallError> = with_auth_retry(&world.auth, async |token: AccessToken| {
        calls.set(calls.get() + 1);
        Err(CallError::Refused(text(&token).to_owned()))
    })
    .await;
    assert!(matches!(outcome, Err(CallError::Refused(token)) if token == "a2"));
    assert_eq!((calls.get(), world.provider.exchanges()), (2, 2));
}

#[tokio::test]
async fn other_failures_are_not_tried_again() {
    let world = World::connected(None).await;
    let calls = Cell::new(0);
    let outcome: Result<(), CallError> = with_auth_retry(&world.auth, async |_| {
        calls.set(calls.get() + 1);
        Err(CallError::Broken)
    })
    .await;
    assert!(matches!(outcome, Err(CallError::Broken)));
    assert_eq!((calls.get(), world.provider.exchanges()), (1, 1));
}

#[tokio::test]
async fn call_is_not_made_without_a_token() {
    let world = World::connected(None).await;
    world.provider.fail_next(dead());
    let outcome: Result<(), CallError> = with_auth_retry(&world.auth, async |_| panic!("called")).await;
    assert!(matches!(outcome, Err(CallError::Auth(AuthError::NeedsReauthorisation { .. }))));
}

#[tokio::test]
async fn store_that_can_not_be_read_stops_before_the_exchange() {
    let mut store = MockTokenStore::new();
    store.expect_load().returning(|_| Err(TokenStoreError::new("no connection")));
    let mut strategy = MockAuthStrategy::new();
    strategy.expect_obtain().never();
    let error = Authenticator::new(connection(), strategy, store).current().await.unwrap_err();
    assert!(matches!(error, AuthError::Store { during: "load", .. }) && error.is_temporary(), "{error:?}");
}
