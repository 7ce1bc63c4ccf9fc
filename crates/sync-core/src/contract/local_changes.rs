//! Edits wait for the CRM, and questions for a person.

use chrono::TimeDelta;
use uuid::Uuid;

use super::fixture::StoreFixture;
use super::setup::{at, commit, subscribe, subscribe_as};
use crate::{
    Adoption, ChangedFields, Choice, Conflict, ConflictId, ConflictKind, ConflictStore, EditId,
    EditOperation, ExternalId, FieldValue, Intent, IntentId, LocalChangeStore, LocalEdit, NewEdit, Scope,
    Standing, StoreError, UnitOfWork, Version, WritebackStore,
};

/// INV-LOC-1: edits come back whole, in the order of appending, with those of each record only.
pub async fn edits_come_back_whole<F: StoreFixture>(f: F)
where
    F::Store: WritebackStore,
{
    let store = f.store();
    let scope = subscribe(&*store).await;
    let mut odd = edit("r2", EditOperation::Create, 2);
    odd.fields.push(
        "custom.Ünïcode 'x'__c",
        FieldValue::Text("a\u{0}b \"🦀\"".into()),
        FieldValue::Bool(true),
    );
    odd.fields.push("amount", FieldValue::Int(i64::MIN), FieldValue::Null);
    let appended = [edit("r1", EditOperation::Update, 1), odd, edit("r1", EditOperation::Delete, 3)];
    append(&*store, &scope, &appended[..2]).await;
    append(&*store, &scope, &appended[2..]).await;
    let found = edits_of(&*store, &scope, &["r2", "missing", "r1"]).await;
    let edits: Vec<NewEdit> = found.iter().map(|edit| edit.edit.clone()).collect();
    assert_eq!(edits, appended);
    assert!(found.is_sorted_by_key(|edit| edit.id));
    assert_eq!(edits_of(&*store, &scope, &["r2"]).await.len(), 1);
    assert_eq!(edits_of(&*store, &scope, &[]).await, []);
}

/// INV-LOC-1: an edit that was rolled back was never made.
pub async fn rolled_back_edits_are_gone<F: StoreFixture>(f: F)
where
    F::Store: WritebackStore,
{
    let store = f.store();
    let scope = subscribe(&*store).await;
    let mut tx = store.begin_across_tenants().await.unwrap();
    store.append_edits(&mut tx, &scope, &[edit("r1", EditOperation::Update, 1)]).await.unwrap();
    store.put_standings(&mut tx, &scope, &[standing("r1", 0, 9)]).await.unwrap();
    store.open_conflicts(&mut tx, &scope, &[conflict("r1", None)]).await.unwrap();
    store.rollback(tx).await.unwrap();
    assert_eq!(edits_of(&*store, &scope, &["r1"]).await, []);
    assert_eq!(standings(&*store, &scope, &["r1"]).await, []);
    assert_eq!(conflicts(&*store, &scope).await, []);
}

/// INV-LOC-2: records are due that were never tried, whose time has come, or that were edited since; those with the
/// oldest edits first, each with all of its edits.
pub async fn due_records_come_with_all_their_edits<F: StoreFixture>(f: F)
where
    F::Store: WritebackStore,
{
    let store = f.store();
    let scope = subscribe(&*store).await;
    let ids = ["never", "waits", "ripe", "edited", "never"];
    append(&*store, &scope, &ids.map(|id| edit(id, EditOperation::Update, 1))).await;
    let last = edits_of(&*store, &scope, &ids).await.last().unwrap().id;
    commit(&*store, async |tx| {
        let known = [standing("waits", last.0, 61), standing("ripe", last.0, 60), standing("edited", 0, 61)];
        store.put_standings(tx, &scope, &known).await.unwrap();
    })
    .await;
    assert_eq!(due(&*store, &scope, 60, 10).await, ["never", "ripe", "edited", "never"]);
    assert_eq!(due(&*store, &scope, 61, 10).await, ids);
    assert_eq!(due(&*store, &scope, 60, 1).await, ["never", "never"]);
    assert_eq!(due(&*store, &scope, 60, 2).await, ["never", "ripe", "never"]);
    commit(&*store, async |tx| {
        store.make_edits_due(tx, &scope, &["waits".into()], at(50)).await.unwrap();
    })
    .await;
    assert_eq!(due(&*store, &scope, 60, 10).await, ids);
}

