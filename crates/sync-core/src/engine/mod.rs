//! The engine: one run of one subscription, told top to bottom.
//!
//! [`ExecuteSync::execute`] opens a run, finds out what creates in doubt have made, tries parked changes again, then takes batch after batch from the
//! source: echoes are told, rows found, differences decided, rows written, items recorded, events
//! emitted and the cursor moved, in one transaction per batch; at last the books are checked and the run is
//! closed.

/// A place where a test may stop the world. Nothing at all unless the feature `failpoints` is on.
macro_rules! failpoint {
    ($name:literal) => {
        #[cfg(feature = "failpoints")]
        fail::fail_point!($name);
    };
}

mod batch;
mod builder;
mod intake;
mod lifecycle;
mod notices;
mod options;
mod parked;
mod plan;
mod preview;
mod reconcile;
mod request;
mod run;
mod settle;
mod split;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

pub use builder::{BuildError, ExecuteSyncBuilder};
pub use options::{AllFailedPolicy, EngineOptions, FailurePolicy, NoopPolicy};
pub use preview::{Preview, PreviewItem};
pub use reconcile::{Brake, ReconcileSource};
pub use request::{ReadMode, RunFailure, RunObserver, RunReport, RunRequest};

use self::batch::BatchError;
pub(crate) use self::batch::count;
use self::intake::Intake;
pub(crate) use self::run::{ActiveRun, Committed};
pub(crate) use self::split::{Rows, Writer};
use crate::writeback::PendingEdits;
use crate::{
    Canonical, Change, ChangeSource, Clock, ContractedFields, ExternalId, FieldDiffer, HolderId, IdGenerator,
    Jitter, LayeredSource, LoopbackFingerprintStore, RecordFetcher, RemoteWriter, Retry, SourceError,
    StoreError, StorePorts, SyncError, SyncSink, UnitOfWork,
};

/// Syncs one entity into one store. Made by [`ExecuteSync::builder`]; shared freely, one run per
/// subscription at a time.
pub struct ExecuteSync<T: Canonical, S: UnitOfWork> {
    pub(crate) ports: StorePorts<S>,
    source: Option<Arc<dyn ChangeSource<T>>>,
    contracts: Option<Arc<ContractedFields<S>>>,
    pub(crate) sink: Arc<dyn SyncSink<T, S::Tx>>,
    pub(crate) differ: Arc<dyn FieldDiffer<T>>,
    loopback: Option<Arc<dyn LoopbackFingerprintStore<T>>>,
    pub(crate) fetcher: Option<Arc<dyn RecordFetcher<T>>>,
    pub(crate) pending: Option<PendingEdits<S>>,
    pub(crate) writer: Option<Arc<dyn RemoteWriter<T>>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdGenerator>,
    pub(crate) jitter: Arc<dyn Jitter>,
    holder: HolderId,
    pub(crate) options: EngineOptions,
}

impl<T: Canonical, S: UnitOfWork> ExecuteSync<T, S> {
    /// Carries out one run. Changes that fail and sources that break off are told in the report, not as
    /// errors: the run was recorded.
    ///
    /// # Errors
    /// [`SyncError`] when no run could be opened (nothing was recorded) or its end could not be recorded (the
    /// next run closes it).
    pub async fn execute(&self, request: RunRequest<T>) -> Result<RunReport, SyncError> {
        self.admit(&request)?;
        let mut run = self.open(&request).await?;
        let failure = self.drive(&mut run, &request).await.err();
        self.close(run, failure).await
    }

    /// The run between its opening and its end.
    async fn drive(&self, run: &mut ActiveRun, request: &RunRequest<T>) -> Result<(), RunFailure> {
        self.settle_doubts(run, request).await?;
        self.retry_parked(run, request).await?;
        let source = self.source_of(request)?;
        let cursor = match request.mode {
            ReadMode::Delta => run.cursor.clone(),
            ReadMode::Full => None,
        };
        let changes = source.list_changes(&request.subscription, cursor.as_ref());
        let mut intake = Intake::start(changes, self.options.batch_size.get(), self.options.linger);
        while let Some(batch) = self.next_batch(run, request, &mut intake).await? {
            self.apply(run, batch, request, false).await?;
        }
        if run.counts.all_failed() {
            return Err(RunFailure::AllFailed(run.counts.found));
        }
        Ok(())
    }

