//! Rows of one entity are found, written and marked as deleted, in batches.

use serde_json::json;
use uuid::Uuid;

use super::fixture::SinkFixture;
use super::sample::Sample;
use super::setup::{at, commit, ids, subscribe, subscribe_as};
use super::values::filled;
use crate::{
    Canonical, ExternalId, FieldValue, LocalId, LocalRow, Scope, SinkError, StoreError, TableDef, UnitOfWork,
    Upsert, Version,
};

/// INV-SNK-1: there is one answer per id, in the order of asking.
pub async fn one_answer_per_id_in_order<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    write(&f, F::SAMPLES, &scope, &["a", "b", "c"].map(named)).await;
    let asked = ["c", "missing", "a"].map(ExternalId::from);
    let found = find::<F, Sample>(&f, F::SAMPLES, &scope, &asked).await;
    let names: Vec<_> =
        found.iter().map(|row| row.as_ref().and_then(|row| row.record.name.as_deref())).collect();
    assert_eq!(names, [Some("c"), None, Some("a")]);
    assert!(find::<F, Sample>(&f, F::SAMPLES, &scope, &[]).await.is_empty());
}

/// INV-SNK-1: a deleted row is found, with its values, and is marked.
pub async fn deleted_row_is_found<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let written = write(&f, F::SAMPLES, &scope, &[named("a"), named("b")]).await;
    let deleted = delete(&f, &scope, &["missing", "a"]).await;
    assert_eq!(deleted, [None, Some(written[0].clone())]);
    let found = find::<F, Sample>(&f, F::SAMPLES, &scope, &["a", "b"].map(ExternalId::from)).await;
    let found: Vec<_> = found.into_iter().map(|row| row.map(|row| (row.deleted, row.record.name))).collect();
    assert_eq!(found, [Some((true, Some("a".to_owned()))), Some((false, Some("b".to_owned())))]);
}

/// Deleting again answers the row again.
pub async fn deleting_twice_is_no_error<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    write(&f, F::SAMPLES, &scope, &[named("a")]).await;
    assert_eq!(delete(&f, &scope, &["a"]).await, delete(&f, &scope, &["a"]).await);
    assert_eq!(delete(&f, &scope, &[]).await, []);
}

/// A row that is written over a deleted one is live again, under its id.
pub async fn writing_over_a_deleted_row_restores_it<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let first = named("a");
    let written = write(&f, F::SAMPLES, &scope, std::slice::from_ref(&first)).await;
    delete(&f, &scope, &["a"]).await;
    let back = Upsert { exists: true, record: filled(), version: Some(Version(9)), ..first };
    assert_eq!(write(&f, F::SAMPLES, &scope, &[back]).await, written);
    let row = one(&f, &scope, "a").await;
    assert_eq!((row.deleted, row.record, row.version), (false, filled(), Some(Version(9))));
}

/// A new row gets the id it was given; an existing one keeps its own; ids come in the order of the rows.
pub async fn local_ids_are_those_given<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let rows = ["b", "a"].map(named);
    let given: Vec<_> = rows.iter().map(|row| row.local_id.clone()).collect();
    assert_eq!(write(&f, F::SAMPLES, &scope, &rows).await, given);
    let found = find::<F, Sample>(&f, F::SAMPLES, &scope, &["b", "a"].map(ExternalId::from)).await;
    assert_eq!(found.into_iter().map(|row| row.unwrap().local_id).collect::<Vec<_>>(), given);
}

/// A row that another writer created first keeps that writer's id, though the engine took it for new.
pub async fn another_writers_id_is_kept<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let theirs = write(&f, F::SAMPLES, &scope, &[named("a")]).await;
    let ours = new_row("a", filled());
    assert_ne!(theirs[0], ours.local_id);
    assert_eq!(write(&f, F::SAMPLES, &scope, &[ours, named("b")]).await[0], theirs[0]);
    let row = one(&f, &scope, "a").await;
    assert_eq!((row.local_id, row.record), (theirs[0].clone(), filled()));
}

