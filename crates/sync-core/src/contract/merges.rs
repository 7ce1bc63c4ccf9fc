//! Records that are merged into others take their links with them, whatever comes last.

use super::fixture::SinkFixture;
use super::links::{add_parent, bound, child_of, relink};
use super::replay::{deletion, items_of, sync};
use super::sample::{SAMPLE_PARENTS, Sample, SampleParent};
use super::setup::{at, commit, ids, subscribe, subscribe_as, subscribe_to};
use super::sink::{find, linked, new_row, write};
use crate::{
    Canonical, Change, ExternalId, ItemStatus, LocalId, Merge, Operation, Scope, SinkError, UnitOfWork,
    Upsert,
};

/// INV-SNK-6: children of the merged record move to the survivor's row; what the CRM sent of them stays.
pub async fn links_move_to_the_survivor<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    add_parent(&f, &scope, "p1").await;
    let [p2, p3] = [add_parent(&f, &scope, "p2").await, add_parent(&f, &scope, "p3").await];
    add_children(&f, &scope, &[("a", "p1"), ("b", "p1"), ("c", "p2"), ("d", "p3")]).await;
    merge(&f, &scope, &[("p1", "p2")]).await;
    bound_to(&f, &scope, &[("a", Some(&p2)), ("b", Some(&p2)), ("c", Some(&p2)), ("d", Some(&p3))]).await;
    let kept = find::<F, Sample>(&f, F::SAMPLES, &scope, &["a".into()]).await.pop().flatten().unwrap();
    assert_eq!(kept.record.parent, Some("p1".into()));
}

/// INV-SNK-6: until the survivor arrives, its children wait; those that named the merged record too.
pub async fn late_survivor_gets_the_links<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    add_parent(&f, &scope, "p1").await;
    add_children(&f, &scope, &[("a", "p1"), ("b", "p2")]).await;
    merge(&f, &scope, &[("p1", "p2")]).await;
    bound_to(&f, &scope, &[("a", None), ("b", None)]).await;
    let p2 = add_parent(&f, &scope, "p2").await;
    bound_to(&f, &scope, &[("a", Some(&p2)), ("b", Some(&p2))]).await;
}

/// INV-SNK-6: a child that comes, or comes again, with the merged record's id is bound to the survivor's row.
pub async fn late_child_goes_to_the_survivor<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    add_parent(&f, &scope, "p1").await;
    let p2 = add_parent(&f, &scope, "p2").await;
    // p0 was never seen here.
    merge(&f, &scope, &[("p0", "p2"), ("p1", "p2")]).await;
    add_children(&f, &scope, &[("a", "p1"), ("b", "p0"), ("c", "p2")]).await;
    let all = [("a", Some(&p2)), ("b", Some(&p2)), ("c", Some(&p2))];
    bound_to(&f, &scope, &all).await;
    relink(&f, &scope, &new_row("a", linked("p1")), Some("p0")).await;
    relink(&f, &scope, &new_row("b", linked("p0")), Some("p1")).await;
    bound_to(&f, &scope, &all).await;
}

/// INV-SNK-6: a child that waits for the merged record is bound to the survivor, be it there or late.
pub async fn waiting_child_goes_to_the_survivor<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    add_children(&f, &scope, &[("a", "p1"), ("b", "p3")]).await;
    let p2 = add_parent(&f, &scope, "p2").await;
    merge(&f, &scope, &[("p1", "p2"), ("p3", "p4")]).await;
    add_children(&f, &scope, &[("c", "p3")]).await;
    bound_to(&f, &scope, &[("a", Some(&p2)), ("b", None), ("c", None)]).await;
    let p4 = add_parent(&f, &scope, "p4").await;
    bound_to(&f, &scope, &[("a", Some(&p2)), ("b", Some(&p4)), ("c", Some(&p4))]).await;
}

/// INV-SNK-6: a chain of merges leads to its end, in whatever order and in however many calls its links come.
pub async fn chains_lead_to_their_end<F: SinkFixture>(f: F) {
    let orders: [&[&[(&str, &str)]]; 4] = [
        &[&[("p1", "p2"), ("p2", "p3")]],
        &[&[("p2", "p3"), ("p1", "p2")]],
        &[&[("p1", "p2")], &[("p2", "p3")]],
        &[&[("p2", "p3")], &[("p1", "p2")]],
    ];
    for (n, order) in orders.into_iter().enumerate() {
        let scope = subscribe_as(&*f.store(), None, &format!("chain-{n}")).await;
        add_parent(&f, &scope, "p1").await;
        add_parent(&f, &scope, "p2").await;
        let p3 = add_parent(&f, &scope, "p3").await;
        add_children(&f, &scope, &[("a", "p1"), ("b", "p2"), ("c", "p3")]).await;
        for merges in order {
            merge(&f, &scope, merges).await;
        }
        add_children(&f, &scope, &[("d", "p1")]).await;
        let all = ["a", "b", "c", "d"].map(|child| (child, Some(&p3)));
        bound_to(&f, &scope, &all).await;
    }
}

