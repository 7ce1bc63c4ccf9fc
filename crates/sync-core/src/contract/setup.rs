//! Steps that many cases begin with.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{
    Action, Direction, ExternalId, NewRun, RunId, Scope, Store, Subscription, SubscriptionId, TenantId,
    UnitOfWork,
};

/// Runs `work` in a transaction of its own and commits.
pub(super) async fn commit<S: UnitOfWork, R>(store: &S, work: impl AsyncFnOnce(&mut S::Tx) -> R) -> R {
    let mut tx = store.begin().await.unwrap();
    let answer = work(&mut tx).await;
    store.commit(tx).await.unwrap();
    answer
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
