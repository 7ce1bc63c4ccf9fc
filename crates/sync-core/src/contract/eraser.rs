//! A tenant is erased to the last row, and nobody else is touched.

use super::dead_letters::letter;
use super::emitter::emit_one;
use super::field_catalog::{field, known, save};
use super::fixture::StoreFixture;
use super::setup::{at, commit, item, open_run, read_items, read_runs, subscribe_as};
use crate::port::eraser::{count_tenant, erase_tenant};
use crate::{
    AuditLog, Cursor, CursorStore, DeadLetterFilter, DeadLetterStore, ExternalId, LeaseStore, RunId,
    RunRecorder, Scope, Store, StoreError, SubscriptionStore, TableRows, TenantEraser, TenantId, UnitOfWork,
};

/// INV-ERA-1: every port has forgotten the tenant, and what it kept for another is as before.
pub async fn erased_tenant_is_gone_and_others_stay<F>(f: F)
where
    F: StoreFixture,
    F::Store: TenantEraser<<F::Store as UnitOfWork>::Tx>,
{
    let store = f.store();
    let (a, run_a) = fill(&f, "a").await;
    let (b, run_b) = fill(&f, "b").await;
    let before = seen(&*store, &b, run_b).await;
    let erased = erase_tenant(&*store, &"a".into(), 1_000, |_| {}).await.unwrap();
    assert!(erased.len() >= 6, "{erased:?}");
    let mut tx = store.begin_across_tenants().await.unwrap();
    assert!(store.subscriptions(&mut tx, a.tenant.as_ref()).await.unwrap().is_empty());
    let gone = store.cursor(&mut tx, &a).await.unwrap_err();
    assert!(matches!(gone, StoreError::NotFound { .. }), "{gone:?}");
    assert!(store.history(&mut tx, &a, &ExternalId::from("r1")).await.unwrap().is_empty());
    assert!(store.list(&mut tx, &a, &DeadLetterFilter::default(), 10).await.unwrap().is_empty());
    drop(tx);
    assert!(read_runs(&*store, &a).await.is_empty());
    assert!(read_items(&*store, &a, run_a).await.is_empty());
    assert_eq!(known(&*store, &a).await, None);
    assert_eq!(seen(&*store, &b, run_b).await, before);
    assert_eq!(f.published().await.len(), 1, "the other's event");
    assert_eq!(count_tenant(&*store, &"a".into()).await.unwrap(), []);
}

/// INV-ERA-3: counted rows are those that are erased, table by table.
pub async fn counted_rows_are_those_erased<F>(f: F)
where
    F: StoreFixture,
    F::Store: TenantEraser<<F::Store as UnitOfWork>::Tx>,
{
    let store = f.store();
    fill(&f, "a").await;
    fill(&f, "b").await;
    let tenant = TenantId::from("a");
    let mut counted = count_tenant(&*store, &tenant).await.unwrap();
    counted.sort_by(|a, b| a.table.cmp(&b.table));
    assert!(counted.iter().any(|table| table.rows == ITEMS), "{counted:?}");
    assert_eq!(erase_tenant(&*store, &tenant, 1_000, |_| {}).await.unwrap(), counted);
}

/// INV-ERA-2: steps are bounded, one that was interrupted is gone on with, and leases go first.
pub async fn erasing_goes_on_in_bounded_steps<F>(f: F)
where
    F: StoreFixture,
    F::Store: TenantEraser<<F::Store as UnitOfWork>::Tx>,
{
    let store = f.store();
    let (a, _) = fill(&f, "a").await;
    fill(&f, "b").await;
    let tenant = TenantId::from("a");
    let sum = |rows: &[TableRows]| rows.iter().map(|table| table.rows).sum::<u64>();
    let all = sum(&count_tenant(&*store, &tenant).await.unwrap());
    let lease = commit(&*store, async |tx| {
        let ttl = std::time::Duration::from_secs(60);
        let taken = store.acquire(tx, &a, &"late".into(), at(1_000), ttl).await.unwrap();
        let crate::Acquired::Held(lease) = taken else { panic!("the lease has expired: {taken:?}") };
        lease
    })
    .await;
    let mut tx = store.begin_for(Some(&tenant)).await.unwrap();
    let first = store.erase_rows(&mut tx, &tenant, 3).await.unwrap();
    assert_eq!(sum(&first), 3, "{first:?}");
    store.commit(tx).await.unwrap();
    let mut tx = store.begin_across_tenants().await.unwrap();
    let refused = store.renew(&mut tx, &a, &lease, at(1_001)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Fenced), "{refused:?}");
    drop(tx);
    let mut tx = store.begin_for(Some(&tenant)).await.unwrap();
    store.erase_rows(&mut tx, &tenant, 3).await.unwrap();
    store.rollback(tx).await.unwrap();
    assert_eq!(sum(&count_tenant(&*store, &tenant).await.unwrap()), all - 3, "a lost step is done again");
    let mut steps = Vec::new();
    erase_tenant(&*store, &tenant, 3, |step| steps.push(sum(step))).await.unwrap();
    assert!(steps.iter().all(|rows| *rows <= 3), "{steps:?}");
    assert_eq!(steps.iter().sum::<u64>(), all - 3);
    assert_eq!(erase_tenant(&*store, &tenant, 3, |_| {}).await.unwrap(), []);
    assert_eq!(erase_tenant(&*store, &"nobody".into(), 3, |_| {}).await.unwrap(), []);
}

/// How many items [`fill`] records: more than rows of any other kind.
const ITEMS: u64 = 7;

/// A tenant with rows of every store port.
async fn fill<F: StoreFixture>(f: &F, tenant: &str) -> (Scope, RunId) {
    let store = f.store();
    let scope = subscribe_as(&*store, Some(tenant), "connection").await;
    let run = open_run(&*store, &scope).await;
    save(&*store, &scope, &[field("A__c"), field("B__c")]).await;
    commit(&*store, async |tx| {
        let items: Vec<_> = (1..=ITEMS.cast_signed()).map(|seq| item(seq, &format!("r{seq}"))).collect();
        store.put_cursor(tx, &scope, &Cursor::new("1")).await.unwrap();
        store.record_items(tx, &scope, run, &items, at(1)).await.unwrap();
        store.park(tx, &scope, &[letter(run, "r1"), letter(run, "r2")]).await.unwrap();
        let ttl = std::time::Duration::from_secs(30);
        store.acquire(tx, &scope, &"holder".into(), at(0), ttl).await.unwrap();
        emit_one(f, tx, &scope, run).await.unwrap();
    })
    .await;
    (scope, run)
}

/// What the ports say of a tenant.
async fn seen<S: Store>(store: &S, scope: &Scope, run: RunId) -> String {
    let mut tx = store.begin_across_tenants().await.unwrap();
    let subscriptions = store.subscriptions(&mut tx, scope.tenant.as_ref()).await.unwrap();
    let letters = store.list(&mut tx, scope, &DeadLetterFilter::default(), 10).await.unwrap();
    let history = store.history(&mut tx, scope, &ExternalId::from("r1")).await.unwrap();
    drop(tx);
    let (runs, items) = (read_runs(store, scope).await, read_items(store, scope, run).await);
    let fields = known(store, scope).await;
    format!("{subscriptions:?} {letters:?} {history:?} {runs:?} {items:?} {fields:?}")
}
