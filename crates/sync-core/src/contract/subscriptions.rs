//! Subscriptions are kept, once each.

use super::fixture::StoreFixture;
use super::setup::{at, commit, subscription};
use crate::{StoreError, Subscription, SubscriptionStore, UnitOfWork};

/// A subscription comes back as it was added.
pub async fn added_subscription_comes_back<F: StoreFixture>(f: F) {
    let store = f.store();
    let mut wanted = subscription(None, "Ünïcode · 接続");
    wanted.external_ref = Some("pipeline 'b'; --".to_owned());
    wanted.paused = true;
    wanted.created_at = at(7);
    commit(&*store, async |tx| {
        assert_eq!(store.add_subscription(tx, &wanted).await.unwrap(), wanted);
        assert_eq!(store.subscription(tx, None, wanted.id).await.unwrap().as_ref(), Some(&wanted));
    })
    .await;
    assert_eq!(all(&*store).await, [wanted]);
}

/// An id that nobody has is answered with nothing.
pub async fn unknown_subscription_is_nothing<F: StoreFixture>(f: F) {
    let store = f.store();
    let unknown = subscription(None, "a").id;
    let found = commit(&*store, async |tx| store.subscription(tx, None, unknown).await.unwrap()).await;
    assert_eq!(found, None);
}

/// INV-SUB-1: the same key is one subscription, also without an external reference; the first stays.
pub async fn same_key_is_one_subscription<F: StoreFixture>(f: F) {
    let store = f.store();
    for reference in [None, Some("pipeline".to_owned())] {
        let keyed = || Subscription { external_ref: reference.clone(), ..subscription(None, "a") };
        let (first, again) = (keyed(), Subscription { paused: true, created_at: at(9), ..keyed() });
        let second = commit(&*store, async |tx| {
            store.add_subscription(tx, &first).await.unwrap();
            store.add_subscription(tx, &again).await.unwrap()
        })
        .await;
        assert_eq!(second, first);
    }
    assert_eq!(all(&*store).await.len(), 2);
}

/// INV-SUB-1: each part of the key tells subscriptions apart.
pub async fn each_part_of_the_key_counts<F: StoreFixture>(f: F) {
    let store = f.store();
    let base = || subscription(None, "a");
    let different = [
        base(),
        subscription(None, "b"),
        Subscription { adapter: "suite-cdc".to_owned(), ..base() },
        Subscription { domain: "other".to_owned(), ..base() },
        Subscription { external_ref: Some("pipeline".to_owned()), ..base() },
    ];
    commit(&*store, async |tx| {
        for wanted in &different {
            assert_eq!(store.add_subscription(tx, wanted).await.unwrap().id, wanted.id);
        }
    })
    .await;
    assert_eq!(all(&*store).await.len(), different.len());
}

/// INV-SUB-1: two that add the same key at the same time get the same subscription.
pub async fn simultaneous_adds_agree<F: StoreFixture>(f: F) {
    let store = f.store();
    let (a, b) = (subscription(None, "a"), subscription(None, "a"));
    let add = async |wanted: Subscription| {
        let mut tx = store.begin_across_tenants().await.unwrap();
        let added = store.add_subscription(&mut tx, &wanted).await.unwrap();
        store.commit(tx).await.unwrap();
        added
    };
    let (first, second) = tokio::join!(add(a), add(b));
    assert_eq!(first.id, second.id);
    assert_eq!(all(&*store).await, [first]);
}

/// Subscriptions are listed oldest first.
pub async fn listed_oldest_first<F: StoreFixture>(f: F) {
    let store = f.store();
    for (connection, seconds) in [("z", 1), ("y", 2), ("x", 3)] {
        let wanted = Subscription { created_at: at(seconds), ..subscription(None, connection) };
        commit(&*store, async |tx| store.add_subscription(tx, &wanted).await.unwrap()).await;
    }
    let order: Vec<_> = all(&*store).await.into_iter().map(|s| s.connection.to_string()).collect();
    assert_eq!(order, ["z", "y", "x"]);
}

/// A subscription can be paused and resumed.
pub async fn pausing_is_kept<F: StoreFixture>(f: F) {
    let store = f.store();
    let wanted = subscription(None, "a");
    commit(&*store, async |tx| store.add_subscription(tx, &wanted).await.unwrap()).await;
    for paused in [true, true, false] {
        commit(&*store, async |tx| store.set_paused(tx, None, wanted.id, paused).await.unwrap()).await;
        assert_eq!(all(&*store).await[0].paused, paused);
    }
}

/// Pausing what does not exist says so.
pub async fn pausing_an_unknown_one_is_an_error<F: StoreFixture>(f: F) {
    let store = f.store();
    let mut tx = store.begin_across_tenants().await.unwrap();
    let refused = store.set_paused(&mut tx, None, subscription(None, "a").id, true).await.unwrap_err();
    assert!(matches!(refused, StoreError::NotFound { .. }), "{refused:?}");
}

async fn all<S>(store: &S) -> Vec<Subscription>
where
    S: UnitOfWork + SubscriptionStore<<S as UnitOfWork>::Tx>,
{
    let mut tx = store.begin_across_tenants().await.unwrap();
    store.subscriptions(&mut tx, None).await.unwrap()
}
