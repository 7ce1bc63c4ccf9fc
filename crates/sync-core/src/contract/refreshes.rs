//! One refresh of a connection at a time.

use std::time::Duration;

use super::fixture::ConnectionFixture;
use super::grants::{begin, connect, grant, key, read, sealed};
use super::setup::{at, commit};
use crate::{
    ConnectionStatus, EndCause, GrantEnd, HolderId, RefreshLease, RefreshTurn, Refreshed, StoreError,
    UnitOfWork,
};

const TTL: Duration = Duration::from_secs(60);

/// The right to refresh is granted to whom asks first, and is seen.
pub async fn free_refresh_is_granted<F: ConnectionFixture>(f: F) {
    connect(&f, &grant(&key("acme"), 0)).await;
    let (lease, unresolved) = held(take(&f, "a", 1).await);
    assert_eq!((lease.holder, unresolved), (HolderId::from("a"), None));
    let found = read(&f, &key("acme")).await.unwrap();
    assert_eq!(found.refreshing, Some(("a".into(), at(61))));
}

/// What is not connected can't be refreshed.
pub async fn refresh_of_nothing_is_an_error<F: ConnectionFixture>(f: F) {
    let mut tx = begin(&f).await;
    let refused = f.refreshes().take_refresh(&mut tx, &key("acme"), &"a".into(), at(0), TTL).await;
    assert!(matches!(refused, Err(StoreError::NotFound { .. })), "{refused:?}");
}

/// INV-RFR-1: a right that has not run out is granted to nobody else, nor twice to the same holder.
pub async fn held_refresh_is_refused<F: ConnectionFixture>(f: F) {
    connect(&f, &grant(&key("acme"), 0)).await;
    held(take(&f, "a", 0).await);
    for holder in ["b", "a"] {
        assert_eq!(take(&f, holder, 59).await, RefreshTurn::Busy { holder: "a".into(), until: at(60) });
    }
}

/// INV-RFR-1: of many that ask at the same time one gets it.
pub async fn one_of_many_may_refresh<F: ConnectionFixture>(f: F) {
    connect(&f, &grant(&key("acme"), 0)).await;
    let names: Vec<_> = (0..8).map(|n| format!("h{n}")).collect();
    let answers = futures_util::future::join_all(names.iter().map(|name| take(&f, name, 0))).await;
    let granted = answers.iter().filter(|answer| matches!(answer, RefreshTurn::Held { .. })).count();
    assert_eq!(granted, 1, "{answers:?}");
}

/// What a refresh brought replaces the secrets; the grant is the same as before.
pub async fn refreshed_secrets_are_kept<F: ConnectionFixture>(f: F) {
    connect(&f, &grant(&key("acme"), 0)).await;
    let before = read(&f, &key("acme")).await.unwrap();
    let (lease, _) = held(take(&f, "a", 10).await);
    let refreshed = Refreshed { expires_at: Some(at(3_600)), ..refreshed("new") };
    save(&f, &lease, &refreshed, 11).await.unwrap();
    let found = read(&f, &key("acme")).await.unwrap();
    assert_eq!(
        found,
        crate::Connection {
            sealed: Some(sealed("new")),
            generation: before.generation + 1,
            expires_at: Some(at(3_600)),
            updated_at: at(11),
            ..before
        }
    );
    let (lease, _) = held(take(&f, "a", 12).await);
    let moved = Refreshed { instance_url: Some("https://b.example.test/".into()), ..self::refreshed("x") };
    save(&f, &lease, &moved, 13).await.unwrap();
    let found = read(&f, &key("acme")).await.unwrap();
    assert_eq!(found.profile.instance_url, moved.instance_url);
    assert_eq!(found.expires_at, None);
}

/// Who saved has given the right up, and the next has a larger token.
pub async fn saving_gives_the_right_up<F: ConnectionFixture>(f: F) {
    connect(&f, &grant(&key("acme"), 0)).await;
    let (first, _) = held(take(&f, "a", 0).await);
    save(&f, &first, &refreshed("new"), 1).await.unwrap();
    let (second, unresolved) = held(take(&f, "b", 1).await);
    assert!(first.token < second.token, "{first:?} {second:?}");
    assert_eq!(unresolved, None);
}

