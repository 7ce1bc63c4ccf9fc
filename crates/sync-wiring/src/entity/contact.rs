//! Contacts: the stores that keep them, and where they come from.

pub use entity_contact::Contact;

use sync_core::{ExecuteSyncBuilder, Store};
#[cfg(feature = "provider-salesforce")]
use {
    crate::WiringError,
    provider_salesforce::SalesforceClient,
    sync_core::{Brake, ExecuteSync, ReconcileSource, Subscription},
};

use crate::{EntityStore, SyncModule};

impl<S: Store + EntityStore<Contact>> SyncModule<S> {
    /// Starts the engine of contacts. It lacks a source.
    #[must_use]
    pub fn contact(&self) -> ExecuteSyncBuilder<Contact, S> {
        self.engine()
    }
}

/// Salesforce's contacts into this module's store.
///
/// # Errors
/// [`WiringError`] names what is missing.
#[cfg(feature = "provider-salesforce")]
pub fn contact_from_salesforce<S: EntityStore<Contact>>(
    module: &SyncModule<S>,
    crm: &SalesforceClient,
) -> Result<ExecuteSync<Contact, S>, WiringError> {
    crate::salesforce::engine(module, crm)
}

/// Compares Salesforce's contacts with this module's store; see [`reconcile`](crate::salesforce::reconcile).
#[cfg(feature = "provider-salesforce")]
#[must_use]
pub fn contact_reconcile_from_salesforce<S: EntityStore<Contact>>(
    module: &SyncModule<S>,
    crm: &SalesforceClient,
    subscription: &Subscription,
    brake: Brake,
) -> ReconcileSource<Contact, S> {
    crate::salesforce::reconcile(module, crm, subscription, brake)
}

#[cfg(feature = "store-memory")]
impl EntityStore<Contact> for sync_memory::MemoryStore {
    type Sink = sync_memory::MemorySink<Contact>;

    fn sink(&self) -> Self::Sink {
        entity_contact::memory_sink(self)
    }
}

#[cfg(feature = "store-sqlite")]
impl EntityStore<Contact> for sync_sqlite::SqliteStore {
    type Sink = sync_sqlite::SqliteTableSink<Contact>;

    fn sink(&self) -> Self::Sink {
        entity_contact::sqlite_sink()
    }
}

#[cfg(feature = "store-postgres")]
impl EntityStore<Contact> for sync_postgres::PgStore {
    type Sink = sync_postgres::PgTableSink<Contact>;

    fn sink(&self) -> Self::Sink {
        entity_contact::postgres_sink()
    }
}
