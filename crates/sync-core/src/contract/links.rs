//! Links to parents that may arrive late.

use super::fixture::SinkFixture;
use super::sample::{SAMPLE_PARENTS, Sample, SampleParent};
use super::setup::{at, commit, ids, subscribe, subscribe_as};
use super::sink::{find, linked, new_row, write};
use crate::{ExternalId, LocalId, Scope, SinkError, UnitOfWork, Upsert};

/// INV-SNK-5: a row whose parent is there is bound at once.
pub async fn present_parent_is_bound<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let parent = add_parent(&f, &scope, "p1").await;
    write(&f, F::SAMPLES, &scope, &[new_row("a", linked("p1"))]).await;
    assert_eq!(bound(&f, &scope, "a").await, Some(parent));
}

/// INV-SNK-5: a row whose parent has not arrived keeps the parent's external id and is bound when it is written;
/// all such rows are, and no others.
pub async fn late_parent_is_bound<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    write(
        &f,
        F::SAMPLES,
        &scope,
        &[("a", "p1"), ("b", "p1"), ("c", "p2")].map(|(id, p)| new_row(id, linked(p))),
    )
    .await;
    assert_eq!(bound(&f, &scope, "a").await, None);
    let kept = find::<F, Sample>(&f, F::SAMPLES, &scope, &["a".into()]).await.pop().flatten().unwrap();
    assert_eq!(kept.record.parent, Some("p1".into()));
    let parent = add_parent(&f, &scope, "p1").await;
    assert_eq!(bound(&f, &scope, "a").await, Some(parent.clone()));
    assert_eq!(bound(&f, &scope, "b").await, Some(parent));
    assert_eq!(bound(&f, &scope, "c").await, None);
}

/// INV-SNK-5: a binding that was rolled back with its parent comes again when the parent does.
pub async fn rolled_back_parent_binds_when_it_comes_again<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let (store, sink) = (f.store(), f.sink::<SampleParent>(&SAMPLE_PARENTS));
    write(&f, F::SAMPLES, &scope, &[new_row("a", linked("p1"))]).await;
    let mut tx = store.begin_across_tenants().await.unwrap();
    sink.upsert_many(&mut tx, &scope, &[new_row("p1", SampleParent::default())], at(1)).await.unwrap();
    store.rollback(tx).await.unwrap();
    assert_eq!(bound(&f, &scope, "a").await, None);
    let parent = add_parent(&f, &scope, "p1").await;
    assert_eq!(bound(&f, &scope, "a").await, Some(parent));
}

/// INV-SNK-5: within one batch of a table that links to itself, order does not matter.
pub async fn parent_of_the_same_batch_is_bound<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let rows = [("leaf", Some("root")), ("root", None), ("other", Some("root")), ("self", Some("self"))]
        .map(|(id, parent)| new_row(id, child_of(parent)));
    let written = write(&f, &SAMPLE_PARENTS, &scope, &rows).await;
    for (child, parent) in [("leaf", Some(1)), ("root", None), ("other", Some(1)), ("self", Some(3))] {
        let bound = f.bound_parent(&SAMPLE_PARENTS, &scope, &child.into()).await;
        assert_eq!(bound, parent.map(|n: usize| written[n].clone()), "{child}");
    }
}

/// INV-SNK-5: a late parent of a table that links to itself is bound too.
pub async fn late_parent_in_the_same_table_is_bound<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    write(&f, &SAMPLE_PARENTS, &scope, &[new_row("leaf", child_of(Some("root")))]).await;
    let root = add_parent(&f, &scope, "root").await;
    assert_eq!(f.bound_parent(&SAMPLE_PARENTS, &scope, &"leaf".into()).await, Some(root));
}

/// INV-SNK-5: a link that changed is bound to its new parent, present or late, and no longer to the old one.
pub async fn changed_link_follows<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    add_parent(&f, &scope, "p1").await;
    let second = add_parent(&f, &scope, "p2").await;
    let row = new_row("a", linked("p1"));
    write(&f, F::SAMPLES, &scope, std::slice::from_ref(&row)).await;
    relink(&f, &scope, &row, Some("p2")).await;
    assert_eq!(bound(&f, &scope, "a").await, Some(second));
    relink(&f, &scope, &row, Some("p3")).await;
    assert_eq!(bound(&f, &scope, "a").await, None);
    let third = add_parent(&f, &scope, "p3").await;
    assert_eq!(bound(&f, &scope, "a").await, Some(third));
}

/// INV-SNK-5: a row that waited for one parent and then was linked to another is not bound to the first when that
/// arrives.
pub async fn outdated_wait_binds_nothing<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let row = new_row("a", linked("p1"));
    write(&f, F::SAMPLES, &scope, std::slice::from_ref(&row)).await;
    relink(&f, &scope, &row, Some("p2")).await;
    add_parent(&f, &scope, "p1").await;
    assert_eq!(bound(&f, &scope, "a").await, None);
    let second = add_parent(&f, &scope, "p2").await;
    assert_eq!(bound(&f, &scope, "a").await, Some(second));
}

