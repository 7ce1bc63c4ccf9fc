//! What a module holds reaches every engine that it makes.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sync_wiring::account::Account;
use sync_wiring::core::{
    Change, Clock, NoopPolicy, ReadMode, RunRequest, Subscription, SubscriptionId, SubscriptionStore,
    SyncError, TenantId, TimeOrderedIds, UnitOfWork,
};
use sync_wiring::core::{EngineOptions, IdGenerator};
use sync_wiring::memory::{MemoryStore, ScriptedSource};
use sync_wiring::{SyncModule, WiringError};

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> DateTime<Utc> {
        "2026-05-01T12:00:00Z".parse().unwrap()
    }
}

fn source() -> Arc<ScriptedSource<Account>> {
    let account = |name: &str| Account { name: Some(name.into()), ..Account::default() };
    Arc::new(ScriptedSource::numbered([
        Change::upsert("001A", account("Acme")),
        Change::upsert("001B", account("Beta")),
    ]))
}

async fn subscription(store: &MemoryStore, tenant: Option<TenantId>) -> Subscription {
    let wanted = Subscription {
        id: SubscriptionId(TimeOrderedIds.next_id()),
        tenant,
        connection: "main".into(),
        adapter: "scripted".into(),
        domain: "account".into(),
        external_ref: None,
        paused: false,
        cursor: None,
        created_at: Stopped.now(),
    };
    let mut tx = store.begin().await.unwrap();
    let added = store.add_subscription(&mut tx, &wanted).await.unwrap();
    store.commit(tx).await.unwrap();
    added
}

#[test]
fn missing_store_is_named() {
    let error = SyncModule::<MemoryStore>::builder().build().err().unwrap();
    assert_eq!(error, WiringError::Missing { what: "the sync module", missing: vec!["store"] });
    assert_eq!(error.to_string(), "the sync module can't be built, these parts are missing: store");
}

#[tokio::test]
async fn clock_and_options_reach_the_engine() {
    let store = MemoryStore::new();
    let module = SyncModule::builder().store(store.clone()).clock(Arc::new(Stopped)).build().unwrap();
    let feed = subscription(&store, None).await;
    let run = async |module: &SyncModule<MemoryStore>| {
        let engine = module.account().source(source()).build().unwrap();
        engine.execute(RunRequest::new(feed.clone(), "test").mode(ReadMode::Full)).await.unwrap()
    };
    let first = run(&module).await;
    assert_eq!(first.counts.created, 2);
    let recorded = store.recorder().runs_for_subscription(feed.id);
    assert_eq!(recorded[0].started_at, Stopped.now());

    let counting = module.with_options(|options| options.noops = NoopPolicy::Count);
    let second = run(&counting).await;
    assert_eq!(second.counts.noop, 2);
    assert!(store.recorder().items_for_run(second.run).is_empty());
    let third = run(&module).await;
    assert_eq!(store.recorder().items_for_run(third.run).len(), 2, "the module itself is as it was");
}

/// R1: told apart by the builder's word, whatever the options say, and for good.
#[tokio::test]
async fn tenants_are_told_apart_by_every_engine() {
    let store = MemoryStore::new();
    let module = SyncModule::builder()
        .store(store.clone())
        .options(EngineOptions { multi_tenant: false, ..EngineOptions::default() })
        .multi_tenant(true)
        .build()
        .unwrap()
        .with_options(|options| options.multi_tenant = false);
    let engine = module.account().source(source()).build().unwrap();
    let nobody = subscription(&store, None).await;
    let refused = engine.execute(RunRequest::new(nobody, "test")).await;
    assert!(matches!(refused, Err(SyncError::MissingTenantId(_))), "{refused:?}");
    let acme = subscription(&store, Some("acme".into())).await;
    let report = engine.execute(RunRequest::new(acme, "test")).await.unwrap();
    assert_eq!(report.counts.created, 2);
}
