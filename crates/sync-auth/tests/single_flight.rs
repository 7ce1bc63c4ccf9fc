//! Proves that a connection is refreshed once at a time, whoever asks, gives up, or loses a race.

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use support::*;
use sync_auth::{AuthError, StoredToken, TokenStore};

/// Lesson of rotating grants: a second exchange with the same refresh token breaks the connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hundred_parallel_callers_make_one_exchange() {
    let world = World::connected(None).await;
    let stale = world.auth.current().await.unwrap();
    assert_eq!((text(&stale), world.provider.exchanges()), ("a1", 1));

    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (auth, stale) = (world.auth.clone(), stale.clone());
        callers.spawn(async move { auth.refresh_if(&stale).await.unwrap() });
    }
    let renewed = callers.join_all().await;

    assert_eq!(renewed.len(), 100);
    assert!(renewed.iter().all(|token| text(token) == "a2"));
    assert_eq!(world.provider.exchanges(), 2);
    assert_eq!(refresh_text(&world.stored().await), "r2");
}

#[tokio::test]
async fn first_callers_of_all_share_one_exchange() {
    let world = World::connected(None).await;
    let (a, b) = tokio::join!(world.auth.current(), world.auth.current());
    assert!(a.unwrap().same_as(&b.unwrap()));
    assert_eq!(world.provider.exchanges(), 1);
}

#[tokio::test]
async fn failure_is_shared_by_all_who_waited() {
    let world = World::connected(None).await;
    let stale = world.auth.current().await.unwrap();
    world.provider.close();
    world.provider.fail_next(transient());

    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (auth, stale) = (world.auth.clone(), stale.clone());
        callers.spawn(async move { auth.refresh_if(&stale).await });
    }
    while world.provider.exchanges() < 2 {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        tokio::task::yield_now().await; // everybody queues up behind the first
    }
    world.provider.open();

    for outcome in callers.join_all().await {
        assert!(matches!(outcome, Err(AuthError::Transient { .. })), "{outcome:?}");
    }
    assert_eq!(world.provider.exchanges(), 2);
    assert_eq!(text(&world.auth.refresh_if(&stale).await.unwrap()), "a2", "later callers try again");
}

#[tokio::test]
async fn late_caller_with_a_stale_token_gets_the_new_one() {
    let world = World::connected(None).await;
    let first = world.auth.current().await.unwrap();
    let second = world.auth.refresh_if(&first).await.unwrap();
    let late = world.auth.refresh_if(&first).await.unwrap();
    assert!(late.same_as(&second));
    assert_eq!(world.provider.exchanges(), 2);
    assert_eq!(text(&world.auth.refresh_if(&second).await.unwrap()), "a3");
}

/// INV-AUTH-1: a token is handed out only after its refresh token was saved.
#[tokio::test]
async fn rotated_token_that_can_not_be_saved_is_not_lost() {
    let world = World::connected(None).await;
    world.store.refuses_to_save.store(true, Ordering::SeqCst);
    let error = world.auth.current().await.unwrap_err();
    assert!(matches!(error, AuthError::Store { during: "save", .. }), "{error:?}");
    assert_eq!(refresh_text(&world.stored().await), "r0");
    world.auth.current().await.unwrap_err();
    assert_eq!(world.provider.exchanges(), 1, "the spent token is not presented again");

    world.store.refuses_to_save.store(false, Ordering::SeqCst);
    assert_eq!(text(&world.auth.current().await.unwrap()), "a1");
    assert_eq!(refresh_text(&world.stored().await), "r1");
    assert_eq!(world.provider.exchanges(), 1);
}

#[tokio::test]
async fn reset_keeps_a_rotated_token_that_was_not_saved() {
    let world = World::connected(None).await;
    world.store.refuses_to_save.store(true, Ordering::SeqCst);
    world.auth.current().await.unwrap_err();
    world.auth.reset().await.unwrap_err();
    world.store.refuses_to_save.store(false, Ordering::SeqCst);
    world.auth.reset().await.unwrap();
    assert_eq!(refresh_text(&world.stored().await), "r1");
    assert_eq!(text(&world.auth.current().await.unwrap()), "a2");
}