    /// Waits for the next batch, keeping the lease alive meanwhile (R12). `None` at the end.
    async fn next_batch(
        &self,
        run: &ActiveRun,
        request: &RunRequest<T>,
        intake: &mut Intake<T>,
    ) -> Result<Option<Vec<Change<T>>>, RunFailure> {
        loop {
            tokio::select! {
                biased;
                () = request.cancel.cancelled() => return Err(RunFailure::Cancelled),
                next = timeout(run.lease.renew_every(), intake.next()) => match next {
                    Ok(batch) => return batch.transpose().map_err(RunFailure::from),
                    Err(_waited) => match self.renew_lease(run).await {
                        // The next batch renews it too, and proves that it is still ours.
                        Err(error) if error.retry() == Retry::Soon => {
                            tracing::warn!(error = %error, "the lease could not be renewed; trying again");
                        }
                        renewed => renewed?,
                    },
                },
            }
        }
    }

    /// Applies one batch, however often the store has to be asked.
    async fn apply(
        &self,
        run: &mut ActiveRun,
        mut batch: Vec<Change<T>>,
        request: &RunRequest<T>,
        retry: bool,
    ) -> Result<(), RunFailure> {
        let mut attempt = 0;
        loop {
            let error = match self.try_batch(run, &mut batch, retry).await {
                Ok(committed) => {
                    run.absorb(committed);
                    break;
                }
                Err(BatchError::NeedsHydration(ids)) => {
                    self.hydrate(request, &mut batch, &ids).await?;
                    continue;
                }
                Err(BatchError::InDoubt(error, committed)) => {
                    if self.was_committed_after_all(run, &committed, error, &mut attempt).await? {
                        run.absorb(*committed);
                        break;
                    }
                    continue;
                }
                Err(BatchError::Store(error)) => error,
            };
            if !self.waited_for_store(&error, &mut attempt).await {
                return Err(error.into());
            }
        }
        if let Some(observer) = &request.observer {
            observer.batch_committed(&run.counts);
        }
        Ok(())
    }

    /// Finds out what became of a commit whose answer was lost, as soon as the store answers again.
    pub(crate) async fn was_committed_after_all(
        &self,
        run: &ActiveRun,
        committed: &Committed,
        mut error: StoreError,
        attempt: &mut u32,
    ) -> Result<bool, RunFailure> {
        while self.waited_for_store(&error, attempt).await {
            match self.was_committed(run, committed).await {
                Err(again) if again.retry() == Retry::Soon => error = again,
                answer => return answer.map_err(RunFailure::from),
            }
        }
        Err(error.into())
    }

    /// Waits before the store is asked again; `false` when that is no use, by the kind of error or because it
    /// was asked often enough.
    pub(crate) async fn waited_for_store(&self, error: &StoreError, attempt: &mut u32) -> bool {
        *attempt += 1;
        if error.retry() != Retry::Soon || *attempt >= self.options.store_attempts {
            return false;
        }
        tracing::warn!(error = %error, attempt, "the store is unavailable; trying again");
        let doubled = Duration::from_millis(500) * 2_u32.pow((*attempt).min(5));
        tokio::time::sleep(doubled.mul_f64(0.5 + self.jitter.fraction() / 2.0)).await;
        true
    }

    /// Fetches these records whole and puts them in the place of what came of them (R13).
    async fn hydrate(
        &self,
        request: &RunRequest<T>,
        batch: &mut [Change<T>],
        ids: &[ExternalId],
    ) -> Result<(), RunFailure> {
        let Some(fetcher) = &self.fetcher else { return Ok(()) };
        let fetched = fetcher.fetch_many(&request.subscription, ids).await?;
        if parked::replace(batch, ids, fetched) == 0 {
            let reason = format!("no answer for any of {} records", ids.len());
            let code = "NO_ANSWER".to_owned();
            return Err(SourceError::Permanent { call: "fetching records by id", code, reason }.into());
        }
        Ok(())
    }

    fn source_of(&self, request: &RunRequest<T>) -> Result<Arc<dyn ChangeSource<T>>, RunFailure> {
        let brought = request.source_override.clone().map(|source| match &self.contracts {
            Some(contracts) => Arc::new(LayeredSource::new(source, vec![Arc::clone(contracts) as _])) as _,
            None => source,
        });
        brought.or_else(|| self.source.clone()).ok_or_else(|| {
            RunFailure::Source(SourceError::Permanent {
                call: "choosing a source",
                code: "NO_SOURCE".to_owned(),
                reason: "this engine was built without a source; pass one with the request".to_owned(),
            })
        })
    }
}
