//! One run of a subscription at a time.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::oneshot;

use super::fixture::StoreFixture;
use super::setup::{at, commit, subscribe, subscribe_as};
use crate::{Acquired, HolderId, Lease, LeaseStore, Scope, Store, StoreError, UnitOfWork};

const TTL: Duration = Duration::from_secs(30);

/// A free lease is granted, to whom asked, for as long as asked.
pub async fn free_lease_is_granted<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let lease = held(acquire(&*store, &scope, "a", 0).await);
    assert_eq!((lease.holder, lease.ttl), (HolderId::from("a"), TTL));
}

/// INV-LEA-1: a lease that has not run out is granted to nobody else, and the answer says who has it until when.
pub async fn held_lease_is_refused<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    held(acquire(&*store, &scope, "a", 0).await);
    let answer = acquire(&*store, &scope, "b", 29).await;
    assert_eq!(answer, Acquired::Busy { holder: "a".into(), until: at(30) });
}

/// INV-LEA-1: the same holder is refused like anybody else, because two runs in one process are two runs.
pub async fn same_holder_is_refused_too<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    held(acquire(&*store, &scope, "a", 0).await);
    assert!(matches!(acquire(&*store, &scope, "a", 1).await, Acquired::Busy { .. }));
}

/// INV-LEA-1: of two that ask at the same time one gets it.
pub async fn one_of_two_gets_it<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let (a, b) = tokio::join!(acquire(&*store, &scope, "a", 0), acquire(&*store, &scope, "b", 0));
    let granted = [&a, &b].iter().filter(|answer| matches!(answer, Acquired::Held(_))).count();
    assert_eq!(granted, 1, "{a:?} {b:?}");
}

/// INV-LEA-1: a lease taken in a transaction that was rolled back was never taken.
pub async fn rolled_back_lease_is_free<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let mut tx = store.begin_across_tenants().await.unwrap();
    held(store.acquire(&mut tx, &scope, &"a".into(), at(0), TTL).await.unwrap());
    store.rollback(tx).await.unwrap();
    held(acquire(&*store, &scope, "b", 1).await);
}

/// Leases of two subscriptions have nothing to do with each other.
pub async fn leases_are_per_subscription<F: StoreFixture>(f: F) {
    let store = f.store();
    let one = subscribe(&*store).await;
    let other = subscribe_as(&*store, None, "other").await;
    held(acquire(&*store, &one, "a", 0).await);
    held(acquire(&*store, &other, "b", 0).await);
}

/// A lease that has run out goes to the next who asks, with a larger token.
pub async fn expired_lease_is_taken_over<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let first = held(acquire(&*store, &scope, "a", 0).await);
    let second = held(acquire(&*store, &scope, "b", 31).await);
    let third = held(acquire(&*store, &scope, "b", 62).await);
    assert!(first.token < second.token && second.token < third.token, "{first:?} {second:?} {third:?}");
}

/// A lease that was given up goes to the next who asks, at once, with a larger token.
pub async fn released_lease_is_free<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let first = held(acquire(&*store, &scope, "a", 0).await);
    commit(&*store, async |tx| store.release(tx, &scope, &first).await.unwrap()).await;
    let second = held(acquire(&*store, &scope, "a", 0).await);
    assert!(first.token < second.token, "{first:?} {second:?}");
}

/// Giving up a lease that another has taken over does nothing.
pub async fn stale_release_does_nothing<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    // The same holder on purpose: what counts is the token.
    let stale = held(acquire(&*store, &scope, "a", 0).await);
    held(acquire(&*store, &scope, "a", 31).await);
    commit(&*store, async |tx| store.release(tx, &scope, &stale).await.unwrap()).await;
    assert!(matches!(acquire(&*store, &scope, "c", 32).await, Acquired::Busy { .. }));
}

/// A renewal lets the lease live for its full length from then on.
pub async fn renewal_prolongs<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let lease = held(acquire(&*store, &scope, "a", 0).await);
    renew(&*store, &scope, &lease, 20).await.unwrap();
    assert_eq!(
        acquire(&*store, &scope, "b", 49).await,
        Acquired::Busy { holder: "a".into(), until: at(20) + TimeDelta::seconds(30) }
    );
    held(acquire(&*store, &scope, "b", 51).await);
}

/// A lease that ran out but was taken by nobody can still be renewed.
pub async fn late_renewal_without_a_rival_succeeds<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let lease = held(acquire(&*store, &scope, "a", 0).await);
    renew(&*store, &scope, &lease, 100).await.unwrap();
    assert!(matches!(acquire(&*store, &scope, "b", 129).await, Acquired::Busy { .. }));
}

/// INV-LEA-2: once another took over, the former holder's renewal fails, and takes nothing away from the new one.
pub async fn stale_renewal_is_fenced<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    // The same holder name on purpose: a restarted process may have its predecessor's.
    let stale = held(acquire(&*store, &scope, "a", 0).await);
    let current = held(acquire(&*store, &scope, "a", 31).await);
    let refused = renew(&*store, &scope, &stale, 32).await.unwrap_err();
    assert!(matches!(refused, StoreError::Fenced), "{refused:?}");
    renew(&*store, &scope, &current, 33).await.unwrap();
}

/// INV-LEA-2: a lease that was given up can't be renewed.
pub async fn released_lease_is_fenced<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let lease = held(acquire(&*store, &scope, "a", 0).await);
    commit(&*store, async |tx| store.release(tx, &scope, &lease).await.unwrap()).await;
    let refused = renew(&*store, &scope, &lease, 1).await.unwrap_err();
    assert!(matches!(refused, StoreError::Fenced), "{refused:?}");
}

/// INV-LEA-2: while a transaction that renewed is open, nobody takes over, even where the old life has run out.
pub async fn open_renewal_keeps_rivals_out<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let lease = held(acquire(&*store, &scope, "a", 0).await);
    let (renewed, is_renewed) = oneshot::channel();
    let batch = async {
        let mut tx = store.begin_across_tenants().await.unwrap();
        store.renew(&mut tx, &scope, &lease, at(29)).await.unwrap();
        renewed.send(()).unwrap();
        // Gives the rival the time to run into the lock. Were it too short, the case would still hold.
        tokio::time::sleep(Duration::from_millis(50)).await;
        store.commit(tx).await.unwrap();
    };
    let rival = async {
        is_renewed.await.unwrap();
        acquire(&*store, &scope, "b", 31).await
    };
    let ((), answer) = tokio::join!(batch, rival);
    assert!(matches!(answer, Acquired::Busy { .. }), "{answer:?}");
}

async fn acquire<S: Store>(store: &S, scope: &Scope, holder: &str, seconds: i64) -> Acquired {
    commit(store, async |tx| store.acquire(tx, scope, &holder.into(), at(seconds), TTL).await.unwrap()).await
}

async fn renew<S: Store>(store: &S, scope: &Scope, lease: &Lease, seconds: i64) -> Result<(), StoreError> {
    let mut tx = store.begin_across_tenants().await.unwrap();
    let answer = store.renew(&mut tx, scope, lease, at(seconds)).await;
    if answer.is_ok() {
        store.commit(tx).await.unwrap();
    } else {
        store.rollback(tx).await.unwrap();
    }
    answer
}

fn held(answer: Acquired) -> Lease {
    match answer {
        Acquired::Held(lease) => lease,
        Acquired::Busy { holder, until } => panic!("busy: {holder} has it until {until}"),
    }
}