/// INV-SNK-6: a record that turns out to have been merged into another one takes only its own links there.
pub async fn merging_again_moves_the_own_links<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    add_parent(&f, &scope, "p1").await;
    let [p2, p3] = [add_parent(&f, &scope, "p2").await, add_parent(&f, &scope, "p3").await];
    add_children(&f, &scope, &[("a", "p1"), ("b", "p2")]).await;
    for _ in 0..2 {
        merge(&f, &scope, &[("p1", "p2")]).await;
    }
    merge(&f, &scope, &[("p1", "p3")]).await;
    bound_to(&f, &scope, &[("a", Some(&p3)), ("b", Some(&p2))]).await;
}

/// INV-SNK-6: merges that would send links in a circle fail for the record that closes it, and move nothing.
pub async fn circles_are_refused<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    for id in ["p1", "p2", "p3"] {
        add_parent(&f, &scope, id).await;
    }
    add_children(&f, &scope, &[("a", "p1")]).await;
    merge(&f, &scope, &[("p1", "p2")]).await;
    let bound_before = bound(&f, &scope, "a").await;
    for (loser, winner) in [("p2", "p1"), ("p3", "p3")] {
        let sink = f.sink::<SampleParent>(&SAMPLE_PARENTS);
        let mut tx = f.store().begin_across_tenants().await.unwrap();
        match sink.redirect_many(&mut tx, &scope, &[merged(loser, winner)], at(2)).await.unwrap_err() {
            SinkError::Record { external_id, class, .. } => {
                assert_eq!((external_id, class), (Some(loser.into()), "merge_cycle"));
            }
            SinkError::Store(store) => panic!("the record is at fault, not the store: {store:?}"),
        }
    }
    assert_eq!(bound(&f, &scope, "a").await, bound_before);
}

/// INV-SNK-7: a merged record that is written again has its own links again, and the survivor keeps its own.
pub async fn restored_record_gets_its_links_back<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let p1 = add_parent(&f, &scope, "p1").await;
    let p2 = add_parent(&f, &scope, "p2").await;
    add_children(&f, &scope, &[("a", "p1"), ("b", "p2")]).await;
    merge(&f, &scope, &[("p1", "p2")]).await;
    rewrite_parent(&f, &scope, "p1", &p1).await;
    add_children(&f, &scope, &[("c", "p1")]).await;
    bound_to(&f, &scope, &[("a", Some(&p1)), ("b", Some(&p2)), ("c", Some(&p1))]).await;
}

/// INV-SNK-7: so it has those of the records that were merged into it, and a record that was never here before takes
/// its links from a survivor that had them.
pub async fn restored_survivor_gets_its_chain_back<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    add_parent(&f, &scope, "p1").await;
    let p3 = add_parent(&f, &scope, "p3").await;
    add_children(&f, &scope, &[("a", "p1"), ("b", "p2"), ("c", "p3")]).await;
    merge(&f, &scope, &[("p1", "p2"), ("p2", "p3")]).await;
    bound_to(&f, &scope, &["a", "b", "c"].map(|child| (child, Some(&p3)))).await;
    let p2 = add_parent(&f, &scope, "p2").await;
    bound_to(&f, &scope, &[("a", Some(&p2)), ("b", Some(&p2)), ("c", Some(&p3))]).await;
}

/// INV-SNK-6, INV-SNK-7: links within a table follow as well.
pub async fn links_within_a_table_move<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let root = add_parent(&f, &scope, "root").await;
    let other = add_parent(&f, &scope, "other").await;
    write(&f, &SAMPLE_PARENTS, &scope, &[new_row("leaf", child_of(Some("root")))]).await;
    merge(&f, &scope, &[("root", "other")]).await;
    write(&f, &SAMPLE_PARENTS, &scope, &[new_row("late", child_of(Some("root")))]).await;
    for child in ["leaf", "late"] {
        assert_eq!(f.bound_parent(&SAMPLE_PARENTS, &scope, &child.into()).await.as_ref(), Some(&other));
    }
    rewrite_parent(&f, &scope, "root", &root).await;
    for child in ["leaf", "late"] {
        assert_eq!(f.bound_parent(&SAMPLE_PARENTS, &scope, &child.into()).await.as_ref(), Some(&root));
    }
}

