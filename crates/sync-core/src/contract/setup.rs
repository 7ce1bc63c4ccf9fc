//! Steps that many cases begin with.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::{
    Action, ChangedFields, Direction, ExternalId, FieldValue, ItemStatus, LocalId, NewRun, Operation,
    RecordedItem, Run, RunId, RunItem, Scope, Store, Subscription, SubscriptionId, TenantId, UnitOfWork,
};

/// Runs `work` in a transaction of its own and commits. It is one across tenants, so that the store's queries alone
/// keep them apart: what confines a tenant's transaction below them has tests of its own.
pub(super) async fn commit<S: UnitOfWork, R>(store: &S, work: impl AsyncFnOnce(&mut S::Tx) -> R) -> R {
    let mut tx = store.begin_across_tenants().await.unwrap();
    let answer = work(&mut tx).await;
    store.commit(tx).await.unwrap();
    answer
}

/// What `work` comes to, which does not take for ever.
pub(super) async fn within<R>(work: impl Future<Output = R>) -> R {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("it is told in time")
}

/// An instant, this many seconds after a fixed one; with microseconds, which a store has to keep.
pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 123_456_000).unwrap() + TimeDelta::seconds(seconds)
}

/// A subscription to samples.
pub(super) fn subscription(tenant: Option<&str>, connection: &str) -> Subscription {
    Subscription {
        id: SubscriptionId(Uuid::now_v7()),
        tenant: tenant.map(TenantId::from),
        connection: connection.into(),
        adapter: "suite-poll".to_owned(),
        domain: "sample".to_owned(),
        external_ref: None,
        paused: false,
        cursor: None,
        created_at: at(0),
    }
}

/// The scope of a subscription.
pub(super) fn scope_of(subscription: &Subscription) -> Scope {
    Scope {
        tenant: subscription.tenant.clone(),
        connection: subscription.connection.clone(),
        subscription: subscription.id,
        entity: "sample",
        provider: "suite".into(),
        user: "system".into(),
    }
}

/// Adds a subscription without tenant and answers its scope.
pub(super) async fn subscribe<S: Store>(store: &S) -> Scope {
    subscribe_as(store, None, "connection").await
}

/// Adds a subscription and answers its scope.
pub(super) async fn subscribe_as<S: Store>(store: &S, tenant: Option<&str>, connection: &str) -> Scope {
    let wanted = subscription(tenant, connection);
    let added = commit(store, async |tx| store.add_subscription(tx, &wanted).await.unwrap()).await;
    scope_of(&added)
}

/// Adds a subscription to another entity of a scope's connection and answers its scope.
pub(super) async fn subscribe_to<S: Store>(store: &S, scope: &Scope, entity: &'static str) -> Scope {
    let tenant = scope.tenant.as_ref().map(TenantId::as_str);
    let own = subscription(tenant, scope.connection.as_str());
    let wanted = Subscription { domain: entity.to_owned(), ..own };
    let added = commit(store, async |tx| store.add_subscription(tx, &wanted).await.unwrap()).await;
    Scope { entity, ..scope_of(&added) }
}

/// A run to be opened.
pub(super) fn new_run() -> NewRun {
    NewRun {
        id: RunId(Uuid::now_v7()),
        direction: Direction::Inbound,
        action: Action::Poll,
        cursor_before: None,
        started_at: at(0),
    }
}

/// Opens a run and answers its id.
pub(super) async fn open_run<S: Store>(store: &S, scope: &Scope) -> RunId {
    let run = new_run();
    commit(store, async |tx| store.open_run(tx, scope, &run).await.unwrap()).await;
    run.id
}

/// `n` external ids: `r00001`, `r00002`, ….
pub(super) fn ids(n: usize) -> Vec<ExternalId> {
    (1..=n).map(|i| ExternalId::from(format!("r{i:05}"))).collect()
}

/// An item that says that a row was created.
pub(super) fn item(seq: i64, id: &str) -> RunItem {
    RunItem {
        seq,
        external_id: id.into(),
        operation: Operation::Created,
        status: ItemStatus::Success,
        local_id: Some(LocalId::from(Uuid::from_u128(seq.unsigned_abs().into()))),
        changed_fields: name_change("", "a"),
        title: None,
        error: None,
        reason: None,
        last_image: None,
    }
}

/// A step of the field `name`.
pub(super) fn name_change(from: &str, to: &str) -> ChangedFields {
    let mut changed = ChangedFields::default();
    changed.push("name", FieldValue::Text(from.to_owned()), FieldValue::Text(to.to_owned()));
    changed
}

/// One item of each kind the engine records.
pub(super) fn items_of_every_kind() -> Vec<RunItem> {
    let created = RunItem { title: Some("Ünïcode 🦀 'quoted'".into()), ..item(1, "r1") };
    let updated =
        RunItem { operation: Operation::Updated, changed_fields: name_change("a", "b"), ..item(2, "r1") };
    let mut image = Map::new();
    image.insert("name".to_owned(), Json::from("b"));
    image.insert("price".to_owned(), Json::from("0.1000"));
    let deleted = RunItem {
        operation: Operation::Deleted,
        changed_fields: ChangedFields::default(),
        reason: Some("feed".into()),
        last_image: Some(image),
        ..item(3, "r1")
    };
    let restored = RunItem { operation: Operation::Restored, ..item(4, "r1") };
    let noop = RunItem {
        operation: Operation::Noop,
        changed_fields: ChangedFields::default(),
        local_id: None,
        ..item(5, "r2")
    };
    let skipped =
        RunItem { status: ItemStatus::Skipped, reason: Some("echo".into()), seq: 6, ..noop.clone() };
    let failed =
        RunItem { status: ItemStatus::Failed, error: Some("name is too long".to_owned()), ..item(7, "r3") };
    vec![created, updated, deleted, restored, noop, skipped, failed]
}

/// The runs of a scope, newest first.
pub(super) async fn read_runs<S: Store>(store: &S, scope: &Scope) -> Vec<Run> {
    let mut tx = store.begin_across_tenants().await.unwrap();
    store.runs(&mut tx, scope, 100).await.unwrap()
}

/// All items of a run.
pub(super) async fn read_items<S: Store>(store: &S, scope: &Scope, run: RunId) -> Vec<RecordedItem> {
    let mut tx = store.begin_across_tenants().await.unwrap();
    store.items(&mut tx, scope, run, 0, 1_000_000).await.unwrap()
}

/// Parses JSON.
pub(super) fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap()
}