/// INV-RFR-3: who takes over from a holder that never came back learns that an exchange may have taken place.
pub async fn expired_right_is_taken_over<F: ConnectionFixture>(f: F) {
    connect(&f, &grant(&key("acme"), 0)).await;
    let (first, _) = held(take(&f, "a", 5).await);
    let (second, unresolved) = held(take(&f, "b", 66).await);
    assert!(first.token < second.token, "{first:?} {second:?}");
    assert_eq!(unresolved, Some(at(5)));
    // It stays known while nothing is known of the outcome.
    let (third, unresolved) = held(take(&f, "c", 127).await);
    assert_eq!(unresolved, Some(at(5)));
    save(&f, &third, &refreshed("new"), 128).await.unwrap();
    assert_eq!(held(take(&f, "d", 129).await).1, None);
}

/// INV-RFR-2: what a stale holder brings is refused, whether the next is at work or has saved.
pub async fn stale_holder_is_fenced<F: ConnectionFixture>(f: F) {
    connect(&f, &grant(&key("acme"), 0)).await;
    // The same holder on purpose: a restarted process may have its predecessor's name.
    let (stale, _) = held(take(&f, "a", 0).await);
    let (current, _) = held(take(&f, "a", 61).await);
    fenced(&save(&f, &stale, &refreshed("stale"), 62).await);
    fenced(&end(&f, &stale).await);
    save(&f, &current, &refreshed("current"), 63).await.unwrap();
    fenced(&save(&f, &stale, &refreshed("stale"), 64).await);
    fenced(&end(&f, &stale).await);
    let found = read(&f, &key("acme")).await.unwrap();
    assert_eq!((found.sealed, found.status), (Some(sealed("current")), ConnectionStatus::Active));
}

/// INV-RFR-2: saving gives the right up, so a second outcome of the same exchange is refused.
pub async fn saving_twice_is_fenced<F: ConnectionFixture>(f: F) {
    connect(&f, &grant(&key("acme"), 0)).await;
    let (lease, _) = held(take(&f, "a", 0).await);
    save(&f, &lease, &refreshed("new"), 1).await.unwrap();
    fenced(&save(&f, &lease, &refreshed("again"), 2).await);
    assert_eq!(read(&f, &key("acme")).await.unwrap().sealed, Some(sealed("new")));
}

/// INV-CON-2: an exchange with the old grant can't overwrite a new one.
pub async fn new_grant_fences_a_refresh<F: ConnectionFixture>(f: F) {
    connect(&f, &grant(&key("acme"), 0)).await;
    let (lease, _) = held(take(&f, "a", 0).await);
    let again = grant(&key("acme"), 1);
    connect(&f, &again).await;
    fenced(&save(&f, &lease, &refreshed("old"), 2).await);
    fenced(&end(&f, &lease).await);
    let found = read(&f, &key("acme")).await.unwrap();
    assert_eq!((found.sealed, found.status), (Some(again.sealed), ConnectionStatus::Active));
    assert_eq!((found.refreshing, found.unresolved_since), (None, None));
    let (next, unresolved) = held(take(&f, "b", 2).await);
    assert!(next.token > lease.token && unresolved.is_none(), "{next:?} {unresolved:?}");
}

/// The end of a grant is kept with its cause, and its secrets for those who look into it. What comes after a
/// successful refresh, if there is one after all, makes it active again.
pub async fn ended_grant_is_dead<F: ConnectionFixture>(f: F) {
    connect(&f, &grant(&key("acme"), 0)).await;
    for cause in EndCause::ALL {
        let detail = Some("Ünïcode 🦀 'quoted'".to_owned());
        let end = GrantEnd { cause, code: "invalid_grant".into(), detail, at: at(7) };
        let (lease, _) = held(take(&f, "a", 1).await);
        let (store, ports) = (f.store(), f.refreshes());
        commit(&*store, async |tx| ports.end_grant(tx, &key("acme"), &lease, &end).await.unwrap()).await;
        let found = read(&f, &key("acme")).await.unwrap();
        assert_eq!((found.status, found.end), (ConnectionStatus::Dead, Some(end)));
        assert_eq!((found.updated_at, found.refreshing, found.unresolved_since), (at(7), None, None));
        assert_eq!(found.sealed, Some(grant(&key("acme"), 0).sealed));
    }
    let (lease, _) = held(take(&f, "a", 8).await);
    save(&f, &lease, &refreshed("new"), 9).await.unwrap();
    let found = read(&f, &key("acme")).await.unwrap();
    assert_eq!((found.status, found.end), (ConnectionStatus::Active, None));
}