/// INV-LOC-3: settling takes away the edits that are named, and shrinking leaves the fields that are named.
pub async fn settling_leaves_other_edits<F: StoreFixture>(f: F)
where
    F::Store: WritebackStore,
{
    let store = f.store();
    let scope = subscribe(&*store).await;
    append(&*store, &scope, &["r1", "r1", "r2"].map(|id| edit(id, EditOperation::Update, 1))).await;
    let edits = edits_of(&*store, &scope, &["r1", "r2"]).await;
    let mut left = ChangedFields::default();
    left.push("day", FieldValue::Null, FieldValue::Text("2026-01-01".into()));
    commit(&*store, async |tx| {
        store.settle_edits(tx, &scope, &[edits[0].id, EditId(i64::MAX)]).await.unwrap();
        store.shrink_edits(tx, &scope, &[(edits[1].id, left.clone())]).await.unwrap();
        store.settle_edits(tx, &scope, &[]).await.unwrap();
    })
    .await;
    let shrunk = NewEdit { fields: left, ..edits[1].edit.clone() };
    let expected = [LocalEdit { id: edits[1].id, edit: shrunk }, edits[2].clone()];
    assert_eq!(edits_of(&*store, &scope, &["r1", "r2"]).await, expected);
    // What was settled is not used again: a write whose answer was lost names its edits.
    append(&*store, &scope, &[edit("r3", EditOperation::Update, 1)]).await;
    assert!(edits_of(&*store, &scope, &["r3"]).await[0].id > edits[2].id);
}

/// How the sending of a record stands comes back whole, is replaced and forgotten.
pub async fn standings_come_back_whole<F: StoreFixture>(f: F)
where
    F::Store: WritebackStore,
{
    let store = f.store();
    let scope = subscribe(&*store).await;
    let full = Standing {
        intent: Some(Intent {
            id: IntentId(Uuid::from_u128(7)),
            operation: EditOperation::Update,
            fields: edit("r1", EditOperation::Update, 1).fields,
            edits: vec![EditId(1), EditId(9)],
            version: Some(Version(-3)),
            at: at(4),
        }),
        attempts: 3,
        error_class: Some("UNABLE_TO_LOCK_ROW".into()),
        error: Some("Ünïcode".into()),
        ..standing("r1", 9, 20)
    };
    let bare = standing("r2", 0, 10);
    commit(&*store, async |tx| {
        store.put_standings(tx, &scope, &[bare.clone(), full.clone()]).await.unwrap();
    })
    .await;
    assert_eq!(standings(&*store, &scope, &["r1", "r2", "r3"]).await, [full.clone(), bare.clone()]);
    let mut tx = store.begin_across_tenants().await.unwrap();
    assert_eq!(store.waiting_records(&mut tx, &scope, 5).await.unwrap(), [bare.clone(), full.clone()]);
    assert_eq!(store.waiting_records(&mut tx, &scope, 1).await.unwrap(), [bare]);
    store.rollback(tx).await.unwrap();
    let replaced = Standing { intent: None, error: None, ..full };
    commit(&*store, async |tx| {
        store.put_standings(tx, &scope, std::slice::from_ref(&replaced)).await.unwrap();
        store.clear_standings(tx, &scope, &["r2".into(), "missing".into()]).await.unwrap();
    })
    .await;
    assert_eq!(standings(&*store, &scope, &["r1", "r2"]).await, [replaced]);
}

/// INV-LOC-4: adopting an id moves everything, and what a placeholder became stays known.
pub async fn adopted_records_keep_what_waits<F: StoreFixture>(f: F)
where
    F::Store: WritebackStore,
{
    let store = f.store();
    let scope = subscribe(&*store).await;
    let adoption = Adoption { placeholder: "local:1".into(), external_id: "006A".into() };
    append(&*store, &scope, &["local:1", "local:2"].map(|id| edit(id, EditOperation::Update, 1))).await;
    commit(&*store, async |tx| {
        store.put_standings(tx, &scope, &[standing("local:1", 1, 5)]).await.unwrap();
        store.open_conflicts(tx, &scope, &[conflict("local:1", Some("name"))]).await.unwrap();
        store.adopt_ids(tx, &scope, std::slice::from_ref(&adoption)).await.unwrap();
    })
    .await;
    assert_eq!(edits_of(&*store, &scope, &["006A", "local:1"]).await.len(), 1);
    assert_eq!(standings(&*store, &scope, &["006A", "local:1"]).await, [standing("006A", 1, 5)]);
    assert_eq!(conflicts(&*store, &scope).await[0].external_id.as_str(), "006A");
    let mut tx = store.begin_across_tenants().await.unwrap();
    let asked = ["local:2", "local:1"].map(ExternalId::from);
    // A child of another entity asks for its parent.
    let other = Scope { entity: "sample_parent", ..scope.clone() };
    assert_eq!(store.adopted_ids(&mut tx, &other, &asked).await.unwrap(), [adoption]);
}

