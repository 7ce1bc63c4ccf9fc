//! Delivering what the outbox holds, by any number of tasks in any number of processes.

mod builder;
mod listen;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use sync_core::{
    Clock, ConsumerName, DeliveryStore, IdGenerator, Jitter, Lane, Signal, Start, StoreError, UnitOfWork,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use builder::DispatcherBuilder;

use crate::relay::Relay;
use worker::Worker;

/// How one lane is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneOptions {
    /// How many tasks of this process deliver. Default 4.
    pub workers: usize,
    /// At most how many events one of them claims at a time. Default 200.
    pub batch: u32,
}

impl Default for LaneOptions {
    fn default() -> Self {
        Self { workers: 4, batch: 200 }
    }
}

#[derive(Clone, Debug)]
struct Settings {
    consumer: ConsumerName,
    start: Start,
    lanes: Vec<(Lane, LaneOptions)>,
    claim_for: Duration,
    poll_every: Duration,
    attempts: u32,
    pass_parked: bool,
    retry_first: Duration,
    retry_max: Duration,
}

/// Delivers the events of one consumer to one relay. Other processes may run the same consumer: they share the events.
///
/// Delivery is at least once: what was delivered but not acknowledged when a process died is delivered again, with
/// the same id. Events of one record arrive in their order (INV-OUT-2).
pub struct Dispatcher<S: UnitOfWork> {
    shared: Arc<Shared<S>>,
    signal: Option<Arc<dyn Signal>>,
}

struct Shared<S: UnitOfWork> {
    store: Arc<S>,
    deliveries: Arc<dyn DeliveryStore<S::Tx>>,
    relay: Arc<dyn Relay>,
    settings: Settings,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    jitter: Arc<dyn Jitter>,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    delivered: AtomicU64,
    failed: AtomicU64,
    parked: AtomicU64,
    outrun: AtomicU64,
    stalled: AtomicU64,
}

/// What a dispatcher did since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrainReport {
    /// Events delivered and acknowledged.
    pub delivered: u64,
    /// Deliveries that failed and are tried again.
    pub failed: u64,
    /// Events parked.
    pub parked: u64,
    /// Events delivered after their claim had ended: others may have delivered them as well.
    pub outrun: u64,
    /// How often the relay or the store could not be reached.
    pub stalled: u64,
}

impl<S> Dispatcher<S>
where
    S: UnitOfWork + DeliveryStore<S::Tx> + Signal,
{
    /// A dispatcher for the consumer of this name, from this store's outbox to this relay.
    pub fn builder(
        store: Arc<S>,
        consumer: impl Into<ConsumerName>,
        relay: impl Relay,
    ) -> DispatcherBuilder<S> {
        DispatcherBuilder::new(store, consumer.into(), Arc::new(relay))
    }
}

impl<S: UnitOfWork> Dispatcher<S> {
    /// Makes the consumer known, so that events published from now on reach it. Does nothing when it is.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    pub async fn register(&self) -> Result<(), StoreError> {
        let shared = &self.shared;
        let settings = &shared.settings;
        let lanes: Vec<Lane> = settings.lanes.iter().map(|(lane, _)| *lane).collect();
        let mut tx = shared.store.begin_across_tenants().await?;
        let now = shared.clock.now();
        shared.deliveries.register(&mut tx, &settings.consumer, &lanes, settings.start, now).await?;
        shared.store.commit(tx).await
    }

    /// Registers and delivers until `stop` is cancelled; then finishes what is in hand and answers what was done.
    ///
    /// A store or a relay that can't be reached is waited for; what can't be delivered is neither lost nor
    /// overtaken.
    ///
    /// # Errors
    /// [`StoreError`] when the consumer can't be registered.
    pub async fn run(&self, stop: &CancellationToken) -> Result<DrainReport, StoreError> {
        self.register().await?;
        let woken = watch::Sender::new(0_u64);
        let workers = self.workers(&woken);
        let ended = CancellationToken::new();
        let all = async {
            join_all(workers.map(|worker| worker.run(stop))).await;
            ended.cancel();
        };
        let listening = async {
            if let Some(signal) = &self.signal {
                listen::listen(&**signal, &woken, &ended).await;
            }
        };
        tokio::join!(all, listening);
        Ok(self.report())
    }

    /// Delivers what is due now, without waiting for more, and answers what this dispatcher did so far. What is
    /// claimed by others, or waits for its next attempt, is left; so is everything where the relay can't be reached,
    /// which the report tells.
    ///
    /// # Errors
    /// [`StoreError`] of the store; what was claimed comes again when its claim ends.
    pub async fn drain(&self) -> Result<DrainReport, StoreError> {
        self.register().await?;
        let woken = watch::Sender::new(0_u64);
        for ended in join_all(self.workers(&woken).map(Worker::drain)).await {
            ended?;
        }
        Ok(self.report())
    }

    /// What was done so far.
    #[must_use]
    pub fn report(&self) -> DrainReport {
        let counts = &self.shared.counts;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        DrainReport {
            delivered: read(&counts.delivered),
            failed: read(&counts.failed),
            parked: read(&counts.parked),
            outrun: read(&counts.outrun),
            stalled: read(&counts.stalled),
        }
    }

    fn workers(&self, woken: &watch::Sender<u64>) -> impl Iterator<Item = Worker<S>> {
        let lanes = self.shared.settings.lanes.clone();
        lanes.into_iter().flat_map(move |(lane, options)| {
            let woken = woken.subscribe();
            let shared = Arc::clone(&self.shared);
            (0..options.workers)
                .map(move |_| Worker::new(Arc::clone(&shared), lane, options.batch, woken.clone()))
        })
    }
}
