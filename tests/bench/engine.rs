//! The engine at its real job, as an application would put it together.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, bail};
use chrono::Utc;
use provider_hubspot::{FromHubspot, HubspotClient, HubspotConfig, HubspotPollSource};
use provider_salesforce::{FromSalesforce, SalesforceClient, SalesforcePollSource};
use sync_auth::{Authenticator, MemoryTokenStore, SecretString, StaticToken};
use sync_core::{
    Canonical, ChangeSource, EngineOptions, ExecuteSync, NoopPolicy, ReadMode, RunReport, RunRequest,
    RunStatus, Subscription, SubscriptionId, SubscriptionStore, SyncSink, UnitOfWork,
};
use sync_postgres::{PgStore, PgTx};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::door::{Crm, Door};
use crate::measure::Outcome;

/// Connects to one schema.
pub(crate) async fn store(database_url: &str, schema: &str) -> Result<Arc<PgStore>> {
    Ok(Arc::new(PgStore::builder(database_url).schema(schema).connect().await?))
}

/// Creates the tables and loads what opportunities link to; not part of what is measured.
pub(crate) async fn prepare(doors: &[Door], database_url: &str, schema: &str) -> Result<()> {
    let store = store(database_url, schema).await?;
    store.migrate().await?;
    for door in doors {
        sync(door, &store, entity_user::postgres_sink(), NoopPolicy::Record).await?;
        sync(door, &store, entity_account::postgres_sink(), NoopPolicy::Record).await?;
    }
    Ok(())
}

/// Syncs all opportunities, of several CRMs at once, and says how long it took.
pub(crate) async fn run(
    doors: &[Door],
    database_url: &str,
    schema: &str,
    noops: NoopPolicy,
) -> Result<Outcome> {
    let store = store(database_url, schema).await?;
    let started = Instant::now();
    let mut sides = JoinSet::new();
    for door in doors {
        let (door, store) = (door.clone(), Arc::clone(&store));
        sides.spawn(async move { sync(&door, &store, entity_opportunity::postgres_sink(), noops).await });
    }
    let (mut n_records, mut n_written) = (0, 0);
    while let Some(side) = sides.join_next().await {
        let counts = side??.counts;
        n_records += usize::try_from(counts.found)?;
        n_written += usize::try_from(counts.applied())?;
    }
    Ok(Outcome::new(n_records, n_written, started.elapsed()))
}

async fn sync<T, K>(door: &Door, store: &Arc<PgStore>, sink: K, noops: NoopPolicy) -> Result<RunReport>
where
    T: FromSalesforce + FromHubspot,
    K: SyncSink<T, PgTx> + 'static,
{
    let subscription = subscribe::<T>(store, door.crm).await?;
    let engine = ExecuteSync::builder()
        .store(Arc::clone(store))
        .source(source::<T>(door)?)
        .sink(Arc::new(sink))
        .options(EngineOptions { noops, ..EngineOptions::default() })
        .build()?;
    let report = engine.execute(RunRequest::new(subscription, door.crm.key()).mode(ReadMode::Full)).await?;
    match (&report.status, &report.failure) {
        (RunStatus::Success | RunStatus::NoChanges, _) => Ok(report),
        (_, failure) => bail!("the run ended badly: {failure:?}"),
    }
}

fn source<T: FromSalesforce + FromHubspot>(door: &Door) -> Result<Arc<dyn ChangeSource<T>>> {
    let token = SecretString::from(door.token.clone());
    let auth = |url| {
        let token = StaticToken::new(token, url);
        Authenticator::new(door.crm.key().into(), token, MemoryTokenStore::default())
    };
    Ok(match door.crm {
        Crm::Salesforce => {
            let client = SalesforceClient::builder(auth(Some(door.url.parse()?))).build()?;
            Arc::new(SalesforcePollSource::<T>::new(client))
        }
        Crm::Hubspot => Arc::new(HubspotPollSource::<T>::new(hubspot_client(door)?)),
    })
}

/// A client of a simulated HubSpot.
pub(crate) fn hubspot_client(door: &Door) -> Result<HubspotClient> {
    let token = StaticToken::new(SecretString::from(door.token.clone()), None);
    let auth = Authenticator::new(door.crm.key().into(), token, MemoryTokenStore::default());
    // The pace of a real account would be all that is measured.
    let config = HubspotConfig {
        base_url: door.url.clone(),
        calls_per_ten_seconds: Some(10_000_000),
        searches_per_second: 1_000_000,
        ..HubspotConfig::default()
    };
    Ok(HubspotClient::builder(auth).config(config).build()?)
}

async fn subscribe<T: Canonical>(store: &PgStore, crm: Crm) -> Result<Subscription> {
    let subscription = Subscription {
        id: SubscriptionId(Uuid::now_v7()),
        tenant: None,
        connection: crm.key().into(),
        adapter: format!("{}-poll", crm.key()),
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
