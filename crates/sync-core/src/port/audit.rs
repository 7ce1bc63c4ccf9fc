//! The audit's reading side.

use async_trait::async_trait;

use crate::{ExternalId, RecordedItem, Run, RunId, Scope, StoreError};

/// Reads what was recorded.
///
/// - **INV-AUD-1** Only rows of the scope's tenant are seen.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait AuditLog<Tx: Send + Sync + 'static>: Send + Sync {
    /// The runs of the scope's subscription, newest first.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn runs(&self, tx: &mut Tx, scope: &Scope, limit: u32) -> Result<Vec<Run>, StoreError>;

    /// One run's items by number, those after `after_seq`.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn items(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        run: RunId,
        after_seq: i64,
        limit: u32,
    ) -> Result<Vec<RecordedItem>, StoreError>;

    /// Every applied change of one record (no noops, no failures), oldest first, across all runs of the
    /// scope's connection and entity: what [`fold`](crate::history::fold) takes (R16).
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn history(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        external_id: &ExternalId,
    ) -> Result<Vec<RecordedItem>, StoreError>;
}