/// INV-LOC-5, INV-CFL-3: connection and entity keep edits, standings and questions apart.
pub async fn waiting_changes_are_of_the_connection_and_entity<F: StoreFixture>(f: F)
where
    F::Store: WritebackStore,
{
    let store = f.store();
    let one = subscribe(&*store).await;
    let others =
        [subscribe_as(&*store, None, "other").await, Scope { entity: "sample_parent", ..one.clone() }];
    strangers(&*store, &one, &others).await;
}

/// INV-LOC-5, INV-CFL-3: tenants see and touch nothing of each other's.
pub async fn waiting_changes_are_of_the_tenant<F: StoreFixture>(f: F)
where
    F::Store: WritebackStore,
{
    let store = f.store();
    let one = subscribe_as(&*store, Some("a"), "connection").await;
    let other = subscribe_as(&*store, Some("b"), "connection").await;
    strangers(&*store, &one, &[other]).await;
    if F::REFUSES_MISSING_TENANT {
        let nobody = Scope { tenant: None, ..one };
        let mut tx = store.begin_across_tenants().await.unwrap();
        let edits = [edit("r1", EditOperation::Update, 1)];
        let refused = store.append_edits(&mut tx, &nobody, &edits).await;
        assert!(matches!(refused, Err(StoreError::MissingTenantId(_))), "{refused:?}");
        let refused = store.open_conflicts(&mut tx, &nobody, &[conflict("r1", None)]).await;
        assert!(matches!(refused, Err(StoreError::MissingTenantId(_))), "{refused:?}");
    }
}

/// INV-CFL-1: asking again replaces the values and takes back a decision, under the same id.
pub async fn asking_again_replaces<F: StoreFixture>(f: F)
where
    F::Store: WritebackStore,
{
    let store = f.store();
    let scope = subscribe(&*store).await;
    let (whole, name) = (conflict("r1", None), conflict("r1", Some("name")));
    commit(&*store, async |tx| {
        store.open_conflicts(tx, &scope, &[whole.clone(), name.clone()]).await.unwrap();
        store.decide_conflict(tx, &scope, name.id, Choice::Local, &"ann".into(), at(9)).await.unwrap();
    })
    .await;
    let decided = Conflict {
        choice: Some(Choice::Local),
        decided_by: Some("ann".into()),
        decided_at: Some(at(9)),
        ..name.clone()
    };
    assert_eq!(sorted(conflicts(&*store, &scope).await), sorted(vec![whole.clone(), decided]));
    let again = Conflict { remote: FieldValue::Null, opened_at: at(50), ..conflict("r1", Some("name")) };
    assert_ne!(again.id, name.id);
    commit(&*store, async |tx| store.open_conflicts(tx, &scope, &[again]).await.unwrap()).await;
    let replaced = Conflict { remote: FieldValue::Null, ..name };
    assert_eq!(sorted(conflicts(&*store, &scope).await), sorted(vec![whole, replaced]));
}

/// INV-CFL-2: a closed question is gone and can't be decided; a later one is a new one.
pub async fn closed_questions_are_gone<F: StoreFixture>(f: F)
where
    F::Store: WritebackStore,
{
    let store = f.store();
    let scope = subscribe(&*store).await;
    let first = conflict("r1", Some("name"));
    commit(&*store, async |tx| {
        store.open_conflicts(tx, &scope, std::slice::from_ref(&first)).await.unwrap();
        store.close_conflicts(tx, &scope, &[first.id], at(9)).await.unwrap();
        store.close_conflicts(tx, &scope, &[], at(9)).await.unwrap();
    })
    .await;
    assert_eq!(conflicts(&*store, &scope).await, []);
    let mut tx = store.begin_across_tenants().await.unwrap();
    let decided =
        store.decide_conflict(&mut tx, &scope, first.id, Choice::Remote, &"ann".into(), at(9)).await;
    assert!(matches!(decided, Err(StoreError::NotFound { .. })), "{decided:?}");
    store.rollback(tx).await.unwrap();
    let second = conflict("r1", Some("name"));
    commit(&*store, async |tx| {
        store.open_conflicts(tx, &scope, std::slice::from_ref(&second)).await.unwrap();
    })
    .await;
    assert_eq!(conflicts(&*store, &scope).await, [second]);
}

