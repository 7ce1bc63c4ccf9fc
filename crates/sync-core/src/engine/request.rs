//! What a run is asked to do, and what it answers.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{
    Action, ChangeSource, Counts, Cursor, Direction, Provider, RunId, RunStatus, SourceError, StoreError,
    Subscription, TenantId, UserId, error_chain,
};

/// One run of one subscription.
pub struct RunRequest<T> {
    /// Which feed.
    pub subscription: Subscription,
    /// On whose behalf; `system` by default.
    pub user_id: UserId,
    /// From which CRM; written to the rows.
    pub provider: Provider,
    /// Which way. Inbound by default.
    pub direction: Direction,
    /// What set the run off. Polling by default.
    pub action: Action,
    /// Whose data it is; required where tenants are told apart (R1).
    pub tenant_id: Option<TenantId>,
    /// How much is read. Delta by default.
    pub mode: ReadMode,
    /// Reads from here instead of the engine's own source: a webhook's records, a reconciliation.
    pub source_override: Option<Arc<dyn ChangeSource<T>>>,
    /// Ends the run after the batch in hand when it is cancelled (R18).
    pub cancel: CancellationToken,
    /// Told after every batch.
    pub observer: Option<Arc<dyn RunObserver>>,
}

impl<T> RunRequest<T> {
    /// A polling run of `subscription` from `provider`, for the subscription's own tenant.
    pub fn new(subscription: Subscription, provider: impl Into<Provider>) -> Self {
        Self {
            tenant_id: subscription.tenant.clone(),
            subscription,
            user_id: UserId::from("system"),
            provider: provider.into(),
            direction: Direction::Inbound,
            action: Action::Poll,
            mode: ReadMode::Delta,
            source_override: None,
            cancel: CancellationToken::new(),
            observer: None,
        }
    }

    /// Set off by something else than a schedule.
    #[must_use]
    pub fn action(mut self, action: Action) -> Self {
        self.action = action;
        self
    }

    /// Sends changes of the application's own to the CRM; for [`WriteBack`](crate::WriteBack).
    #[must_use]
    pub fn outbound(mut self) -> Self {
        (self.direction, self.action) = (Direction::Outbound, Action::Writeback);
        self
    }

    /// Reads all or only what changed.
    #[must_use]
    pub fn mode(mut self, mode: ReadMode) -> Self {
        self.mode = mode;
        self
    }

    /// Reads from this source.
    #[must_use]
    pub fn source_override(mut self, source: Arc<dyn ChangeSource<T>>) -> Self {
        self.source_override = Some(source);
        self
    }

    /// Ends early when this token is cancelled.
    #[must_use]
    pub fn cancel(mut self, token: CancellationToken) -> Self {
        self.cancel = token;
        self
    }

    /// Reports progress here.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn RunObserver>) -> Self {
        self.observer = Some(observer);
        self
    }
}

/// How much is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadMode {
    /// What changed since the stored cursor.
    #[default]
    Delta,
    /// Everything, from the beginning. The cursor follows along, so that a run that is cut off is resumed
    /// by the next delta.
    Full,
}

/// Hears how a run is going, e.g. for a progress bar. Called between batches: be quick.
pub trait RunObserver: Send + Sync {
    /// A batch was committed; `counts` are the run's so far.
    fn batch_committed(&self, counts: &Counts);
}

/// How a run ended.
#[derive(Debug)]
pub struct RunReport {
    /// The run's id in the audit.
    pub run: RunId,
    /// How it ended; never `running`.
    pub status: RunStatus,
    /// What it did.
    pub counts: Counts,
    /// The position before.
    pub cursor_before: Option<Cursor>,
    /// The position after.
    pub cursor_after: Option<Cursor>,
    /// How long it took.
    pub duration: Duration,
    /// Why it failed or ended early.
    pub failure: Option<RunFailure>,
    /// What it had to do without, e.g. a fingerprint store that was away. The rows are right all the same.
    pub degraded: Option<String>,
}

/// Why a run did not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunFailure {
    /// The source could not go on.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The store could not go on.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Every change failed (R4).
    #[error("all {0} changes failed; see the run's items")]
    AllFailed(u64),
    /// It was asked to stop (R18).
    #[error("cancelled on request; the next run resumes from the cursor")]
    Cancelled,
}

impl RunFailure {
    /// How a run that ended like this stands: a request to stop and a spent API budget are no failures.
    #[must_use]
    pub const fn status(&self) -> RunStatus {
        match self {
            Self::Cancelled | Self::Source(SourceError::BudgetSpent { .. }) => RunStatus::Cancelled,
            _ => RunStatus::Failed,
        }
    }

    /// The whole chain of causes in one line, as it is kept in the audit.
    #[must_use]
    pub fn describe(&self) -> String {
        error_chain(self)
    }
}
