//! What was recorded can be read.

use chrono::DateTime;
use rust_decimal::Decimal;
use serde_json::json;
use uuid::Uuid;

use super::fixture::StoreFixture;
use super::setup::{
    at, commit, ids, item, items_of_every_kind, name_change, new_run, open_run, read_runs, subscribe,
    subscribe_as,
};
use crate::history::fold;
use crate::{
    AuditLog, ChangedFields, ExternalId, FieldValue, ItemStatus, NewRun, Operation, RecordedItem, RunId,
    RunItem, Scope, Store, SubscriptionStore, UnitOfWork,
};

/// Runs are listed newest first by the order of their opening, whatever their clocks and ids say, as many as asked.
pub async fn runs_are_newest_first<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let opened = backward_runs(&*store, &scope).await;
    let mut tx = store.begin_across_tenants().await.unwrap();
    let newest = store.runs(&mut tx, &scope, 2).await.unwrap();
    assert_eq!(newest.iter().map(|run| run.id).collect::<Vec<_>>(), [opened[2], opened[1]]);
}

/// Runs of other subscriptions are not listed.
pub async fn runs_are_of_the_subscription<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let other = subscribe_as(&*store, None, "other").await;
    open_run(&*store, &other).await;
    assert!(read_runs(&*store, &scope).await.is_empty());
}

/// Items are read page by page.
pub async fn items_are_paged<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let (run, other) = (open_run(&*store, &scope).await, open_run(&*store, &scope).await);
    let items: Vec<_> = (1..).zip(ids(7)).map(|(seq, id)| item(seq, id.as_str())).collect();
    record(&*store, &scope, run, &items[4..]).await;
    record(&*store, &scope, run, &items[..4]).await;
    record(&*store, &scope, other, &items).await;
    let mut tx = store.begin_across_tenants().await.unwrap();
    let mut read = Vec::new();
    loop {
        let after = read.last().copied().unwrap_or(0);
        let page = store.items(&mut tx, &scope, run, after, 3).await.unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 3);
        read.extend(page.iter().map(|recorded| recorded.item.seq));
    }
    assert_eq!(read, [1, 2, 3, 4, 5, 6, 7]);
}

/// A record's history has its applied changes only: no noops, nothing that failed or was left out.
pub async fn history_has_applied_changes_only<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let run = open_run(&*store, &scope).await;
    let items = items_of_every_kind();
    record(&*store, &scope, run, &items).await;
    let read: Vec<RunItem> = history(&*store, &scope, "r1").await.into_iter().map(|r| r.item).collect();
    assert_eq!(read, items[..4]);
    assert!(history(&*store, &scope, "r2").await.is_empty());
    assert!(history(&*store, &scope, "r3").await.is_empty());
    assert!(history(&*store, &scope, "never seen").await.is_empty());
}

/// A record's history goes through all runs in the order of their opening, whatever their clocks and ids say.
pub async fn history_is_oldest_first_across_runs<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let runs = backward_runs(&*store, &scope).await;
    for (n, run) in runs.iter().enumerate().rev() {
        let step = |seq: i64| RunItem { title: Some(format!("{n}.{seq}").into()), ..item(seq, "r1") };
        record(&*store, &scope, *run, &[step(1), step(2)]).await;
    }
    let read = history(&*store, &scope, "r1").await;
    let order: Vec<_> = read.iter().map(|recorded| recorded.item.title.as_deref().unwrap()).collect();
    assert_eq!(order, ["0.1", "0.2", "1.1", "1.2", "2.1", "2.2"]);
}

/// A record's history takes in every subscription of its connection and entity, and nothing of another connection
/// or entity.
pub async fn history_is_of_the_connection_and_entity<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let mut second = super::setup::subscription(None, "connection");
    second.adapter = "suite-cdc".to_owned();
    commit(&*store, async |tx| store.add_subscription(tx, &second).await.unwrap()).await;
    let by_cdc = super::setup::scope_of(&second);
    let elsewhere = subscribe_as(&*store, None, "other").await;
    let other_entity = Scope { entity: "sample_parent", ..scope.clone() };
    for (scope, title) in
        [(&scope, "poll"), (&by_cdc, "cdc"), (&elsewhere, "elsewhere"), (&other_entity, "other")]
    {
        let run = open_run(&*store, scope).await;
        record(&*store, scope, run, &[RunItem { title: Some(title.into()), ..item(1, "r1") }]).await;
    }
    for seen_from in [&scope, &by_cdc] {
        let read = history(&*store, seen_from, "r1").await;
        let titles: Vec<_> = read.iter().map(|recorded| recorded.item.title.as_deref().unwrap()).collect();
        assert_eq!(titles, ["poll", "cdc"]);
    }
}

