//! Group commit: what concurrent calls bring is staged in one transaction per tenant, and only then answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use sync_core::{
    Clock, Notice, Retry, StoreError, SubscriptionId, SystemClock, TenantId, UnitOfWork, WebhookInbox,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::counters::{Counters, add};
use crate::{StageError, Wake};

/// Bytes that one permit of the queue stands for.
const UNIT: usize = 256;

/// How much waits to be staged, and how much is staged at once.
#[derive(Clone, Copy, Debug)]
pub struct StagerOptions {
    /// Bytes of notices that may wait; beyond it calls are put off. Default 32 MiB.
    pub queue_bytes: usize,
    /// Notices per transaction, more only where one call brings more. Default 2,000.
    pub batch: usize,
}

impl Default for StagerOptions {
    fn default() -> Self {
        Self { queue_bytes: 32 * 1024 * 1024, batch: 2_000 }
    }
}

/// Stages notices for many callers at once. Clones share the queue; when the last one is gone, the task stages what
/// is left and ends.
#[derive(Clone)]
pub struct Stager {
    queue: mpsc::UnboundedSender<Delivery>,
    room: Arc<Semaphore>,
    units: usize,
    clock: Arc<dyn Clock>,
}

/// The task behind a [`Stager`].
#[derive(Debug)]
pub struct StagerTask(JoinHandle<()>);

impl StagerTask {
    /// Waits until everything that was queued is staged. Drop every [`Stager`] first.
    pub async fn finished(self) {
        // It ends with its queue; a panic in it was reported when it happened.
        let _ = self.0.await;
    }

    /// The task itself, for who watches over it: while there is a [`Stager`], it only ends by a panic.
    #[must_use]
    pub fn into_handle(self) -> JoinHandle<()> {
        self.0
    }
}

/// What one call brought.
#[derive(Debug)]
struct Delivery {
    notices: Vec<Notice>,
    answer: oneshot::Sender<Result<(), StageError>>,
    /// Held until it is staged.
    _room: OwnedSemaphorePermit,
}

impl Stager {
    /// Starts staging into this store. Counts go to `counters`, and whose notices were new to `wake`.
    pub fn start<S>(
        store: Arc<S>,
        options: StagerOptions,
        counters: Arc<Counters>,
        wake: Arc<Wake>,
    ) -> (Self, StagerTask)
    where
        S: UnitOfWork + WebhookInbox<S::Tx>,
    {
        Self::start_with(store, options, counters, wake, Arc::new(SystemClock))
    }

    /// The same with another clock.
    pub fn start_with<S>(
        store: Arc<S>,
        options: StagerOptions,
        counters: Arc<Counters>,
        wake: Arc<Wake>,
        clock: Arc<dyn Clock>,
    ) -> (Self, StagerTask)
    where
        S: UnitOfWork + WebhookInbox<S::Tx>,
    {
        // The semaphore bounds what is in the channel, by bytes.
        let (queue, deliveries) = mpsc::unbounded_channel();
        let units = (options.queue_bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        let task = Task { store, options, counters, wake, clock: Arc::clone(&clock) };
        let task = StagerTask(tokio::spawn(task.run(deliveries)));
        (Self { queue, room: Arc::new(Semaphore::new(units)), units, clock }, task)
    }

    /// Stages these notices, and answers when they are durable.
    ///
    /// # Errors
    /// [`StageError`]: nothing may be acknowledged.
    pub async fn stage(&self, notices: Vec<Notice>) -> Result<(), StageError> {
        if notices.is_empty() {
            return Ok(());
        }
        let bytes: usize = notices.iter().map(size).sum();
        // One call never needs more room than there is.
        let units = bytes.div_ceil(UNIT).clamp(1, self.units);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(units).map_err(|_| StageError::Full)?;
        let (answer, answered) = oneshot::channel();
        let delivery = Delivery { notices, answer, _room: room };
        self.queue.send(delivery).map_err(|_| StageError::Closed)?;
        answered.await.unwrap_or(Err(StageError::Closed))
    }

    /// The clock by which calls are judged.
    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }
}

/// What a notice takes in memory, about.
fn size(notice: &Notice) -> usize {
    size_of::<Notice>()
        + notice.dedup_key.len()
        + notice.external_id.as_str().len()
        + notice.body.as_ref().map_or(0, |body| body.len())
}

struct Task<S> {
    store: Arc<S>,
    options: StagerOptions,
    counters: Arc<Counters>,
    wake: Arc<Wake>,
    clock: Arc<dyn Clock>,
}

impl<S: UnitOfWork + WebhookInbox<S::Tx>> Task<S> {
    async fn run(self, mut deliveries: mpsc::UnboundedReceiver<Delivery>) {
        while let Some(first) = deliveries.recv().await {
            let mut n_notices = first.notices.len();
            let mut group = vec![first];
            while n_notices < self.options.batch
                && let Ok(next) = deliveries.try_recv()
            {
                n_notices += next.notices.len();
                group.push(next);
            }
            self.settle_group(group).await;
        }
    }

    /// Stages a group and answers its calls. Where the store refuses the group, each call is tried alone, so that
    /// one that can't be kept does not turn the others away.
    async fn settle_group(&self, group: Vec<Delivery>) {
        match self.stage(group.iter().flat_map(|delivery| &delivery.notices)).await {
            Ok(()) => group.into_iter().for_each(|delivery| reply(delivery, Ok(()))),
            Err(error) if group.len() > 1 && error.retry() == Retry::Never => {
                for delivery in group {
                    let staged = self.stage(&delivery.notices).await;
                    reply(delivery, staged.map_err(|error| StageError::Store(Arc::new(error))));
                }
            }
            Err(error) => {
                let error = Arc::new(error);
                for delivery in group {
                    reply(delivery, Err(StageError::Store(Arc::clone(&error))));
                }
            }
        }
    }

    /// One transaction per tenant. What was committed before an error stays: it is told when it comes again.
    async fn stage<'a>(&self, notices: impl IntoIterator<Item = &'a Notice>) -> Result<(), StoreError> {
        let mut by_tenant: BTreeMap<Option<TenantId>, Vec<Notice>> = BTreeMap::new();
        for notice in notices {
            by_tenant.entry(notice.key.tenant.clone()).or_default().push(notice.clone());
        }
        for (tenant, notices) in by_tenant {
            let n_new = match self.stage_tenant(tenant.as_ref(), &notices).await {
                // Two stagers in each other's way, or a connection that was idle for too long: once more.
                Err(error) if error.retry() == Retry::Soon => {
                    self.stage_tenant(tenant.as_ref(), &notices).await?
                }
                staged => staged?,
            };
            let n_new = usize::try_from(n_new).unwrap_or(usize::MAX);
            add(&self.counters.notices_staged, n_new);
            add(&self.counters.notices_repeated, notices.len().saturating_sub(n_new));
            let subscriptions: Vec<SubscriptionId> = notices.iter().map(|n| n.subscription).collect();
            self.wake.staged(subscriptions);
        }
        Ok(())
    }

    async fn stage_tenant(&self, tenant: Option<&TenantId>, notices: &[Notice]) -> Result<u64, StoreError> {
        let mut tx = self.store.begin_for(tenant).await?;
        let n_new = self.store.stage(&mut tx, notices, self.clock.now()).await?;
        self.store.commit(tx).await?;
        Ok(n_new)
    }
}

/// A caller that went away is told nothing; its notices are staged all the same.
fn reply(delivery: Delivery, answer: Result<(), StageError>) {
    let _ = delivery.answer.send(answer);
}