/// Every field is replaced, also by nothing; so is the ordering value.
pub async fn update_replaces_every_field<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let mut full = filled();
    full.custom.set("Region__c", FieldValue::Text("Süd".to_owned()));
    let row = Upsert { version: Some(Version(1)), ..new_row("a", full) };
    write(&f, F::SAMPLES, &scope, std::slice::from_ref(&row)).await;
    let empty = Upsert { exists: true, record: Sample::default(), version: None, ..row };
    write(&f, F::SAMPLES, &scope, &[empty]).await;
    let row = one(&f, &scope, "a").await;
    assert_eq!((row.record, row.version), (Sample::default(), None));
}

/// INV-SNK-3: writing the same batch twice leaves the rows as after the first time.
pub async fn second_write_changes_nothing<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let rows = ["a", "b"].map(|id| Upsert { version: Some(Version(3)), ..new_row(id, filled()) });
    let asked = ["a", "b"].map(ExternalId::from);
    let first = write(&f, F::SAMPLES, &scope, &rows).await;
    let after_first = find::<F, Sample>(&f, F::SAMPLES, &scope, &asked).await;
    assert_eq!(write(&f, F::SAMPLES, &scope, &rows).await, first);
    assert_eq!(find::<F, Sample>(&f, F::SAMPLES, &scope, &asked).await, after_first);
}

/// INV-SNK-9: a newer ordering value is kept, and nothing else of the row changes, deleted or not; other rows, also of
/// other connections, keep theirs.
pub async fn versions_move_alone<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let other = subscribe_as(&*f.store(), None, "other").await;
    let rows = ["a", "b", "c"].map(|id| Upsert { version: Some(Version(3)), ..new_row(id, filled()) });
    for scope in [&scope, &other] {
        let rows = rows.clone().map(|row| Upsert { local_id: LocalId::from(Uuid::now_v7()), ..row });
        write(&f, F::SAMPLES, scope, &rows).await;
    }
    delete(&f, &scope, &["b"]).await;
    let asked = ["a", "b", "c"].map(ExternalId::from);
    let mut expected = find::<F, Sample>(&f, F::SAMPLES, &scope, &asked).await;
    let elsewhere = find::<F, Sample>(&f, F::SAMPLES, &other, &asked).await;
    let sink = f.sink::<Sample>(F::SAMPLES);
    let versions = [("b".into(), Version(i64::MAX)), ("a".into(), Version(4))];
    commit(&*f.store(), async |tx| {
        sink.touch_versions(tx, &scope, &versions).await.unwrap();
        sink.touch_versions(tx, &scope, &[]).await.unwrap();
    })
    .await;
    expected[0].as_mut().unwrap().version = Some(Version(4));
    expected[1].as_mut().unwrap().version = Some(Version(i64::MAX));
    assert_eq!(find::<F, Sample>(&f, F::SAMPLES, &scope, &asked).await, expected);
    assert_eq!(find::<F, Sample>(&f, F::SAMPLES, &other, &asked).await, elsewhere);
}

/// INV-SNK-2: a batch of thousands, new rows and existing ones mixed, is written, found and deleted in one call
/// each; an empty one is no error.
pub async fn thousands_of_rows_at_once<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let ids = ids(5_000);
    let mut rows: Vec<_> = ids.iter().map(|id| named(id.as_str())).collect();
    let first = write(&f, F::SAMPLES, &scope, &rows[..2_000]).await;
    for row in &mut rows[..2_000] {
        row.exists = true;
        row.record.amount = Some(1);
    }
    let all = write(&f, F::SAMPLES, &scope, &rows).await;
    assert!(all.len() == rows.len() && all[..2_000] == first);
    let found = find::<F, Sample>(&f, F::SAMPLES, &scope, &ids).await;
    let fits = |(row, wanted): (&Option<LocalRow<Sample>>, &Upsert<Sample>)| {
        row.as_ref().is_some_and(|row| row.record == wanted.record && row.local_id == wanted.local_id)
    };
    assert!(found.len() == rows.len() && found.iter().zip(&rows).all(fits));
    let sink = f.sink::<Sample>(F::SAMPLES);
    let deleted =
        commit(&*f.store(), async |tx| sink.soft_delete_many(tx, &scope, &ids, at(9)).await.unwrap()).await;
    assert!(deleted.into_iter().flatten().eq(all));
    assert!(write::<F, Sample>(&f, F::SAMPLES, &scope, &[]).await.is_empty());
}

