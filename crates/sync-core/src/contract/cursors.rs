//! Positions are kept, moved, and never lost.

use serde_json::Value as Json;

use super::fixture::StoreFixture;
use super::setup::{commit, json, new_run, scope_of, subscribe, subscribe_as, subscription};
use crate::{
    Counts, Cursor, CursorStore, RunEnd, RunRecorder, RunStatus, Scope, Store, StoreError, SubscriptionStore,
    UnitOfWork,
};

/// There is no position before the first.
pub async fn none_before_the_first<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    assert_eq!(position(&*store, &scope).await, None);
}

/// A position comes back as it was put, in the subscription too, whatever JSON it is.
pub async fn position_comes_back<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    for text in [
        r#"{"v":1,"at":"2026-11-23T08:00:00.000Z","id":"006A0000001"}"#,
        "9007199254740993",
        r#""plain \"quoted\" ünïcode""#,
        r"[1,[2,null],{}]",
    ] {
        put(&*store, &scope, text).await;
        assert_eq!(position(&*store, &scope).await, Some(json(text)));
        let mut tx = store.begin_across_tenants().await.unwrap();
        let kept = store.subscription(&mut tx, None, scope.subscription).await.unwrap().unwrap();
        assert_eq!(json(kept.cursor.unwrap().as_str()), json(text));
    }
}

/// A position that is put twice is as after the first time.
pub async fn putting_twice_changes_nothing<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    put(&*store, &scope, "1").await;
    put(&*store, &scope, "1").await;
    assert_eq!(position(&*store, &scope).await, Some(json("1")));
}

/// INV-CUR-1: a position of a transaction that was rolled back was never written.
pub async fn rolled_back_position_is_gone<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    put(&*store, &scope, "1").await;
    let mut tx = store.begin_across_tenants().await.unwrap();
    store.put_cursor(&mut tx, &scope, &Cursor::new("2")).await.unwrap();
    store.rollback(tx).await.unwrap();
    assert_eq!(position(&*store, &scope).await, Some(json("1")));
}

/// INV-CUR-1: a position that was undone to a savepoint was not written, though its transaction was.
pub async fn position_goes_with_its_savepoint<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    commit(&*store, async |tx| {
        store.put_cursor(tx, &scope, &Cursor::new("1")).await.unwrap();
        store.savepoint(tx).await.unwrap();
        store.put_cursor(tx, &scope, &Cursor::new("2")).await.unwrap();
        store.rollback_to_savepoint(tx).await.unwrap();
        let kept = store.cursor(tx, &scope).await.unwrap().unwrap();
        assert_eq!(json(kept.as_str()), json("1"));
    })
    .await;
    assert_eq!(position(&*store, &scope).await, Some(json("1")));
}

/// INV-CUR-2: nothing but a new position replaces a position: not adding the subscription again, not pausing it,
/// not a run that ends without one.
pub async fn nothing_else_touches_the_position<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    put(&*store, &scope, "1").await;
    let run = new_run();
    commit(&*store, async |tx| {
        store.add_subscription(tx, &subscription(None, "connection")).await.unwrap();
        store.set_paused(tx, None, scope.subscription, true).await.unwrap();
        store.open_run(tx, &scope, &run).await.unwrap();
        store.record_progress(tx, &scope, run.id, 1, &Counts::default(), None).await.unwrap();
        let end = RunEnd {
            status: RunStatus::Failed,
            counts: Counts::default(),
            cursor_after: None,
            finished_at: run.started_at,
            error: Some("the source failed at once".to_owned()),
            degraded: None,
        };
        store.close_run(tx, &scope, run.id, &end).await.unwrap();
    })
    .await;
    assert_eq!(position(&*store, &scope).await, Some(json("1")));
}

/// Subscriptions have positions of their own.
pub async fn positions_are_apart<F: StoreFixture>(f: F) {
    let store = f.store();
    let one = subscribe(&*store).await;
    let other = subscribe_as(&*store, None, "other").await;
    put(&*store, &one, "1").await;
    assert_eq!(position(&*store, &other).await, None);
}

/// The position of a subscription that does not exist is an error, read or put.
pub async fn unknown_subscription_is_an_error<F: StoreFixture>(f: F) {
    let store = f.store();
    let unknown = scope_of(&subscription(None, "nowhere"));
    let mut tx = store.begin_across_tenants().await.unwrap();
    let refused = store.cursor(&mut tx, &unknown).await.unwrap_err();
    assert!(matches!(refused, StoreError::NotFound { .. }), "{refused:?}");
    let refused = store.put_cursor(&mut tx, &unknown, &Cursor::new("1")).await.unwrap_err();
    assert!(matches!(refused, StoreError::NotFound { .. }), "{refused:?}");
}

async fn put<S: Store>(store: &S, scope: &Scope, text: &str) {
    commit(store, async |tx| store.put_cursor(tx, scope, &Cursor::new(text)).await.unwrap()).await;
}

/// As JSON: a store may keep it in a JSON column, which spells it anew.
async fn position<S: Store>(store: &S, scope: &Scope) -> Option<Json> {
    let mut tx = store.begin_across_tenants().await.unwrap();
    store.cursor(&mut tx, scope).await.unwrap().map(|cursor| json(cursor.as_str()))
}