/// INV-SNK-6: where the link is required, a survivor that is there is as good as the record it goes on for.
pub async fn survivor_is_parent_enough<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let p2 = add_parent(&f, &scope, "p2").await;
    merge(&f, &scope, &[("p1", "p2")]).await;
    write(&f, F::SAMPLES_WITH_REQUIRED_PARENT, &scope, &[new_row("a", linked("p1"))]).await;
    bound_to(&f, &scope, &[("a", Some(&p2))]).await;
}

/// INV-SNK-4: a merge in one connection moves nothing in another, early or late.
pub async fn merges_are_of_their_connection<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let other = subscribe_as(&*f.store(), None, "other").await;
    not_moved_across(&f, &scope, &other).await;
}

/// INV-SNK-4: a tenant's merge moves nothing of another tenant.
pub async fn merges_are_of_their_tenant<F: SinkFixture>(f: F) {
    let a = subscribe_as(&*f.store(), Some("a"), "connection").await;
    let b = subscribe_as(&*f.store(), Some("b"), "connection").await;
    not_moved_across(&f, &a, &b).await;
}

/// INV-UOW-1: a merge that was rolled back moved nothing, and later children don't know of it.
pub async fn rolled_back_merge_moved_nothing<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let p1 = add_parent(&f, &scope, "p1").await;
    add_parent(&f, &scope, "p2").await;
    add_children(&f, &scope, &[("a", "p1")]).await;
    let (store, sink) = (f.store(), f.sink::<SampleParent>(&SAMPLE_PARENTS));
    let mut tx = store.begin_across_tenants().await.unwrap();
    sink.redirect_many(&mut tx, &scope, &[merged("p1", "p2")], at(2)).await.unwrap();
    store.rollback(tx).await.unwrap();
    add_children(&f, &scope, &[("b", "p1")]).await;
    bound_to(&f, &scope, &[("a", Some(&p1)), ("b", Some(&p1))]).await;
}

/// INV-SNK-2: a thousand merges cost as many statements as ten.
pub async fn statements_do_not_grow_with_the_merges<F: SinkFixture>(f: F) {
    if f.statements().is_none() {
        println!("skipped: this store sends no statements");
        return;
    }
    let mut costs = Vec::new();
    for (round, n) in [(0, 10), (1, 10), (2, 1_000)] {
        let scope = subscribe_as(&*f.store(), None, &format!("round-{round}")).await;
        let survivor = add_parent(&f, &scope, "survivor").await;
        let parents: Vec<_> = ids(n).iter().map(|id| new_row(id.as_str(), SampleParent::default())).collect();
        write(&f, &SAMPLE_PARENTS, &scope, &parents).await;
        let children: Vec<_> =
            ids(n).iter().map(|id| new_row(&format!("c-{id}"), linked(id.as_str()))).collect();
        write(&f, F::SAMPLES, &scope, &children).await;
        let merges: Vec<_> = ids(n).iter().map(|id| merged(id.as_str(), "survivor")).collect();
        let sink = f.sink::<SampleParent>(&SAMPLE_PARENTS);
        let before = f.statements().unwrap();
        commit(&*f.store(), async |tx| sink.redirect_many(tx, &scope, &merges, at(2)).await.unwrap()).await;
        costs.push(f.statements().unwrap() - before);
        bound_to(&f, &scope, &[("c-r00001", Some(&survivor)), ("c-r00010", Some(&survivor))]).await;
    }
    assert_eq!(costs[1], costs[2], "10 merges cost {} statements, 1,000 merges {}", costs[1], costs[2]);
}

