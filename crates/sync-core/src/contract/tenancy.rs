//! Tenants are kept apart, and no row is without one.

use std::time::Duration;

use super::dead_letters::letter;
use super::emitter::emit_one;
use super::field_catalog::{field, known, save};
use super::fixture::StoreFixture;
use super::setup::{
    at, commit, item, new_run, open_run, read_items, read_runs, scope_of, subscribe_as, subscription,
};
use crate::{
    AuditLog, Counts, Cursor, CursorStore, DeadLetterFilter, DeadLetterStore, ExternalId, FieldCatalog,
    LeaseStore, Resolution, RunEnd, RunId, RunRecorder, RunStatus, Scope, Store, StoreError,
    SubscriptionStore, TenantId, UnitOfWork,
};

/// R1: with tenants told apart, the store itself refuses to write anything without one.
pub async fn writing_without_tenant_is_refused<F: StoreFixture>(f: F) {
    if !F::REFUSES_MISSING_TENANT {
        println!("skipped: this store leaves the check of tenants to the engine");
        return;
    }
    let store = f.store();
    let scope = subscribe_as(&*store, Some("a"), "connection").await;
    let run = open_run(&*store, &scope).await;
    let nobody = Scope { tenant: None, ..scope };
    refused("add_subscription", &*store, async |tx| {
        store.add_subscription(tx, &subscription(None, "x")).await.map(drop)
    })
    .await;
    refused("set_paused", &*store, async |tx| store.set_paused(tx, None, nobody.subscription, true).await)
        .await;
    refused("put_cursor", &*store, async |tx| store.put_cursor(tx, &nobody, &Cursor::new("1")).await).await;
    refused("open_run", &*store, async |tx| store.open_run(tx, &nobody, &new_run()).await).await;
    refused("record_items", &*store, async |tx| {
        store.record_items(tx, &nobody, run, &[item(1, "r1")], at(1)).await
    })
    .await;
    refused("park", &*store, async |tx| store.park(tx, &nobody, &[letter(run, "r1")]).await).await;
    refused("acquire", &*store, async |tx| {
        store.acquire(tx, &nobody, &"a".into(), at(0), Duration::from_secs(30)).await.map(drop)
    })
    .await;
    refused("hold_fields", &*store, async |tx| store.hold_fields(tx, &nobody).await).await;
    refused("save_fields", &*store, async |tx| store.save_fields(tx, &nobody, &[field("A__c")]).await).await;
    refused("emit", &*store, async |tx| emit_one(&f, tx, &nobody, run).await).await;
}

/// INV-SUB-1: the tenant is part of a subscription's key.
pub async fn same_key_of_two_tenants_is_two_subscriptions<F: StoreFixture>(f: F) {
    let store = f.store();
    let a = subscribe_as(&*store, Some("a"), "connection").await;
    let b = subscribe_as(&*store, Some("b"), "connection").await;
    assert_ne!(a.subscription, b.subscription);
}

/// INV-SUB-1: a tenant finds, lists and pauses its own subscriptions only.
pub async fn subscriptions_are_apart<F: StoreFixture>(f: F) {
    let store = f.store();
    let a = subscribe_as(&*store, Some("a"), "connection").await;
    let b = subscribe_as(&*store, Some("b"), "connection").await;
    let tenant = TenantId::from("a");
    let mut tx = store.begin_across_tenants().await.unwrap();
    let listed = store.subscriptions(&mut tx, Some(&tenant)).await.unwrap();
    assert_eq!(listed.iter().map(|s| s.id).collect::<Vec<_>>(), [a.subscription]);
    assert_eq!(store.subscription(&mut tx, Some(&tenant), b.subscription).await.unwrap(), None);
    let refused = store.set_paused(&mut tx, Some(&tenant), b.subscription, true).await.unwrap_err();
    assert!(matches!(refused, StoreError::NotFound { .. }), "{refused:?}");
}

/// INV-CUR-1: another tenant's position can be neither read nor moved, even by who knows the subscription's id.
pub async fn positions_are_apart<F: StoreFixture>(f: F) {
    let store = f.store();
    let (a, thief) = with_thief(&*store).await;
    commit(&*store, async |tx| store.put_cursor(tx, &a, &Cursor::new("1")).await.unwrap()).await;
    let mut tx = store.begin_across_tenants().await.unwrap();
    let refused = store.cursor(&mut tx, &thief).await.unwrap_err();
    assert!(matches!(refused, StoreError::NotFound { .. }), "{refused:?}");
    let refused = store.put_cursor(&mut tx, &thief, &Cursor::new("2")).await.unwrap_err();
    assert!(matches!(refused, StoreError::NotFound { .. }), "{refused:?}");
    drop(tx);
    let mut tx = store.begin_across_tenants().await.unwrap();
    assert_eq!(store.cursor(&mut tx, &a).await.unwrap(), Some(Cursor::new("1")));
}

/// INV-AUD-1: only rows of the scope's tenant are seen: runs, items, history.
pub async fn audit_is_apart<F: StoreFixture>(f: F) {
    let store = f.store();
    let (a, thief) = with_thief(&*store).await;
    let run = open_run(&*store, &a).await;
    commit(&*store, async |tx| store.record_items(tx, &a, run, &[item(1, "r1")], at(1)).await.unwrap()).await;
    assert!(read_runs(&*store, &thief).await.is_empty());
    assert!(read_items(&*store, &thief, run).await.is_empty());
    let mut tx = store.begin_across_tenants().await.unwrap();
    assert!(store.history(&mut tx, &thief, &ExternalId::from("r1")).await.unwrap().is_empty());
    assert_eq!(store.history(&mut tx, &a, &ExternalId::from("r1")).await.unwrap().len(), 1);
    drop(tx);
    assert_eq!(read_runs(&*store, &a).await[0].tenant, Some("a".into()));
}

