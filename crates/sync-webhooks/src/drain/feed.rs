//! One subscription's notices, applied.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sync_core::{
    Action, Canonical, CarriedRecords, ExecuteSync, Provider, RecordFetcher, Retry, RunFailure, RunReport,
    RunRequest, StoreError, Subscription, SubscriptionId, SubscriptionStore, SyncError, TenantId, UnitOfWork,
    WaitingNotice, WebhookInbox,
};
use tokio_util::sync::CancellationToken;

use super::source::InboxSource;

/// Notices per run: small enough that the first of a burst don't wait for the last.
const BATCH: u32 = 500;

/// A feed whose notices are applied, whatever it is of. What a [`Drainer`](super::Drainer) holds.
#[async_trait]
pub trait DrainFeed: Send + Sync {
    /// Which feed.
    fn subscription(&self) -> SubscriptionId;

    /// Whose.
    fn tenant(&self) -> Option<TenantId>;

    /// Applies what waits, up to some hundred notices, in one run.
    ///
    /// # Errors
    /// [`DrainError`]; what was not settled waits on.
    async fn drain(&self, cancel: CancellationToken) -> Result<Drained, DrainError>;
}

/// What became of the notices that waited.
#[derive(Debug)]
pub enum Drained {
    /// None waited.
    Nothing,
    /// They were applied.
    Applied {
        /// How many notices the run took.
        n_notices: usize,
        /// Whether more may wait.
        more: bool,
        /// The run.
        report: Box<RunReport>,
    },
    /// Another run of the subscription is under way: soon.
    Busy,
    /// The subscription is paused: when it is resumed.
    Paused,
}

/// Notices were not applied. They wait on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DrainError {
    /// The store could not be read.
    #[error("the notices that wait can't be read")]
    Store(#[from] StoreError),
    /// No run could be carried out.
    #[error("the notices could not be applied")]
    Sync(#[source] SyncError),
    /// The run ended early.
    #[error("the run that applied the notices ended early")]
    Run(#[source] RunFailure),
    /// The run ended well and settled nothing: its engine was built without the store's inbox.
    #[error("the run settled none of its notices; build the engine with `inbox(store)`")]
    NotSettled,
    /// There is no such subscription any more.
    #[error("the subscription {0} is not there any more")]
    NoSubscription(SubscriptionId),
}

impl DrainError {
    /// How long to wait at least, where the provider said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let Self::Run(RunFailure::Source(source)) = self else { return None };
        match source.retry() {
            Retry::After(wait) => Some(wait),
            Retry::Soon | Retry::Never => None,
        }
    }
}

/// Applies what waits for one subscription, by its engine.
pub struct Drain<T: Canonical, S: UnitOfWork> {
    store: Arc<S>,
    engine: Arc<ExecuteSync<T, S>>,
    subscription: Subscription,
    provider: Provider,
    fetcher: Arc<dyn RecordFetcher<T>>,
    carried: Option<Arc<dyn CarriedRecords<T>>>,
    batch: u32,
}

impl<T, S> Drain<T, S>
where
    T: Canonical,
    S: UnitOfWork + SubscriptionStore<S::Tx> + WebhookInbox<S::Tx>,
{
    /// Applies by `engine`, which has to be built with this store as its
    /// [`inbox`](sync_core::ExecuteSyncBuilder::inbox), and reads records through `fetcher`.
    pub fn new(
        store: Arc<S>,
        engine: Arc<ExecuteSync<T, S>>,
        subscription: Subscription,
        provider: impl Into<Provider>,
        fetcher: Arc<dyn RecordFetcher<T>>,
    ) -> Self {
        let provider = provider.into();
        Self { store, engine, subscription, provider, fetcher, carried: None, batch: BATCH }
    }

    /// Uses what notices carry. By default a notice is a hint, and the record is read.
    #[must_use]
    pub fn carried(mut self, carried: Arc<dyn CarriedRecords<T>>) -> Self {
        self.carried = Some(carried);
        self
    }

    /// At most this many notices per run. Default 500.
    #[must_use]
    pub fn batch(mut self, notices: u32) -> Self {
        self.batch = notices.max(1);
        self
    }

    /// What waits, with the subscription as it is now.
    async fn waiting(&self) -> Result<(Vec<WaitingNotice>, Subscription), DrainError> {
        let (tenant, id) = (self.subscription.tenant.as_ref(), self.subscription.id);
        let mut tx = self.store.begin_for(tenant).await?;
        let waiting = self.store.waiting(&mut tx, tenant, id, self.batch).await?;
        let subscription = match waiting.first() {
            Some(_) => self.store.subscription(&mut tx, tenant, id).await?,
            None => Some(self.subscription.clone()),
        };
        self.store.rollback(tx).await?;
        Ok((waiting, subscription.ok_or(DrainError::NoSubscription(id))?))
    }
}

#[async_trait]
impl<T, S> DrainFeed for Drain<T, S>
where
    T: Canonical,
    S: UnitOfWork + SubscriptionStore<S::Tx> + WebhookInbox<S::Tx>,
{
    fn subscription(&self) -> SubscriptionId {
        self.subscription.id
    }

    fn tenant(&self) -> Option<TenantId> {
        self.subscription.tenant.clone()
    }

    async fn drain(&self, cancel: CancellationToken) -> Result<Drained, DrainError> {
        let (waiting, subscription) = self.waiting().await?;
        let Some(first) = waiting.first().map(|w| w.position) else { return Ok(Drained::Nothing) };
        let n_notices = waiting.len();
        let source = InboxSource::new(waiting, Arc::clone(&self.fetcher), self.carried.clone());
        let request = RunRequest::new(subscription, self.provider.clone())
            .action(Action::Webhook)
            .source_override(Arc::new(source))
            .cancel(cancel);
        let report = match self.engine.execute(request).await {
            Ok(report) => report,
            Err(SyncError::AlreadyRunning { .. }) => return Ok(Drained::Busy),
            Err(SyncError::Paused) => return Ok(Drained::Paused),
            Err(error) => return Err(DrainError::Sync(error)),
        };
        match report.failure {
            // What failed is parked, and tried again by later runs of any kind.
            None | Some(RunFailure::AllFailed(_)) => {}
            Some(failure) => return Err(DrainError::Run(failure)),
        }
        let left = self.waiting().await?.0;
        if left.first().is_some_and(|w| w.position == first) {
            return Err(DrainError::NotSettled);
        }
        Ok(Drained::Applied {
            n_notices,
            more: !left.is_empty(),
            report: Box::new(RunReport { failure: None, ..report }),
        })
    }
}
