//! Everything the engine needs of one store, in one bound.

use std::sync::Arc;

use crate::{
    AuditLog, ChangeEmitter, ConflictStore, CursorStore, DeadLetterStore, FieldCatalog, LeaseStore,
    LocalChangeStore, RunRecorder, SubscriptionStore, UnitOfWork, WebhookInbox,
};

/// A store that has every port. Implemented for any type that has them.
pub trait Store:
    UnitOfWork
    + SubscriptionStore<<Self as UnitOfWork>::Tx>
    + CursorStore<<Self as UnitOfWork>::Tx>
    + RunRecorder<<Self as UnitOfWork>::Tx>
    + AuditLog<<Self as UnitOfWork>::Tx>
    + DeadLetterStore<<Self as UnitOfWork>::Tx>
    + LeaseStore<<Self as UnitOfWork>::Tx>
    + FieldCatalog<<Self as UnitOfWork>::Tx>
{
}

impl<S> Store for S where
    S: UnitOfWork
        + SubscriptionStore<<S as UnitOfWork>::Tx>
        + CursorStore<<S as UnitOfWork>::Tx>
        + RunRecorder<<S as UnitOfWork>::Tx>
        + AuditLog<<S as UnitOfWork>::Tx>
        + DeadLetterStore<<S as UnitOfWork>::Tx>
        + LeaseStore<<S as UnitOfWork>::Tx>
        + FieldCatalog<<S as UnitOfWork>::Tx>
{
}

/// The store ports an engine holds, each replaceable on its own.
pub struct StorePorts<S: UnitOfWork> {
    /// Transactions.
    pub unit_of_work: Arc<S>,
    /// Positions.
    pub cursors: Arc<dyn CursorStore<S::Tx>>,
    /// Runs and items.
    pub recorder: Arc<dyn RunRecorder<S::Tx>>,
    /// Parked changes.
    pub dead_letters: Arc<dyn DeadLetterStore<S::Tx>>,
    /// Leases.
    pub leases: Arc<dyn LeaseStore<S::Tx>>,
    /// Events, where the application wants them.
    pub emitter: Option<Arc<dyn ChangeEmitter<S::Tx>>>,
    /// Notices of webhooks, where runs apply them: each is settled in the transaction of its batch.
    pub inbox: Option<Arc<dyn WebhookInbox<S::Tx>>>,
}

impl<S: UnitOfWork> Clone for StorePorts<S> {
    fn clone(&self) -> Self {
        Self {
            unit_of_work: Arc::clone(&self.unit_of_work),
            cursors: Arc::clone(&self.cursors),
            recorder: Arc::clone(&self.recorder),
            dead_letters: Arc::clone(&self.dead_letters),
            leases: Arc::clone(&self.leases),
            emitter: self.emitter.clone(),
            inbox: self.inbox.clone(),
        }
    }
}

impl<S: Store> StorePorts<S> {
    /// All ports from one store, without an emitter and an inbox.
    pub fn of(store: Arc<S>) -> Self {
        Self {
            cursors: Arc::clone(&store) as Arc<dyn CursorStore<S::Tx>>,
            recorder: Arc::clone(&store) as Arc<dyn RunRecorder<S::Tx>>,
            dead_letters: Arc::clone(&store) as Arc<dyn DeadLetterStore<S::Tx>>,
            leases: Arc::clone(&store) as Arc<dyn LeaseStore<S::Tx>>,
            emitter: None,
            inbox: None,
            unit_of_work: store,
        }
    }
}

/// A store that keeps what writeback needs. Implemented for any type that has the ports.
pub trait WritebackStore:
    UnitOfWork + LocalChangeStore<<Self as UnitOfWork>::Tx> + ConflictStore<<Self as UnitOfWork>::Tx>
{
}

impl<S> WritebackStore for S where
    S: UnitOfWork + LocalChangeStore<<S as UnitOfWork>::Tx> + ConflictStore<<S as UnitOfWork>::Tx>
{
}

/// The ports of writeback, each replaceable on its own.
pub struct WritebackPorts<S: UnitOfWork> {
    /// Edits and how their sending stands.
    pub changes: Arc<dyn LocalChangeStore<S::Tx>>,
    /// Questions for a person.
    pub conflicts: Arc<dyn ConflictStore<S::Tx>>,
}

impl<S: UnitOfWork> Clone for WritebackPorts<S> {
    fn clone(&self) -> Self {
        Self { changes: Arc::clone(&self.changes), conflicts: Arc::clone(&self.conflicts) }
    }
}

impl<S: WritebackStore> WritebackPorts<S> {
    /// All from one store.
    pub fn of(store: Arc<S>) -> Self {
        Self { changes: Arc::clone(&store) as _, conflicts: store }
    }
}