#[tokio::test]
async fn exchange_of_a_caller_that_gave_up_is_finished_and_saved() {
    let world = World::connected(None).await;
    world.provider.close();
    let impatient = tokio::time::timeout(Duration::from_millis(20), world.auth.current()).await;
    assert!(impatient.is_err());
    assert_eq!(world.provider.exchanges(), 1);
    world.provider.open();
    assert_eq!(text(&world.auth.current().await.unwrap()), "a1");
    assert_eq!(refresh_text(&world.stored().await), "r1");
    assert_eq!(world.provider.exchanges(), 1);
}

#[tokio::test]
async fn other_process_takes_the_stored_token_without_an_exchange() {
    let world = World::connected(Some(1800)).await;
    let ours = world.auth.current().await.unwrap();
    let other = world.other_process();
    assert!(other.current().await.unwrap().same_as(&ours));
    let renewed = other.refresh_if(&ours).await.unwrap();
    assert!(world.auth.refresh_if(&ours).await.unwrap().same_as(&renewed));
    assert_eq!(world.provider.exchanges(), 2);
}

#[tokio::test]
async fn old_stored_token_without_an_end_is_not_offered_after_a_refusal() {
    let world = World::connected(None).await;
    let first = world.auth.current().await.unwrap();
    world.other_process().refresh_if(&first).await.unwrap();
    world.clock.advance(3600); // by now the other process's token may have died as well
    assert_eq!(text(&world.auth.refresh_if(&first).await.unwrap()), "a3");
}

#[tokio::test]
async fn lost_race_is_not_a_dead_grant() {
    let world = World::connected(Some(1800)).await;
    let stale = world.auth.current().await.unwrap();
    let by_other = StoredToken {
        refresh_token: Some("r2".into()),
        access: Some(access("a2", stale.issued_at, Some(1800))),
        ..StoredToken::default()
    };
    world.provider.overtaken(2, by_other);
    assert_eq!(text(&world.auth.refresh_if(&stale).await.unwrap()), "a2");
    assert_eq!(world.auth.dead_grant(), None);
}

#[tokio::test]
async fn lost_race_without_a_usable_token_ends_in_one_more_exchange() {
    let world = World::connected(None).await;
    let stale = world.auth.current().await.unwrap();
    let by_other = StoredToken::from_refresh_token("r2".into());
    world.provider.overtaken(2, by_other);
    assert_eq!(text(&world.auth.refresh_if(&stale).await.unwrap()), "a3");
    assert_eq!(refresh_text(&world.stored().await), "r3");
}

#[tokio::test]
async fn race_lost_to_a_process_whose_grant_died_too_ends_without_another_exchange() {
    let world = World::connected(None).await;
    let stale = world.auth.current().await.unwrap();
    let AuthError::NeedsReauthorisation { grant } = dead() else { unreachable!() };
    world
        .provider
        .overtaken(2, StoredToken { dead: Some(grant), ..StoredToken::from_refresh_token("r2".into()) });
    world.auth.refresh_if(&stale).await.unwrap_err();
    assert!(world.auth.dead_grant().is_some());
    assert_eq!(world.provider.exchanges(), 2);
}

#[tokio::test]
async fn refused_token_is_not_handed_out_again_after_a_failed_refresh() {
    let world = World::connected(None).await;
    let stale = world.auth.current().await.unwrap();
    world.provider.fail_next(transient());
    world.auth.refresh_if(&stale).await.unwrap_err();
    assert_eq!(text(&world.auth.current().await.unwrap()), "a2");
}

#[tokio::test]
async fn stores_of_different_connections_do_not_mix() {
    let store = TestStore::default();
    store.save(&"a".into(), &StoredToken::from_refresh_token("ra".into())).await.unwrap();
    store.save(&"b".into(), &StoredToken::from_refresh_token("rb".into())).await.unwrap();
    assert_eq!(refresh_text(&store.load(&"a".into()).await.unwrap().unwrap()), "ra");
    assert!(store.load(&"c".into()).await.unwrap().is_none());
}
