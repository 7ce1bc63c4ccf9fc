//! The audit's writing side.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{Counts, Cursor, NewRun, RunEnd, RunId, RunItem, Scope, StoreError};

/// Records runs and their items.
///
/// - **INV-REC-1** Items become visible with the batch they belong to, in the order given.
/// - **INV-REC-2** A batch number is accepted once: a commit whose answer was lost is not repeated.
/// - **INV-REC-3** A run that ended stays as it ended.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait RunRecorder<Tx: Send + Sync + 'static>: Send + Sync {
    /// Opens a run as `running` (R2).
    ///
    /// # Errors
    /// [`StoreError::MissingTenantId`] at the store's own boundary (R1).
    async fn open_run(&self, tx: &mut Tx, scope: &Scope, run: &NewRun) -> Result<(), StoreError>;

    /// Closes runs of this subscription that a dead process left `running`, as failed with this error, and
    /// names them (R12). Their counts and cursor are those of their last committed batch.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn close_stale_runs(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        at: DateTime<Utc>,
        error: &str,
    ) -> Result<Vec<RunId>, StoreError>;

    /// Records items of a run.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn record_items(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        run: RunId,
        items: &[RunItem],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Notes that batch `batch` (from 1) of the run is part of this transaction, with the counts and the
    /// cursor so far. Answers `false`, and writes nothing, when that batch was committed already: the
    /// answer to an earlier commit was lost, and everything of this transaction has to be dropped.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when the run was closed meanwhile.
    async fn record_progress<'a>(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        run: RunId,
        batch: i64,
        counts: &Counts,
        cursor: Option<&'a Cursor>,
    ) -> Result<bool, StoreError>;

    /// Ends a run (R2).
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when it was closed by another already.
    async fn close_run(&self, tx: &mut Tx, scope: &Scope, run: RunId, end: &RunEnd)
    -> Result<(), StoreError>;
}
