//! The engine at its real job, as an application would put it together.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, bail};
use chrono::Utc;
use provider_salesforce::{FromSalesforce, SalesforceClient, SalesforcePollSource};
use sync_auth::{Authenticator, MemoryTokenStore, SecretString, StaticToken};
use sync_core::{
    EngineOptions, ExecuteSync, NoopPolicy, ReadMode, RunReport, RunRequest, RunStatus, Subscription,
    SubscriptionId, SubscriptionStore, SyncSink, UnitOfWork,
};
use sync_postgres::{PgStore, PgTx};
use uuid::Uuid;

use crate::feed::Door;
use crate::measure::Outcome;

/// Connects to one schema.
pub(crate) async fn store(database_url: &str, schema: &str) -> Result<Arc<PgStore>> {
    Ok(Arc::new(PgStore::builder(database_url).schema(schema).connect().await?))
}

/// Creates the tables and loads what opportunities link to; not part of what is measured.
pub(crate) async fn prepare(door: &Door, database_url: &str, schema: &str) -> Result<()> {
    let store = store(database_url, schema).await?;
    store.migrate().await?;
    sync(door, &store, entity_user::postgres_sink(), NoopPolicy::Record).await?;
    sync(door, &store, entity_account::postgres_sink(), NoopPolicy::Record).await?;
    Ok(())
}

/// Syncs all opportunities and says how long it took.
pub(crate) async fn run(door: &Door, database_url: &str, schema: &str, noops: NoopPolicy) -> Result<Outcome> {
    let store = store(database_url, schema).await?;
    let started = Instant::now();
    let report = sync(door, &store, entity_opportunity::postgres_sink(), noops).await?;
    let counts = report.counts;
    Ok(Outcome::new(usize::try_from(counts.found)?, usize::try_from(counts.applied())?, started.elapsed()))
}

async fn sync<T, K>(door: &Door, store: &Arc<PgStore>, sink: K, noops: NoopPolicy) -> Result<RunReport>
where
    T: FromSalesforce,
    K: SyncSink<T, PgTx> + 'static,
{
    let token = StaticToken::new(SecretString::from(door.token.clone()), Some(door.url.parse()?));
    let auth = Authenticator::new("org".into(), token, MemoryTokenStore::default());
    let client = SalesforceClient::builder(auth).build()?;
    let subscription = subscribe::<T>(store).await?;
    let engine = ExecuteSync::builder()
        .store(Arc::clone(store))
        .source(Arc::new(SalesforcePollSource::<T>::new(client)))
        .sink(Arc::new(sink))
        .options(EngineOptions { noops, ..EngineOptions::default() })
        .build()?;
    let report = engine.execute(RunRequest::new(subscription, "salesforce").mode(ReadMode::Full)).await?;
    match (&report.status, &report.failure) {
        (RunStatus::Success | RunStatus::NoChanges, _) => Ok(report),
        (_, failure) => bail!("the run ended badly: {failure:?}"),
    }
}

async fn subscribe<T: FromSalesforce>(store: &PgStore) -> Result<Subscription> {
    let subscription = Subscription {
        id: SubscriptionId(Uuid::now_v7()),
        tenant: None,
        connection: "org".into(),
        adapter: "salesforce-poll".to_owned(),
        domain: T::ENTITY.to_owned(),
        external_ref: None,
        paused: false,
        cursor: None,
        created_at: Utc::now(),
    };
    let mut tx = store.begin().await?;
    let subscription = store.add_subscription(&mut tx, &subscription).await?;
    store.commit(tx).await?;
    Ok(subscription)
}
