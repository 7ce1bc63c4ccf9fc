//! Users: the stores that keep them, and where they come from.

pub use entity_user::User;

use sync_core::{ExecuteSyncBuilder, Store};
#[cfg(feature = "provider-salesforce")]
use {
    crate::WiringError,
    provider_salesforce::SalesforceClient,
    sync_core::{Brake, ExecuteSync, ReconcileSource, Subscription},
};

use crate::{EntityStore, SyncModule};

impl<S: Store + EntityStore<User>> SyncModule<S> {
    /// Starts the engine of users. It lacks a source.
    #[must_use]
    pub fn user(&self) -> ExecuteSyncBuilder<User, S> {
        self.engine()
    }
}

/// Salesforce's users into this module's store.
///
/// # Errors
/// [`WiringError`] names what is missing.
#[cfg(feature = "provider-salesforce")]
pub fn user_from_salesforce<S: EntityStore<User>>(
    module: &SyncModule<S>,
    crm: &SalesforceClient,
) -> Result<ExecuteSync<User, S>, WiringError> {
    crate::salesforce::engine(module, crm)
}

/// Compares Salesforce's users with this module's store; see [`reconcile`](crate::salesforce::reconcile).
#[cfg(feature = "provider-salesforce")]
#[must_use]
pub fn user_reconcile_from_salesforce<S: EntityStore<User>>(
    module: &SyncModule<S>,
    crm: &SalesforceClient,
    subscription: &Subscription,
    brake: Brake,
) -> ReconcileSource<User, S> {
    crate::salesforce::reconcile(module, crm, subscription, brake)
}

#[cfg(feature = "store-memory")]
impl EntityStore<User> for sync_memory::MemoryStore {
    type Sink = sync_memory::MemorySink<User>;

    fn sink(&self) -> Self::Sink {
        entity_user::memory_sink(self)
    }
}

#[cfg(feature = "store-sqlite")]
impl EntityStore<User> for sync_sqlite::SqliteStore {
    type Sink = sync_sqlite::SqliteTableSink<User>;

    fn sink(&self) -> Self::Sink {
        entity_user::sqlite_sink()
    }
}

#[cfg(feature = "store-postgres")]
impl EntityStore<User> for sync_postgres::PgStore {
    type Sink = sync_postgres::PgTableSink<User>;

    fn sink(&self) -> Self::Sink {
        entity_user::postgres_sink()
    }
}