/// R16, INV-SNK-6: a run that reads of a merge records one deletion that says so, moves the links in its transaction,
/// and the children's audit still folds to their rows.
pub async fn merge_is_one_audit_entry<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let parents = subscribe_to(&*f.store(), &scope, SampleParent::ENTITY).await;
    add_parent(&f, &scope, "p1").await;
    let p2 = add_parent(&f, &scope, "p2").await;
    sync(&f, F::SAMPLES, &scope, vec![Change::upsert("a", linked("p1"))]).await;
    let into = |loser: &str, winner: &str| deletion::<SampleParent>(loser, Some(winner));
    let report = sync(&f, &SAMPLE_PARENTS, &parents, vec![into("p1", "p2"), into("never-here", "p2")]).await;
    let items = items_of(&f, &parents, report.run).await;
    let told: Vec<_> = items
        .iter()
        .map(|item| (item.external_id.as_str(), item.operation, item.status, item.reason.as_deref()))
        .collect();
    let because = Some("feed; merged into p2");
    assert_eq!(
        told,
        [
            ("p1", Operation::Deleted, ItemStatus::Success, because),
            ("never-here", Operation::Noop, ItemStatus::Success, because),
        ]
    );
    sync(&f, F::SAMPLES, &scope, vec![Change::upsert("b", linked("never-here"))]).await;
    bound_to(&f, &scope, &[("a", Some(&p2)), ("b", Some(&p2))]).await;
    for child in ["a", "b"] {
        super::replay::folds(&f, F::SAMPLES, &scope, child).await;
    }
}

/// R11: a merge that closes a circle is parked, the deletion with it; its neighbours land.
pub async fn circle_is_parked<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let parents = subscribe_to(&*f.store(), &scope, SampleParent::ENTITY).await;
    for id in ["p1", "p2", "p3"] {
        add_parent(&f, &scope, id).await;
    }
    merge(&f, &scope, &[("p1", "p2")]).await;
    let into = |loser: &str, winner: &str| deletion::<SampleParent>(loser, Some(winner));
    let report = sync(&f, &SAMPLE_PARENTS, &parents, vec![into("p2", "p1"), into("p3", "p2")]).await;
    assert_eq!((report.counts.parked, report.counts.deleted), (1, 1), "{:?}", report.counts);
    let asked = ["p2", "p3"].map(ExternalId::from);
    let rows = find::<F, SampleParent>(&f, &SAMPLE_PARENTS, &scope, &asked).await;
    assert_eq!(rows.into_iter().map(|row| row.unwrap().deleted).collect::<Vec<_>>(), [false, true]);
}

fn merged(loser: &str, winner: &str) -> Merge {
    Merge { loser: loser.into(), winner: winner.into() }
}

/// Deletes the losers and merges them, as the engine does.
async fn merge<F: SinkFixture>(f: &F, scope: &Scope, merges: &[(&str, &str)]) {
    let sink = f.sink::<SampleParent>(&SAMPLE_PARENTS);
    let losers: Vec<ExternalId> = merges.iter().map(|(loser, _)| (*loser).into()).collect();
    let merges: Vec<_> = merges.iter().map(|(loser, winner)| merged(loser, winner)).collect();
    commit(&*f.store(), async |tx| {
        sink.soft_delete_many(tx, scope, &losers, at(2)).await.unwrap();
        sink.redirect_many(tx, scope, &merges, at(2)).await.unwrap();
    })
    .await;
}

async fn add_children<F: SinkFixture>(f: &F, scope: &Scope, children: &[(&str, &str)]) {
    let rows: Vec<_> = children.iter().map(|(id, parent)| new_row(id, linked(parent))).collect();
    write(f, F::SAMPLES, scope, &rows).await;
}

async fn rewrite_parent<F: SinkFixture>(f: &F, scope: &Scope, id: &str, local_id: &LocalId) {
    let row = Upsert { exists: true, local_id: local_id.clone(), ..new_row(id, SampleParent::default()) };
    write(f, &SAMPLE_PARENTS, scope, &[row]).await;
}

async fn bound_to<F: SinkFixture>(f: &F, scope: &Scope, expected: &[(&str, Option<&LocalId>)]) {
    for (child, parent) in expected {
        assert_eq!(bound(f, scope, child).await.as_ref(), *parent, "{child}");
    }
}

async fn not_moved_across<F: SinkFixture>(f: &F, here: &Scope, there: &Scope) {
    let mut ours = Vec::new();
    for scope in [here, there] {
        ours.push(add_parent(f, scope, "p1").await);
        add_parent(f, scope, "p2").await;
        add_children(f, scope, &[("a", "p1")]).await;
    }
    merge(f, there, &[("p1", "p2")]).await;
    add_children(f, here, &[("b", "p1")]).await;
    bound_to(f, here, &[("a", Some(&ours[0])), ("b", Some(&ours[0]))]).await;
}