/// INV-SNK-5: a link that was removed is removed, bound or waiting, and stays so when the parent arrives.
pub async fn removed_link_is_removed<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    add_parent(&f, &scope, "p1").await;
    let rows = [new_row("bound", linked("p1")), new_row("waiting", linked("p2"))];
    write(&f, F::SAMPLES, &scope, &rows).await;
    for row in &rows {
        relink(&f, &scope, row, None).await;
    }
    add_parent(&f, &scope, "p2").await;
    for row in &rows {
        assert_eq!(bound(&f, &scope, row.external_id.as_str()).await, None);
        let kept = find::<F, Sample>(&f, F::SAMPLES, &scope, std::slice::from_ref(&row.external_id)).await;
        assert_eq!(kept[0].as_ref().unwrap().record.parent, None);
    }
}

/// INV-SNK-5: another connection's parent of the same external id is not ours.
pub async fn parents_of_other_connections_are_not_bound<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let other = subscribe_as(&*f.store(), None, "other").await;
    not_bound_across(&f, &scope, &other).await;
}

/// INV-SNK-5: another tenant's parent of the same external id is not ours.
pub async fn parents_of_other_tenants_are_not_bound<F: SinkFixture>(f: F) {
    let a = subscribe_as(&*f.store(), Some("a"), "connection").await;
    let b = subscribe_as(&*f.store(), Some("b"), "connection").await;
    not_bound_across(&f, &a, &b).await;
}

/// INV-SNK-5: a child that waits, is deleted and comes back is bound when its parent arrives.
pub async fn restored_child_is_bound<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let row = new_row("a", linked("p1"));
    write(&f, F::SAMPLES, &scope, std::slice::from_ref(&row)).await;
    super::sink::delete(&f, &scope, &["a"]).await;
    relink(&f, &scope, &row, Some("p1")).await;
    let parent = add_parent(&f, &scope, "p1").await;
    assert_eq!(bound(&f, &scope, "a").await, Some(parent));
}

/// INV-SNK-5: thousands of rows that wait are bound by one batch of parents.
pub async fn thousands_of_late_parents_are_bound<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let ids = ids(2_000);
    let rows: Vec<_> = ids.iter().map(|id| new_row(id.as_str(), linked(&format!("p-{id}")))).collect();
    write(&f, F::SAMPLES, &scope, &rows).await;
    let parents: Vec<_> = ids.iter().map(|id| new_row(&format!("p-{id}"), SampleParent::default())).collect();
    let written = write(&f, &SAMPLE_PARENTS, &scope, &parents).await;
    for n in [0, 1, 999, 1_999] {
        assert_eq!(bound(&f, &scope, ids[n].as_str()).await.as_ref(), Some(&written[n]));
    }
}

/// Where the link is required, a row whose parent is missing fails, and is named; one whose parent is there, and
/// one without a link, are written.
pub async fn missing_required_parent_names_the_record<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let (store, sink) = (f.store(), f.sink::<Sample>(F::SAMPLES_WITH_REQUIRED_PARENT));
    let parent = add_parent(&f, &scope, "p1").await;
    let good = [new_row("a", linked("p1")), new_row("b", Sample::default())];
    let rows = [good[0].clone(), new_row("bad", linked("p2")), good[1].clone()];
    let mut tx = store.begin_across_tenants().await.unwrap();
    match sink.upsert_many(&mut tx, &scope, &rows, at(1)).await.unwrap_err() {
        SinkError::Record { external_id, class, .. } => {
            assert_eq!((external_id, class), (Some("bad".into()), "missing_parent"));
        }
        SinkError::Store(store) => panic!("the record is at fault, not the store: {store:?}"),
    }
    drop(tx);
    commit(&*store, async |tx| sink.upsert_many(tx, &scope, &good, at(1)).await.unwrap()).await;
    assert_eq!(bound(&f, &scope, "a").await, Some(parent));
}

pub(super) fn child_of(parent: Option<&str>) -> SampleParent {
    SampleParent { name: None, parent: parent.map(ExternalId::from) }
}

pub(super) async fn add_parent<F: SinkFixture>(f: &F, scope: &Scope, id: &str) -> LocalId {
    write(f, &SAMPLE_PARENTS, scope, &[new_row(id, SampleParent::default())]).await.remove(0)
}

pub(super) async fn bound<F: SinkFixture>(f: &F, scope: &Scope, child: &str) -> Option<LocalId> {
    f.bound_parent(F::SAMPLES, scope, &child.into()).await
}

pub(super) async fn relink<F: SinkFixture>(f: &F, scope: &Scope, row: &Upsert<Sample>, parent: Option<&str>) {
    let record = Sample { parent: parent.map(ExternalId::from), ..row.record.clone() };
    write(f, F::SAMPLES, scope, &[Upsert { exists: true, record, ..row.clone() }]).await;
}

async fn not_bound_across<F: SinkFixture>(f: &F, here: &Scope, there: &Scope) {
    add_parent(f, there, "early").await;
    write(f, F::SAMPLES, here, &[new_row("a", linked("early")), new_row("b", linked("late"))]).await;
    add_parent(f, there, "late").await;
    assert_eq!(bound(f, here, "a").await, None);
    assert_eq!(bound(f, here, "b").await, None);
    let parent = add_parent(f, here, "late").await;
    assert_eq!(bound(f, here, "b").await, Some(parent));
}
