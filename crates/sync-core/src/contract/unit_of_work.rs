//! Transactions and savepoints.
//!
//! The cases write subscriptions: every store has them, and they need nothing else.

use std::time::Duration;

use tokio::time::timeout;

use super::fixture::StoreFixture;
use super::setup::{commit, scope_of, subscription};
use crate::{CursorStore, Subscription, SubscriptionStore, UnitOfWork};

/// INV-UOW-1: what was committed is seen by later transactions.
pub async fn committed_writes_are_seen<F: StoreFixture>(f: F) {
    let store = f.store();
    let added = subscription(None, "a");
    commit(&*store, async |tx| store.add_subscription(tx, &added).await.unwrap()).await;
    assert_eq!(connections(&*store).await, ["a"]);
}

/// INV-UOW-1: what was rolled back was never written.
pub async fn rolled_back_writes_are_gone<F: StoreFixture>(f: F) {
    let store = f.store();
    let mut tx = store.begin().await.unwrap();
    store.add_subscription(&mut tx, &subscription(None, "a")).await.unwrap();
    store.rollback(tx).await.unwrap();
    assert!(connections(&*store).await.is_empty());
}

/// INV-UOW-1: a transaction that is dropped, as by a task that is aborted, wrote nothing and blocks nobody.
pub async fn dropped_transaction_is_rolled_back<F: StoreFixture>(f: F) {
    let store = f.store();
    let mut tx = store.begin().await.unwrap();
    store.add_subscription(&mut tx, &subscription(None, "a")).await.unwrap();
    drop(tx);
    commit(&*store, async |tx| store.add_subscription(tx, &subscription(None, "b")).await.unwrap()).await;
    assert_eq!(connections(&*store).await, ["b"]);
}

/// INV-UOW-1: nobody sees a transaction's writes before it ends, or, in a store of one transaction at a time,
/// nobody gets to look.
pub async fn open_transaction_is_not_seen<F: StoreFixture>(f: F) {
    let store = f.store();
    let mut tx = store.begin().await.unwrap();
    store.add_subscription(&mut tx, &subscription(None, "a")).await.unwrap();
    let look = async { connections(&*store).await };
    if F::CONCURRENT {
        assert!(look.await.is_empty());
    } else if let Ok(seen) = timeout(Duration::from_millis(50), look).await {
        assert!(seen.is_empty());
    }
    store.commit(tx).await.unwrap();
    assert_eq!(connections(&*store).await, ["a"]);
}

/// INV-UOW-2: going back to a savepoint undoes what came after it and nothing else.
pub async fn savepoint_undoes_what_came_after<F: StoreFixture>(f: F) {
    let store = f.store();
    commit(&*store, async |tx| {
        add(&*store, tx, "before").await;
        store.savepoint(tx).await.unwrap();
        add(&*store, tx, "after").await;
        store.rollback_to_savepoint(tx).await.unwrap();
        add(&*store, tx, "later").await;
    })
    .await;
    assert_eq!(connections(&*store).await, ["before", "later"]);
}

/// INV-UOW-2: a released savepoint keeps what was written since, and the whole is still one transaction.
pub async fn released_savepoint_keeps_its_writes<F: StoreFixture>(f: F) {
    let store = f.store();
    commit(&*store, async |tx| {
        store.savepoint(tx).await.unwrap();
        add(&*store, tx, "kept").await;
        store.release_savepoint(tx).await.unwrap();
    })
    .await;
    let mut tx = store.begin().await.unwrap();
    store.savepoint(&mut tx).await.unwrap();
    add(&*store, &mut tx, "undone with the whole").await;
    store.release_savepoint(&mut tx).await.unwrap();
    store.rollback(tx).await.unwrap();
    assert_eq!(connections(&*store).await, ["kept"]);
}

/// INV-UOW-2: savepoints nest; each undoes its own part, released inner ones go with the outer.
pub async fn savepoints_nest<F: StoreFixture>(f: F) {
    let store = f.store();
    commit(&*store, async |tx| {
        add(&*store, tx, "1").await;
        store.savepoint(tx).await.unwrap();
        add(&*store, tx, "2").await;
        store.savepoint(tx).await.unwrap();
        add(&*store, tx, "3").await;
        store.rollback_to_savepoint(tx).await.unwrap();
        add(&*store, tx, "4").await;
        store.savepoint(tx).await.unwrap();
        add(&*store, tx, "5").await;
        store.release_savepoint(tx).await.unwrap();
        store.release_savepoint(tx).await.unwrap();
        store.savepoint(tx).await.unwrap();
        add(&*store, tx, "6").await;
        store.savepoint(tx).await.unwrap();
        add(&*store, tx, "7").await;
        store.release_savepoint(tx).await.unwrap();
        store.rollback_to_savepoint(tx).await.unwrap();
    })
    .await;
    assert_eq!(connections(&*store).await, ["1", "2", "4", "5"]);
}

/// INV-UOW-2: the same place may be tried many times, as a batch that is halved until the bad record stands alone.
pub async fn many_savepoints_in_a_row<F: StoreFixture>(f: F) {
    let store = f.store();
    commit(&*store, async |tx| {
        for i in 0..50 {
            store.savepoint(tx).await.unwrap();
            add(&*store, tx, &format!("{i:02}")).await;
            if i % 2 == 0 {
                store.release_savepoint(tx).await.unwrap();
            } else {
                store.rollback_to_savepoint(tx).await.unwrap();
            }
        }
    })
    .await;
    let even: Vec<String> = (0..50).step_by(2).map(|i| format!("{i:02}")).collect();
    assert_eq!(connections(&*store).await, even);
}

/// INV-UOW-2: after a call that failed, going back to the savepoint makes the transaction usable again.
pub async fn usable_after_a_failed_call<F: StoreFixture>(f: F) {
    let store = f.store();
    let unknown = scope_of(&subscription(None, "nowhere"));
    commit(&*store, async |tx| {
        add(&*store, tx, "before").await;
        store.savepoint(tx).await.unwrap();
        store.put_cursor(tx, &unknown, &crate::Cursor::new("1")).await.unwrap_err();
        store.rollback_to_savepoint(tx).await.unwrap();
        add(&*store, tx, "after").await;
    })
    .await;
    assert_eq!(connections(&*store).await, ["before", "after"]);
}

async fn add<S>(store: &S, tx: &mut S::Tx, connection: &str) -> Subscription
where
    S: UnitOfWork + SubscriptionStore<<S as UnitOfWork>::Tx>,
{
    store.add_subscription(tx, &subscription(None, connection)).await.unwrap()
}

/// The connections of all subscriptions, in the order of their adding.
async fn connections<S>(store: &S) -> Vec<String>
where
    S: UnitOfWork + SubscriptionStore<<S as UnitOfWork>::Tx>,
{
    let mut tx = store.begin().await.unwrap();
    let all = store.subscriptions(&mut tx, None).await.unwrap();
    store.rollback(tx).await.unwrap();
    all.iter().map(|subscription| subscription.connection.to_string()).collect()
}