/// R16: folding a record's history gives its values exactly, of every kind, custom fields included, and what it was
/// at an earlier time.
pub async fn history_folds_to_the_exact_state<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let run = open_run(&*store, &scope).await;
    let mut created = ChangedFields::default();
    for (name, value) in values_of_every_kind() {
        created.push(name, FieldValue::Null, value);
    }
    let mut updated = ChangedFields::default();
    updated.push("amount", FieldValue::Int(i64::MIN), FieldValue::Null);
    updated.push("custom.Region__c", FieldValue::Text("Süd".to_owned()), FieldValue::Text("7.10".to_owned()));
    let items = [
        RunItem { changed_fields: created, ..item(1, "r1") },
        RunItem { operation: Operation::Updated, changed_fields: updated, ..item(2, "r1") },
    ];
    record_at(&*store, &scope, run, &items[..1], 1).await;
    record_at(&*store, &scope, run, &items[1..], 2).await;
    let read = history(&*store, &scope, "r1").await;
    let expected = |item: &RunItem| RecordedItem { run, recorded_at: at(item.seq), item: item.clone() };
    let expected = items.each_ref().map(expected);
    for until in [Some(at(1)), None] {
        let (kept, wanted) = (fold(&read, until).unwrap(), fold(&expected, until).unwrap());
        assert_eq!(kept.differences(&wanted), Vec::<String>::new());
    }
    let now = fold(&read, None).unwrap();
    assert!(!now.fields.contains_key("amount"));
    assert_eq!(now.fields["custom.Region__c"], FieldValue::Text("7.10".to_owned()));
    assert!(fold(&read, Some(at(0))).is_none());
}

/// A history of thousands of steps is answered whole.
pub async fn long_history_is_whole<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let run = open_run(&*store, &scope).await;
    let step = |seq: i64| RunItem { changed_fields: name_change("a", &seq.to_string()), ..item(seq, "r1") };
    record(&*store, &scope, run, &(1..=2_000).map(step).collect::<Vec<_>>()).await;
    let failed = RunItem { status: ItemStatus::Failed, ..item(2_001, "r1") };
    record(&*store, &scope, run, &[failed]).await;
    let read = history(&*store, &scope, "r1").await;
    assert!(read.iter().map(|recorded| recorded.item.seq).eq(1..=2_000));
}

fn values_of_every_kind() -> [(&'static str, FieldValue); 9] {
    [
        ("name", FieldValue::Text("0012 'ünï' \" \\ 🦀".to_owned())),
        ("active", FieldValue::Bool(true)),
        ("amount", FieldValue::Int(i64::MIN)),
        ("price", FieldValue::Decimal(Decimal::from_str_exact("79228162514264337593543950.335").unwrap())),
        ("day", FieldValue::Date("0001-02-03".parse().unwrap())),
        ("moment", FieldValue::Instant(DateTime::from_timestamp(-1, 999_999_000).unwrap())),
        ("details", FieldValue::Json(json!({"b": [1, {"a": null}], "a": "x"}))),
        ("parent", FieldValue::Text("p1".to_owned())),
        ("custom.Region__c", FieldValue::Text("Süd".to_owned())),
    ]
}

/// Three runs whose ids and clocks fall while they are opened.
async fn backward_runs<S: Store>(store: &S, scope: &Scope) -> Vec<RunId> {
    let base = Uuid::now_v7().as_u128();
    let mut opened = Vec::new();
    for n in 0..3_u8 {
        let run = NewRun {
            id: RunId(Uuid::from_u128(base - u128::from(n))),
            started_at: at(-i64::from(n)),
            ..new_run()
        };
        commit(store, async |tx| store.open_run(tx, scope, &run).await.unwrap()).await;
        opened.push(run.id);
    }
    opened
}

async fn record<S: Store>(store: &S, scope: &Scope, run: RunId, items: &[RunItem]) {
    record_at(store, scope, run, items, 1).await;
}

async fn record_at<S: Store>(store: &S, scope: &Scope, run: RunId, items: &[RunItem], seconds: i64) {
    commit(store, async |tx| store.record_items(tx, scope, run, items, at(seconds)).await.unwrap()).await;
}

async fn history<S: Store>(store: &S, scope: &Scope, id: &str) -> Vec<RecordedItem> {
    let mut tx = store.begin_across_tenants().await.unwrap();
    store.history(&mut tx, scope, &ExternalId::from(id)).await.unwrap()
}
