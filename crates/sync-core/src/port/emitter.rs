//! Telling the application.

use async_trait::async_trait;

use crate::{ChangeEvent, Scope, StoreError};

/// Publishes applied changes in the transaction that applied them.
///
/// - **INV-EMT-1** An event of a transaction that was rolled back was never published.
/// - **INV-EMT-2** Events of one record are published in the order of its changes.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait ChangeEmitter<Tx: Send + Sync + 'static>: Send + Sync {
    /// Publishes a batch's events.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn emit(&self, tx: &mut Tx, scope: &Scope, events: &[ChangeEvent]) -> Result<(), StoreError>;
}