/// INV-SNK-2: a batch costs as many statements as a smaller one.
pub async fn statements_do_not_grow_with_the_batch<F: SinkFixture>(f: F) {
    if f.statements().is_none() {
        println!("skipped: this store sends no statements");
        return;
    }
    let scope = subscribe(&*f.store()).await;
    let mut costs = Vec::new();
    // The first round also pays for what a connection prepares once.
    for (round, n) in [(0, 10), (1, 10), (2, 1_000)] {
        let rows: Vec<_> = (0..)
            .zip(ids(n))
            .map(|(n, id)| Upsert {
                external_id: format!("{round}-{id}").into(),
                ..new_row("", with_custom_fields(n, linked("p1")))
            })
            .collect();
        let changed: Vec<_> = (1..)
            .zip(&rows)
            .map(|(n, row)| Upsert {
                exists: true,
                record: with_custom_fields(n, linked("p2")),
                ..row.clone()
            })
            .collect();
        let asked: Vec<_> = rows.iter().map(|row| row.external_id.clone()).collect();
        let versions: Vec<_> = asked.iter().map(|id| (id.clone(), Version(1))).collect();
        let sink = f.sink::<Sample>(F::SAMPLES);
        let before = f.statements();
        commit(&*f.store(), async |tx| {
            sink.find_many(tx, &scope, &asked).await.unwrap();
            sink.upsert_many(tx, &scope, &rows, at(1)).await.unwrap();
            sink.find_many(tx, &scope, &asked).await.unwrap();
            sink.upsert_many(tx, &scope, &changed, at(2)).await.unwrap();
            sink.reproject_many(tx, &scope, &changed, at(3)).await.unwrap();
            sink.touch_versions(tx, &scope, &versions).await.unwrap();
            sink.soft_delete_many(tx, &scope, &asked, at(4)).await.unwrap();
        })
        .await;
        costs.push(f.statements().unwrap() - before.unwrap());
    }
    assert!(costs[1] > 0, "the fixture's count of statements does not move");
    assert_eq!(costs[1], costs[2], "10 rows cost {} statements, 1,000 rows {}", costs[1], costs[2]);
}

/// INV-SNK-4: the same external id of another connection is another row.
pub async fn connections_are_apart<F: SinkFixture>(f: F) {
    let one_scope = subscribe(&*f.store()).await;
    let other_scope = subscribe_as(&*f.store(), None, "other").await;
    apart(&f, &one_scope, &other_scope).await;
}

/// INV-SNK-4: the same external id of another tenant is another row, though the connection's name is the same.
pub async fn tenants_are_apart<F: SinkFixture>(f: F) {
    let a = subscribe_as(&*f.store(), Some("a"), "connection").await;
    let b = subscribe_as(&*f.store(), Some("b"), "connection").await;
    apart(&f, &a, &b).await;
}

/// R1: with tenants told apart, the sink itself refuses to write without one.
pub async fn writing_without_tenant_is_refused<F: SinkFixture>(f: F) {
    if !F::REFUSES_MISSING_TENANT {
        println!("skipped: this store leaves the check of tenants to the engine");
        return;
    }
    let (store, sink) = (f.store(), f.sink::<Sample>(F::SAMPLES));
    let nobody = Scope { tenant: None, ..subscribe_as(&*store, Some("a"), "connection").await };
    let mut tx = store.begin_across_tenants().await.unwrap();
    let answer = sink.upsert_many(&mut tx, &nobody, &[named("a")], at(1)).await.map(drop);
    assert!(matches!(answer, Err(SinkError::Store(StoreError::MissingTenantId(_)))), "{answer:?}");
    drop(tx);
    let mut tx = store.begin_across_tenants().await.unwrap();
    let answer = sink.soft_delete_many(&mut tx, &nobody, &["a".into()], at(1)).await.map(drop);
    assert!(matches!(answer, Err(SinkError::Store(StoreError::MissingTenantId(_)))), "{answer:?}");
}

