//! Accounts: the stores that keep them, and where they come from.

pub use entity_account::Account;

use sync_core::{ExecuteSyncBuilder, Store};
#[cfg(feature = "provider-salesforce")]
use {
    crate::WiringError,
    provider_salesforce::SalesforceClient,
    sync_core::{Brake, ExecuteSync, ReconcileSource, Subscription},
};

use crate::{EntityStore, SyncModule};

impl<S: Store + EntityStore<Account>> SyncModule<S> {
    /// Starts the engine of accounts. It lacks a source.
    #[must_use]
    pub fn account(&self) -> ExecuteSyncBuilder<Account, S> {
        self.engine()
    }
}

/// Salesforce's accounts into this module's store.
///
/// # Errors
/// [`WiringError`] names what is missing.
#[cfg(feature = "provider-salesforce")]
pub fn account_from_salesforce<S: EntityStore<Account>>(
    module: &SyncModule<S>,
    crm: &SalesforceClient,
) -> Result<ExecuteSync<Account, S>, WiringError> {
    crate::salesforce::engine(module, crm)
}

/// Compares Salesforce's accounts with this module's store; see [`reconcile`](crate::salesforce::reconcile).
#[cfg(feature = "provider-salesforce")]
#[must_use]
pub fn account_reconcile_from_salesforce<S: EntityStore<Account>>(
    module: &SyncModule<S>,
    crm: &SalesforceClient,
    subscription: &Subscription,
    brake: Brake,
) -> ReconcileSource<Account, S> {
    crate::salesforce::reconcile(module, crm, subscription, brake)
}

#[cfg(feature = "store-memory")]
impl EntityStore<Account> for sync_memory::MemoryStore {
    type Sink = sync_memory::MemorySink<Account>;

    fn sink(&self) -> Self::Sink {
        entity_account::memory_sink(self)
    }
}

#[cfg(feature = "store-sqlite")]
impl EntityStore<Account> for sync_sqlite::SqliteStore {
    type Sink = sync_sqlite::SqliteTableSink<Account>;

    fn sink(&self) -> Self::Sink {
        entity_account::sqlite_sink()
    }
}

#[cfg(feature = "store-postgres")]
impl EntityStore<Account> for sync_postgres::PgStore {
    type Sink = sync_postgres::PgTableSink<Account>;

    fn sink(&self) -> Self::Sink {
        entity_account::postgres_sink()
    }
}