/// INV-RFR-3: a holder that does not know the outcome says so, and the next learns it.
pub async fn unresolved_exchange_is_told<F: ConnectionFixture>(f: F) {
    connect(&f, &grant(&key("acme"), 0)).await;
    let (lease, _) = held(take(&f, "a", 0).await);
    release(&f, &lease, Some(3)).await;
    assert_eq!(read(&f, &key("acme")).await.unwrap().unresolved_since, Some(at(3)));
    assert_eq!(held(take(&f, "b", 4).await).1, Some(at(3)));
}

/// A holder that knows that nothing took place leaves no doubt behind.
pub async fn release_without_doubt_tells_nothing<F: ConnectionFixture>(f: F) {
    connect(&f, &grant(&key("acme"), 0)).await;
    let (lease, _) = held(take(&f, "a", 0).await);
    release(&f, &lease, None).await;
    let found = read(&f, &key("acme")).await.unwrap();
    assert_eq!((found.refreshing, found.unresolved_since), (None, None));
    let (next, unresolved) = held(take(&f, "a", 0).await);
    assert!(next.token > lease.token && unresolved.is_none(), "{next:?} {unresolved:?}");
}

/// Giving up a right that another has taken over does nothing.
pub async fn stale_release_does_nothing<F: ConnectionFixture>(f: F) {
    connect(&f, &grant(&key("acme"), 0)).await;
    let (stale, _) = held(take(&f, "a", 0).await);
    held(take(&f, "a", 61).await);
    release(&f, &stale, None).await;
    assert!(matches!(take(&f, "c", 62).await, RefreshTurn::Busy { .. }));
}

async fn take<F: ConnectionFixture>(f: &F, holder: &str, seconds: i64) -> RefreshTurn {
    let (store, ports) = (f.store(), f.refreshes());
    commit(&*store, async |tx| {
        ports.take_refresh(tx, &key("acme"), &holder.into(), at(seconds), TTL).await.unwrap()
    })
    .await
}

fn held(turn: RefreshTurn) -> (RefreshLease, Option<chrono::DateTime<chrono::Utc>>) {
    match turn {
        RefreshTurn::Held { lease, unresolved_since } => (lease, unresolved_since),
        RefreshTurn::Busy { holder, until } => panic!("busy: {holder} has it until {until}"),
    }
}

fn refreshed(text: &str) -> Refreshed {
    Refreshed { sealed: sealed(text), expires_at: None, instance_url: None }
}

fn fenced(answer: &Result<(), StoreError>) {
    assert!(matches!(answer, Err(StoreError::Fenced)), "{answer:?}");
}

async fn save<F: ConnectionFixture>(
    f: &F,
    lease: &RefreshLease,
    refreshed: &Refreshed,
    seconds: i64,
) -> Result<(), StoreError> {
    let mut tx = begin(f).await;
    f.refreshes().save_refreshed(&mut tx, &key("acme"), lease, refreshed, at(seconds)).await?;
    f.store().commit(tx).await
}

async fn end<F: ConnectionFixture>(f: &F, lease: &RefreshLease) -> Result<(), StoreError> {
    let end = GrantEnd { cause: EndCause::Revoked, code: "late".into(), detail: None, at: at(99) };
    let mut tx = begin(f).await;
    f.refreshes().end_grant(&mut tx, &key("acme"), lease, &end).await?;
    f.store().commit(tx).await
}

async fn release<F: ConnectionFixture>(f: &F, lease: &RefreshLease, unresolved: Option<i64>) {
    let (store, ports) = (f.store(), f.refreshes());
    let unresolved = unresolved.map(at);
    commit(&*store, async |tx| ports.release_refresh(tx, &key("acme"), lease, unresolved).await.unwrap())
        .await;
}