/// A text with a NUL fails its record, which is named, wherever in the record it is; the error quotes nothing.
pub async fn nul_in_a_field_names_the_record<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let mut in_custom = Sample::default();
    in_custom.custom.set("Region__c", FieldValue::Text("secret\0".to_owned()));
    let mut in_custom_json = Sample::default();
    in_custom_json.custom.set("List__c", FieldValue::Json(json!(["secret\0"])));
    for bad in [
        Sample { name: Some("secret\0".to_owned()), ..Sample::default() },
        Sample { details: Some(json!({"a": ["secret\0"]})), ..Sample::default() },
        Sample { details: Some(json!({"secret\0": 1})), ..Sample::default() },
        linked("secret\0"),
        in_custom,
        in_custom_json,
    ] {
        record_fault(&f, &scope, bad).await;
    }
}

/// A text of more than a million characters fails its record, which is named.
pub async fn overlong_text_names_the_record<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    record_fault(&f, &scope, Sample { name: Some("ü".repeat(1_000_001)), ..Sample::default() }).await;
}

/// INV-UOW-2: after a record failed, its neighbours can be written in the same transaction.
pub async fn neighbours_of_a_failed_record_are_written<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let (store, sink) = (f.store(), f.sink::<Sample>(F::SAMPLES));
    let bad = new_row("bad", Sample { name: Some("\0".to_owned()), ..Sample::default() });
    commit(&*store, async |tx| {
        sink.upsert_many(tx, &scope, &[named("before")], at(1)).await.unwrap();
        store.savepoint(tx).await.unwrap();
        sink.upsert_many(tx, &scope, &[named("a"), bad, named("b")], at(1)).await.unwrap_err();
        store.rollback_to_savepoint(tx).await.unwrap();
        sink.upsert_many(tx, &scope, &[named("a"), named("b")], at(1)).await.unwrap();
    })
    .await;
    let asked = ["before", "a", "bad", "b"].map(ExternalId::from);
    let found = find::<F, Sample>(&f, F::SAMPLES, &scope, &asked).await;
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false, true]);
}

/// INV-UOW-1: rows of a transaction that was rolled back were never written, changed or deleted.
pub async fn rolled_back_rows_are_gone<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let (store, sink) = (f.store(), f.sink::<Sample>(F::SAMPLES));
    let kept = ["a", "b"].map(named);
    write(&f, F::SAMPLES, &scope, &kept).await;
    let asked = ["a", "b", "c"].map(ExternalId::from);
    let before = find::<F, Sample>(&f, F::SAMPLES, &scope, &asked).await;
    let mut tx = store.begin_across_tenants().await.unwrap();
    let changed = Upsert { exists: true, record: filled(), ..kept[0].clone() };
    sink.upsert_many(&mut tx, &scope, &[changed, named("c")], at(2)).await.unwrap();
    sink.soft_delete_many(&mut tx, &scope, &["b".into()], at(2)).await.unwrap();
    store.rollback(tx).await.unwrap();
    assert_eq!(find::<F, Sample>(&f, F::SAMPLES, &scope, &asked).await, before);
}

/// A new row with a fresh id.
pub(super) fn new_row<T>(id: &str, record: T) -> Upsert<T> {
    Upsert {
        external_id: id.into(),
        local_id: LocalId::from(Uuid::now_v7()),
        record,
        version: None,
        exists: false,
    }
}

/// A new row that is named like its id.
pub(super) fn named(id: &str) -> Upsert<Sample> {
    new_row(id, Sample { name: Some(id.to_owned()), ..Sample::default() })
}

