//! The engine over a sink: what the audit tells of a record is what its row holds.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{StreamExt, stream};
use rust_decimal::Decimal;
use serde_json::json;

use super::fixture::{SinkFixture, StoreFixture};
use super::sample::Sample;
use super::setup::{read_items, subscribe};
use super::sink::find;
use super::values::filled;
use crate::history::{fold, image};
use crate::{
    AuditLog, Canonical, Change, ChangeSource, ChangeStream, Cursor, DeleteEvidence, Deletion, ExecuteSync,
    FieldSet, FieldValue, Payload, RunId, RunItem, RunReport, RunRequest, Scope, Subscription,
    SubscriptionStore, TableDef, UnitOfWork,
};

/// R16: whatever happens to a record, folding its audit gives its row: custom fields of every kind, links, partial
/// records, deletions and returns.
pub async fn audit_folds_to_the_row<F: SinkFixture>(f: F) {
    let scope = subscribe(&*f.store()).await;
    let mut first = filled();
    first.custom.set("Tier__c", text("gold"));
    first.custom.set("Rate__c", FieldValue::Decimal(Decimal::from_str_exact("0.10").unwrap()));
    first.custom.set("Since__c", FieldValue::Date("2024-02-29".parse().unwrap()));
    first.custom.set("Seen__c", FieldValue::Instant(chrono::DateTime::from_timestamp_micros(1).unwrap()));
    first.custom.set("List__c", FieldValue::Json(json!(["a", {"b": 1}])));
    first.custom.set("Empty__c", FieldValue::Null);
    let mut second = Sample { amount: None, ..first.clone() };
    second.custom.set("Tier__c", FieldValue::Null);
    second.custom.set("Rate__c", FieldValue::Int(7));
    second.custom.set("Flag__c", FieldValue::Bool(true));
    let mut part = Sample { name: Some("renamed".to_owned()), ..Sample::default() };
    part.custom.set("Tier__c", text("silver"));
    let mut back = Sample { parent: None, ..filled() };
    back.custom.set("Flag__c", text("yes"));
    let story: [Vec<Change<Sample>>; 6] = [
        vec![Change::upsert("a", first.clone()), Change::upsert("b", first)],
        vec![Change::upsert("a", second.clone()), Change::upsert("b", second)],
        vec![Change::partial("a", part, FieldSet::named::<Sample>(["name"]))],
        vec![deletion("a", None)],
        vec![Change::upsert("a", back.clone())],
        vec![Change::upsert("a", back)],
    ];
    for (n, changes) in story.into_iter().enumerate() {
        let expected = changes.len() as u64;
        let report = sync(&f, F::SAMPLES, &scope, changes).await;
        let applied = report.counts.found - report.counts.noop;
        assert_eq!(applied, if n == 5 { 0 } else { expected }, "step {n}: {:?}", report.counts);
        for id in ["a", "b"] {
            folds(&f, F::SAMPLES, &scope, id).await;
        }
    }
}

/// R16: the record's audit, folded, is its row.
pub(super) async fn folds<F: SinkFixture>(f: &F, table: &'static TableDef, scope: &Scope, id: &str) {
    let row = find::<F, Sample>(f, table, scope, &[id.into()]).await.pop().flatten().unwrap();
    let store = f.store();
    let mut tx = store.begin_across_tenants().await.unwrap();
    let history = store.history(&mut tx, scope, &id.into()).await.unwrap();
    let told = fold(&history, None).unwrap();
    let different = told.differences(&image(&row.record, row.deleted));
    assert!(different.is_empty(), "{id}: {different:?}");
}

/// Runs the engine once on these changes.
pub(super) async fn sync<F: SinkFixture, T: Canonical>(
    f: &F,
    table: &'static TableDef,
    scope: &Scope,
    changes: Vec<Change<T>>,
) -> RunReport {
    let source = Arc::new(Script(Mutex::new(changes)));
    let builder = ExecuteSync::<T, <F as StoreFixture>::Store>::builder();
    let engine = builder.store(f.store()).sink(f.sink::<T>(table)).source(source).build().unwrap();
    let store = f.store();
    let mut tx = store.begin_across_tenants().await.unwrap();
    let found = store.subscription(&mut tx, scope.tenant.as_ref(), scope.subscription).await.unwrap();
    store.rollback(tx).await.unwrap();
    let report = engine.execute(RunRequest::new(found.unwrap(), scope.provider.clone())).await.unwrap();
    assert!(report.failure.is_none(), "{:?}", report.failure);
    report
}

/// A deletion, of a merge where there is a survivor.
pub(super) fn deletion<T>(id: &str, merged_into: Option<&str>) -> Change<T> {
    let merged_into = merged_into.map(Into::into);
    Change::new(id, Payload::Delete(Deletion { evidence: DeleteEvidence::Feed, merged_into }))
}

/// A run's items.
pub(super) async fn items_of<F: StoreFixture>(f: &F, scope: &Scope, run: RunId) -> Vec<RunItem> {
    read_items(&*f.store(), scope, run).await.into_iter().map(|recorded| recorded.item).collect()
}

fn text(text: &str) -> FieldValue {
    FieldValue::Text(text.to_owned())
}

/// A source that says what it was given, once.
struct Script<T>(Mutex<Vec<Change<T>>>);

impl<T: Canonical> ChangeSource<T> for Script<T> {
    fn label(&self) -> String {
        "script".to_owned()
    }

    fn list_changes(&self, _: &Subscription, _: Option<&Cursor>) -> ChangeStream<T> {
        let changes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        stream::iter(changes).map(Ok).boxed()
    }
}