/// What one scope keeps, others neither see nor touch.
async fn strangers<S: WritebackStore>(store: &S, own: &Scope, others: &[Scope]) {
    append(store, own, &[edit("r1", EditOperation::Update, 1)]).await;
    let asked = conflict("r1", Some("name"));
    commit(store, async |tx| {
        store.put_standings(tx, own, &[standing("r1", 0, 5)]).await.unwrap();
        store.open_conflicts(tx, own, std::slice::from_ref(&asked)).await.unwrap();
    })
    .await;
    let edits = edits_of(store, own, &["r1"]).await;
    for other in others {
        assert_eq!(edits_of(store, other, &["r1"]).await, []);
        assert_eq!(due(store, other, 60, 9).await, Vec::<String>::new());
        assert_eq!(standings(store, other, &["r1"]).await, []);
        assert_eq!(conflicts(store, other).await, []);
        commit(store, async |tx| {
            store.settle_edits(tx, other, &[edits[0].id]).await.unwrap();
            store.shrink_edits(tx, other, &[(edits[0].id, ChangedFields::default())]).await.unwrap();
            store.clear_standings(tx, other, &["r1".into()]).await.unwrap();
            store.close_conflicts(tx, other, &[asked.id], at(9)).await.unwrap();
            let adoption = Adoption { placeholder: "r1".into(), external_id: "r9".into() };
            store.adopt_ids(tx, other, &[adoption]).await.unwrap();
        })
        .await;
    }
    assert_eq!(edits_of(store, own, &["r1"]).await, edits);
    assert_eq!(standings(store, own, &["r1"]).await, [standing("r1", 0, 5)]);
    assert_eq!(conflicts(store, own).await, [asked]);
}

fn edit(id: &str, operation: EditOperation, seconds: i64) -> NewEdit {
    let mut fields = ChangedFields::default();
    fields.push("name", FieldValue::Text("a".into()), FieldValue::Text("b".into()));
    NewEdit { external_id: id.into(), operation, fields, user: "ann".into(), at: at(seconds) }
}

fn standing(id: &str, seen: i64, next: i64) -> Standing {
    Standing {
        external_id: id.into(),
        intent: None,
        seen: EditId(seen),
        attempts: 0,
        next_attempt_at: at(0) + TimeDelta::seconds(next),
        error_class: None,
        error: None,
    }
}

fn conflict(id: &str, field: Option<&str>) -> Conflict {
    Conflict {
        id: ConflictId(Uuid::now_v7()),
        external_id: id.into(),
        field: field.map(str::to_owned),
        kind: ConflictKind::BothChanged,
        base: FieldValue::Null,
        local: FieldValue::Text("ours".into()),
        remote: FieldValue::Int(7),
        opened_at: at(2),
        choice: None,
        decided_by: None,
        decided_at: None,
    }
}

async fn append<S: WritebackStore>(store: &S, scope: &Scope, edits: &[NewEdit]) {
    commit(store, async |tx| store.append_edits(tx, scope, edits).await.unwrap()).await;
}

async fn edits_of<S: WritebackStore>(store: &S, scope: &Scope, ids: &[&str]) -> Vec<LocalEdit> {
    let ids: Vec<ExternalId> = ids.iter().map(|id| ExternalId::from(*id)).collect();
    let mut tx = store.begin_across_tenants().await.unwrap();
    store.edits_of(&mut tx, scope, &ids).await.unwrap()
}

/// The records of the edits that are due, in the order of the edits.
async fn due<S: WritebackStore>(store: &S, scope: &Scope, now: i64, limit: u32) -> Vec<String> {
    let mut tx = store.begin_across_tenants().await.unwrap();
    let edits = store.due_edits(&mut tx, scope, at(now), limit).await.unwrap();
    edits.iter().map(|edit| edit.edit.external_id.to_string()).collect()
}

async fn standings<S: WritebackStore>(store: &S, scope: &Scope, ids: &[&str]) -> Vec<Standing> {
    let ids: Vec<ExternalId> = ids.iter().map(|id| ExternalId::from(*id)).collect();
    let mut tx = store.begin_across_tenants().await.unwrap();
    let mut found = store.standings(&mut tx, scope, &ids).await.unwrap();
    found.sort_by(|a, b| a.external_id.cmp(&b.external_id));
    found
}

async fn conflicts<S: WritebackStore>(store: &S, scope: &Scope) -> Vec<Conflict> {
    let mut tx = store.begin_across_tenants().await.unwrap();
    store.list_conflicts(&mut tx, scope, 100).await.unwrap()
}

fn sorted(mut conflicts: Vec<Conflict>) -> Vec<Conflict> {
    conflicts.sort_by_key(|conflict| conflict.id);
    conflicts
}
