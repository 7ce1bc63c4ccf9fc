//! Opportunities: the stores that keep them, and where they come from.

pub use entity_opportunity::Opportunity;

use sync_core::{ExecuteSyncBuilder, Store};
#[cfg(feature = "provider-salesforce")]
use {
    crate::WiringError,
    provider_salesforce::SalesforceClient,
    sync_core::{Brake, ExecuteSync, ReconcileSource, Subscription},
};

use crate::{EntityStore, SyncModule};

impl<S: Store + EntityStore<Opportunity>> SyncModule<S> {
    /// Starts the engine of opportunities. It lacks a source.
    #[must_use]
    pub fn opportunity(&self) -> ExecuteSyncBuilder<Opportunity, S> {
        self.engine()
    }
}

/// Salesforce's opportunities into this module's store.
///
/// # Errors
/// [`WiringError`] names what is missing.
#[cfg(feature = "provider-salesforce")]
pub fn opportunity_from_salesforce<S: EntityStore<Opportunity>>(
    module: &SyncModule<S>,
    crm: &SalesforceClient,
) -> Result<ExecuteSync<Opportunity, S>, WiringError> {
    crate::salesforce::engine(module, crm)
}

/// Compares Salesforce's opportunities with this module's store; see [`reconcile`](crate::salesforce::reconcile).
#[cfg(feature = "provider-salesforce")]
#[must_use]
pub fn opportunity_reconcile_from_salesforce<S: EntityStore<Opportunity>>(
    module: &SyncModule<S>,
    crm: &SalesforceClient,
    subscription: &Subscription,
    brake: Brake,
) -> ReconcileSource<Opportunity, S> {
    crate::salesforce::reconcile(module, crm, subscription, brake)
}

#[cfg(feature = "store-memory")]
impl EntityStore<Opportunity> for sync_memory::MemoryStore {
    type Sink = sync_memory::MemorySink<Opportunity>;

    fn sink(&self) -> Self::Sink {
        entity_opportunity::memory_sink(self)
    }
}

#[cfg(feature = "store-sqlite")]
impl EntityStore<Opportunity> for sync_sqlite::SqliteStore {
    type Sink = sync_sqlite::SqliteTableSink<Opportunity>;

    fn sink(&self) -> Self::Sink {
        entity_opportunity::sqlite_sink()
    }
}

#[cfg(feature = "store-postgres")]
impl EntityStore<Opportunity> for sync_postgres::PgStore {
    type Sink = sync_postgres::PgTableSink<Opportunity>;

    fn sink(&self) -> Self::Sink {
        entity_opportunity::postgres_sink()
    }
}
