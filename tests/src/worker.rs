//! What a process of its own does: sync all four entities of an org into a store until nothing is left to do.

use std::sync::Arc;
use std::time::Duration;

use entity_account::Account;
use entity_contact::Contact;
use entity_opportunity::Opportunity;
use entity_user::User;
use provider_salesforce::SalesforceClient;
use serde::{Deserialize, Serialize};
use sync_core::{EngineOptions, RunRequest, RunStatus, SyncError, SystemClock};
use sync_postgres::PgStore;
use sync_sqlite::SqliteStoreBuilder;
use sync_wiring::{EntityStore, SyncModule, salesforce};
use tokio::time::sleep;

use crate::client::{self, Login};
use crate::entity::Entity;
use crate::store::Backend;

/// A worker's task, as its only argument.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    /// The org.
    pub login: Login,
    /// The store.
    pub place: Place,
    /// Records per transaction.
    pub batch: usize,
    /// How long its leases live without renewal, milliseconds.
    pub lease_ms: u64,
}

/// Where a worker writes. Tables and subscriptions are there already.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Place {
    /// A file.
    Sqlite(std::path::PathBuf),
    /// A schema of a database.
    Postgres {
        /// The database.
        url: String,
        /// The schema.
        schema: String,
    },
}

/// Carries out a task, and prints `ready` before the first run and `done` after the last.
///
/// # Errors
/// When the store can't be opened at all.
pub async fn work(task: Task) -> anyhow::Result<()> {
    let crm = client::connect(&task.login, Arc::new(SystemClock));
    match &task.place {
        Place::Sqlite(file) => {
            let store = SqliteStoreBuilder::file(file).connect().await?;
            sync_everything(Arc::new(store), &crm, &task).await
        }
        Place::Postgres { url, schema } => {
            let store =
                PgStore::builder(url).schema(schema).application_name(schema).pool_size(2).connect().await?;
            sync_everything(Arc::new(store), &crm, &task).await
        }
    }
}

async fn sync_everything<S: Backend>(
    store: Arc<S>,
    crm: &SalesforceClient,
    task: &Task,
) -> anyhow::Result<()> {
    let options = EngineOptions {
        batch_size: task.batch.try_into()?,
        lease_ttl: Duration::from_millis(task.lease_ms),
        ..EngineOptions::default()
    };
    let module =
        SyncModule::builder().store(S::clone(&store)).options(options).emitter(Arc::clone(&store) as _);
    let module = module.build()?;
    println!("ready");
    sync::<User, S>(&module, crm).await?;
    sync::<Account, S>(&module, crm).await?;
    sync::<Contact, S>(&module, crm).await?;
    sync::<Opportunity, S>(&module, crm).await?;
    println!("done");
    Ok(())
}

/// Tries until a run ends well; a lease of the dead, or of another worker, is waited for.
async fn sync<T: Entity, S: Backend + EntityStore<T>>(
    module: &SyncModule<S>,
    crm: &SalesforceClient,
) -> anyhow::Result<()> {
    let engine = salesforce::engine::<T, S>(module, crm)?;
    loop {
        let mut tx = module.store().begin().await?;
        let subscriptions = module.store().subscriptions(&mut tx, None).await?;
        module.store().rollback(tx).await?;
        let subscription = subscriptions.into_iter().find(|subscription| subscription.domain == T::ENTITY);
        let subscription =
            subscription.ok_or_else(|| anyhow::anyhow!("there is no {} subscription", T::ENTITY))?;
        match engine.execute(RunRequest::new(subscription, salesforce::PROVIDER)).await {
            Ok(report) if matches!(report.status, RunStatus::Success | RunStatus::NoChanges) => return Ok(()),
            Ok(report) => println!("{} failed: {:?}", T::ENTITY, report.failure),
            Err(SyncError::AlreadyRunning { .. }) => {}
            Err(error) => println!("{}: {error}", T::ENTITY),
        }
        sleep(Duration::from_millis(10)).await;
    }
}