/// A record with a parent.
pub(super) fn linked(parent: &str) -> Sample {
    Sample { parent: Some(parent.into()), ..Sample::default() }
}

/// The record with custom fields, of which some change and some are gone with the next number.
pub(super) fn with_custom_fields(n: i64, mut record: Sample) -> Sample {
    record.custom.set("Tier__c", FieldValue::Text(format!("tier {n}")));
    record.custom.set("Score__c", FieldValue::Int(n));
    record.custom.set(if n % 2 == 0 { "Even__c" } else { "Odd__c" }, FieldValue::Bool(true));
    record.custom.set("Always__c", FieldValue::Null);
    record
}

/// Writes rows in a transaction of their own.
pub(super) async fn write<F: SinkFixture, T: Canonical>(
    f: &F,
    table: &'static TableDef,
    scope: &Scope,
    rows: &[Upsert<T>],
) -> Vec<LocalId> {
    let sink = f.sink::<T>(table);
    commit(&*f.store(), async |tx| sink.upsert_many(tx, scope, rows, at(1)).await.unwrap()).await
}

/// Finds rows.
pub(super) async fn find<F: SinkFixture, T: Canonical>(
    f: &F,
    table: &'static TableDef,
    scope: &Scope,
    ids: &[ExternalId],
) -> Vec<Option<LocalRow<T>>> {
    let mut tx = f.store().begin_across_tenants().await.unwrap();
    f.sink::<T>(table).find_many(&mut tx, scope, ids).await.unwrap()
}

/// Deletes samples in a transaction of their own.
pub(super) async fn delete<F: SinkFixture>(f: &F, scope: &Scope, ids: &[&str]) -> Vec<Option<LocalId>> {
    let sink = f.sink::<Sample>(F::SAMPLES);
    let ids: Vec<_> = ids.iter().map(|id| ExternalId::from(*id)).collect();
    commit(&*f.store(), async |tx| sink.soft_delete_many(tx, scope, &ids, at(2)).await.unwrap()).await
}

async fn one<F: SinkFixture>(f: &F, scope: &Scope, id: &str) -> LocalRow<Sample> {
    one_of(f, F::SAMPLES, scope, id).await
}

/// A row of this table.
pub(super) async fn one_of<F: SinkFixture>(
    f: &F,
    table: &'static TableDef,
    scope: &Scope,
    id: &str,
) -> LocalRow<Sample> {
    find(f, table, scope, &[id.into()]).await.pop().flatten().unwrap()
}

/// What happens to a record in one scope does not happen in another.
async fn apart<F: SinkFixture>(f: &F, here: &Scope, there: &Scope) {
    write(f, F::SAMPLES, here, &[new_row("a", filled())]).await;
    assert_eq!(find::<F, Sample>(f, F::SAMPLES, there, &["a".into()]).await, [None]);
    assert_eq!(delete(f, there, &["a"]).await, [None]);
    write(f, F::SAMPLES, there, &[named("a")]).await;
    delete(f, there, &["a"]).await;
    let (ours, theirs) = (one(f, here, "a").await, one(f, there, "a").await);
    assert_eq!((ours.deleted, ours.record), (false, filled()));
    assert!(theirs.deleted && theirs.local_id != ours.local_id);
}

/// A batch with one bad record fails for that record, and says so without its values.
async fn record_fault<F: SinkFixture>(f: &F, scope: &Scope, bad: Sample) {
    let (store, sink) = (f.store(), f.sink::<Sample>(F::SAMPLES));
    let rows = [named("a"), new_row("bad", bad), named("b")];
    let mut tx = store.begin_across_tenants().await.unwrap();
    match sink.upsert_many(&mut tx, scope, &rows, at(1)).await.unwrap_err() {
        SinkError::Record { external_id, class, reason } => {
            assert_eq!((external_id, class), (Some("bad".into()), "text"));
            assert!(!reason.contains("secret") && reason.len() < 1_000, "{reason}");
        }
        SinkError::Store(store) => panic!("the record is at fault, not the store: {store:?}"),
    }
}