/// INV-REC-3: another tenant can't move on, end or clean up a run.
pub async fn runs_are_apart<F: StoreFixture>(f: F) {
    let store = f.store();
    let (a, thief) = with_thief(&*store).await;
    let run = open_run(&*store, &a).await;
    let mut tx = store.begin_across_tenants().await.unwrap();
    store.record_progress(&mut tx, &thief, run, 1, &Counts::default(), None).await.unwrap_err();
    drop(tx);
    let mut tx = store.begin_across_tenants().await.unwrap();
    store.close_run(&mut tx, &thief, run, &end()).await.unwrap_err();
    drop(tx);
    let closed =
        commit(&*store, async |tx| store.close_stale_runs(tx, &thief, at(9), "dead").await.unwrap()).await;
    assert!(closed.is_empty());
    assert_eq!(read_runs(&*store, &a).await[0].status, RunStatus::Running);
}

/// INV-DLQ-2: a tenant sees, closes and hastens its own letters only.
pub async fn letters_are_apart<F: StoreFixture>(f: F) {
    let store = f.store();
    let (a, thief) = with_thief(&*store).await;
    let run = open_run(&*store, &a).await;
    let parked = letter(run, "r1");
    let all = DeadLetterFilter::default();
    commit(&*store, async |tx| store.park(tx, &a, std::slice::from_ref(&parked)).await.unwrap()).await;
    commit(&*store, async |tx| {
        assert!(store.open_letters(tx, &thief, &["r1".into()]).await.unwrap().is_empty());
        assert!(store.list(tx, &thief, &all, 10).await.unwrap().is_empty());
        assert!(store.due(tx, &thief, at(1_000), 10).await.unwrap().is_empty());
        assert_eq!(store.count_open(tx, &thief).await.unwrap(), 0);
        assert_eq!(store.make_due(tx, &thief, &all, at(0)).await.unwrap(), 0);
        store.resolve(tx, &thief, &[parked.id], Resolution::Applied, at(9)).await.unwrap();
    })
    .await;
    let mut tx = store.begin_across_tenants().await.unwrap();
    let refused = store.park(&mut tx, &thief, &[letter(run, "r1")]).await.unwrap_err();
    assert!(matches!(refused, StoreError::NotFound { .. }), "{refused:?}");
    drop(tx);
    let mut tx = store.begin_across_tenants().await.unwrap();
    assert_eq!(store.list(&mut tx, &a, &all, 10).await.unwrap(), [parked]);
}

/// INV-FLD-1: the tenant is part of the key of what is known of fields.
pub async fn fields_are_apart<F: StoreFixture>(f: F) {
    let store = f.store();
    let (a, thief) = with_thief(&*store).await;
    save(&*store, &a, &[field("A__c")]).await;
    assert_eq!(known(&*store, &thief).await, None);
    save(&*store, &thief, &[field("B__c")]).await;
    assert_eq!(known(&*store, &a).await, Some(vec![field("A__c")]));
    assert_eq!(known(&*store, &thief).await, Some(vec![field("B__c")]));
}

/// A tenant's subscription works like one of a single tenant, from run to letter.
pub async fn tenant_gets_its_own_rows<F: StoreFixture>(f: F) {
    let store = f.store();
    let b = subscribe_as(&*store, Some("b"), "connection").await;
    let run: RunId = open_run(&*store, &b).await;
    commit(&*store, async |tx| {
        store.record_items(tx, &b, run, &[item(1, "r1")], at(1)).await.unwrap();
        assert!(store.record_progress(tx, &b, run, 1, &Counts::default(), None).await.unwrap());
        emit_one(&f, tx, &b, run).await.unwrap();
        store.close_run(tx, &b, run, &end()).await.unwrap();
    })
    .await;
    assert_eq!(read_runs(&*store, &b).await[0].status, RunStatus::NoChanges);
    assert_eq!(read_items(&*store, &b, run).await.len(), 1);
    assert_eq!(f.published().await.len(), 1);
}

/// A subscription of tenant `a`, and the scope of a tenant that has got hold of its id.
async fn with_thief<S: Store>(store: &S) -> (Scope, Scope) {
    let a = subscribe_as(store, Some("a"), "connection").await;
    let thief = Scope { tenant: Some("b".into()), ..scope_of(&subscription(None, "connection")) };
    let thief = Scope { subscription: a.subscription, ..thief };
    (a, thief)
}

fn end() -> RunEnd {
    RunEnd {
        status: RunStatus::NoChanges,
        counts: Counts::default(),
        cursor_after: None,
        finished_at: at(1),
        error: None,
        degraded: None,
    }
}

async fn refused<S: Store>(
    what: &str,
    store: &S,
    call: impl AsyncFnOnce(&mut S::Tx) -> Result<(), StoreError>,
) {
    let mut tx = store.begin_across_tenants().await.unwrap();
    let answer = call(&mut tx).await;
    assert!(matches!(answer, Err(StoreError::MissingTenantId(_))), "{what}: {answer:?}");
}
