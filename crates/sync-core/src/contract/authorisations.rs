//! Authorisations that were begun are finished once.

use super::fixture::ConnectionFixture;
use super::grants::{begin, key, key_of, sealed};
use super::setup::{at, commit};
use crate::{ConnectionKey, PendingAuthorisation, TakenAuthorisation, TenantId};

/// What was begun comes back as it was.
pub async fn begun_authorisation_comes_back_whole<F: ConnectionFixture>(f: F) {
    let pending = pending(key("acme"), 1);
    start(&f, &pending).await;
    assert_eq!(take(&f, None, &pending).await, TakenAuthorisation::Fresh(Box::new(pending)));
}

/// INV-ATH-1: what was taken once is used up, and said to be.
pub async fn taken_authorisation_is_used<F: ConnectionFixture>(f: F) {
    let pending = pending(key("acme"), 1);
    start(&f, &pending).await;
    take(&f, None, &pending).await;
    for _ in 0..2 {
        assert_eq!(take(&f, None, &pending).await, TakenAuthorisation::Used);
    }
}

/// INV-ATH-1: of many that take it at the same time one gets it.
pub async fn one_of_many_takes_it<F: ConnectionFixture>(f: F) {
    let pending = pending(key("acme"), 1);
    start(&f, &pending).await;
    let answers = futures_util::future::join_all((0..8).map(|_| take(&f, None, &pending))).await;
    let fresh = answers.iter().filter(|taken| matches!(taken, TakenAuthorisation::Fresh(_))).count();
    let used = answers.iter().filter(|taken| matches!(taken, TakenAuthorisation::Used)).count();
    assert_eq!((fresh, used), (1, 7), "{answers:?}");
}

/// A state that nobody began is unknown, be it the start of a known one.
pub async fn unknown_state_is_unknown<F: ConnectionFixture>(f: F) {
    let known = pending(key("acme"), 1);
    start(&f, &known).await;
    for state_hash in [vec![2; 32], vec![1; 31], Vec::new()] {
        let unknown = PendingAuthorisation { state_hash, ..known.clone() };
        assert_eq!(take(&f, None, &unknown).await, TakenAuthorisation::Unknown);
    }
}

/// A state that comes again is refused: it would hand one browser's authorisation to another.
pub async fn same_state_twice_is_refused<F: ConnectionFixture>(f: F) {
    let first = pending(key("acme"), 1);
    start(&f, &first).await;
    let mut tx = begin(&f).await;
    let second = PendingAuthorisation { key: key("other"), ..first.clone() };
    f.authorisations().begin_authorisation(&mut tx, &second).await.unwrap_err();
    drop(tx);
    assert_eq!(take(&f, None, &first).await, TakenAuthorisation::Fresh(Box::new(first)));
}

/// What ended long ago is cleared away, used or not; the others stay.
pub async fn ended_authorisations_are_cleared<F: ConnectionFixture>(f: F) {
    let old = PendingAuthorisation { expires_at: at(10), ..pending(key("acme"), 1) };
    let used = PendingAuthorisation { expires_at: at(10), ..pending(key("acme"), 2) };
    let young = PendingAuthorisation { expires_at: at(11), ..pending(key("acme"), 3) };
    for each in [&old, &used, &young] {
        start(&f, each).await;
    }
    take(&f, None, &used).await;
    let (store, ports) = (f.store(), f.authorisations());
    let cleared =
        commit(&*store, async |tx| ports.clear_authorisations(tx, None, at(11)).await.unwrap()).await;
    assert_eq!(cleared, 2);
    assert_eq!(take(&f, None, &old).await, TakenAuthorisation::Unknown);
    assert_eq!(take(&f, None, &young).await, TakenAuthorisation::Fresh(Box::new(young)));
}

/// A tenant's authorisation can't be finished, used up or cleared away by another.
pub async fn other_tenants_authorisation_is_unknown<F: ConnectionFixture>(f: F) {
    let own = pending(key_of("t1", "acme"), 1);
    start(&f, &own).await;
    assert_eq!(take(&f, Some("t2"), &own).await, TakenAuthorisation::Unknown);
    let (store, ports) = (f.store(), f.authorisations());
    let other = TenantId::from("t2");
    commit(&*store, async |tx| ports.clear_authorisations(tx, Some(&other), at(9_999)).await.unwrap()).await;
    assert_eq!(take(&f, Some("t1"), &own).await, TakenAuthorisation::Fresh(Box::new(own)));
}

fn pending(key: ConnectionKey, n: u8) -> PendingAuthorisation {
    PendingAuthorisation {
        state_hash: vec![n; 32],
        key,
        provider: "suite".into(),
        user: "ann".into(),
        binding_hash: vec![255, 0, n],
        sealed: sealed("verifier"),
        return_to: "/settings?tab=crm&name=Ünïcode".into(),
        created_at: at(0),
        expires_at: at(600),
    }
}

async fn start<F: ConnectionFixture>(f: &F, pending: &PendingAuthorisation) {
    let (store, ports) = (f.store(), f.authorisations());
    commit(&*store, async |tx| ports.begin_authorisation(tx, pending).await.unwrap()).await;
}

async fn take<F: ConnectionFixture>(
    f: &F,
    tenant: Option<&str>,
    pending: &PendingAuthorisation,
) -> TakenAuthorisation {
    let (store, ports) = (f.store(), f.authorisations());
    let tenant = tenant.map(TenantId::from);
    let hash = &pending.state_hash;
    commit(&*store, async |tx| ports.take_authorisation(tx, tenant.as_ref(), hash, at(5)).await.unwrap())
        .await
}
