//! The loop that applies notices as they come.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sync_core::{
    Clock, Jitter, RandomJitter, Signal, StoreError, SubscriptionId, SystemClock, TenantId, UnitOfWork,
    WebhookInbox,
};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::feed::{DrainError, DrainFeed, Drained};
use super::feeds::DrainFeeds;
use super::listen::listen;
use crate::{Staged, Wake};

/// How a drainer works.
#[derive(Clone, Debug)]
pub struct DrainOptions {
    /// How often the store is asked for notices that other processes staged. Default 500 ms. Those of this process are
    /// known at once, and those of others too where the store [tells](Drainer::listen).
    pub poll_every: Duration,
    /// How often is asked which feeds there are. Default 5 s.
    pub feeds_every: Duration,
    /// Runs at once. Default 4.
    pub runs_at_once: usize,
    /// How long a feed waits that another run keeps busy. Default 250 ms.
    pub busy_wait: Duration,
    /// How long until a feed that is paused is looked at again. Default 5 s.
    pub paused_wait: Duration,
    /// How long a feed waits after its first failure; doubled each time. Default 1 s.
    pub failed_wait: Duration,
    /// The longest such wait. Default 5 min.
    pub failed_wait_max: Duration,
    /// How long settled notices are kept, so that repeats are told. Default 3 days: providers repeat for one.
    pub keep_settled: Duration,
    /// How often settled notices are removed. Default 1 h.
    pub purge_every: Duration,
}

impl Default for DrainOptions {
    fn default() -> Self {
        Self {
            poll_every: Duration::from_millis(500),
            feeds_every: Duration::from_secs(5),
            runs_at_once: 4,
            busy_wait: Duration::from_millis(250),
            paused_wait: Duration::from_secs(5),
            failed_wait: Duration::from_secs(1),
            failed_wait_max: Duration::from_secs(300),
            keep_settled: Duration::from_secs(3 * 24 * 60 * 60),
            purge_every: Duration::from_secs(60 * 60),
        }
    }
}

/// Applies notices as they come: woken by the stager of its process, and by asking the store for those of others.
/// Each feed runs once at a time; a feed that fails waits longer each time and holds up no other.
pub struct Drainer<S: UnitOfWork> {
    store: Arc<S>,
    wake: Arc<Wake>,
    source: Arc<dyn DrainFeeds>,
    signal: Option<Arc<dyn Signal>>,
    feeds: HashMap<SubscriptionId, Feed>,
    /// Something waits for these, and the source does not know them.
    strangers: HashSet<SubscriptionId>,
    options: DrainOptions,
    clock: Arc<dyn Clock>,
    jitter: Arc<dyn Jitter>,
}

struct Feed {
    feed: Arc<dyn DrainFeed>,
    running: bool,
    /// Something waits, as far as is known.
    due: bool,
    not_before: Option<Instant>,
    n_failures: u32,
}

type Outcome = (SubscriptionId, Result<Drained, DrainError>);

impl<S: UnitOfWork + WebhookInbox<S::Tx>> Drainer<S> {
    /// Applies what waits for these feeds. Every feed is looked at once at the start.
    pub fn new(
        store: Arc<S>,
        wake: Arc<Wake>,
        feeds: impl IntoIterator<Item = Arc<dyn DrainFeed>>,
        options: DrainOptions,
    ) -> Self {
        let feeds: Vec<_> = feeds.into_iter().collect();
        Self::of(store, wake, Arc::new(feeds), options)
    }

    /// Applies what waits for whatever feeds there are while it works. Every feed is looked at once when it is found.
    pub fn of(store: Arc<S>, wake: Arc<Wake>, source: Arc<dyn DrainFeeds>, options: DrainOptions) -> Self {
        let (feeds, strangers) = (HashMap::new(), HashSet::new());
        let (clock, jitter) = (Arc::new(SystemClock), Arc::new(RandomJitter));
        Self { store, wake, source, signal: None, feeds, strangers, options, clock, jitter }
    }

    /// Listens to what the store tells, so that what other processes stage is known at once where it can tell.
    #[must_use]
    pub fn listen(mut self, signal: Arc<dyn Signal>) -> Self {
        self.signal = Some(signal);
        self
    }

    /// With another clock, for telling which settled notices are old.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Works until `stop` is cancelled; runs in hand end after their batch.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut runs: JoinSet<Outcome> = JoinSet::new();
        let mut poll = tokio::time::interval(self.options.poll_every.max(Duration::from_millis(1)));
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut ask = tokio::time::interval(self.options.feeds_every.max(Duration::from_millis(1)));
        ask.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        ask.tick().await;
        self.ask().await;
        let mut purge = tokio::time::interval(self.options.purge_every.max(Duration::from_secs(1)));
        let wake = Arc::clone(&self.wake);
        // Ends with this.
        let mut ears = JoinSet::new();
        if let Some(signal) = self.signal.take() {
            ears.spawn(listen(signal, Arc::clone(&wake)));
        }
        while !stop.is_cancelled() {
            self.start_due(&mut runs, &stop);
            let next = self.next_start();
            tokio::select! {
                () = stop.cancelled() => break,
                staged = wake.next() => self.woken(staged).await,
                Some(ended) = runs.join_next() => self.ended(ended),
                _ = poll.tick() => self.look().await,
                _ = ask.tick() => self.ask().await,
                _ = purge.tick() => self.purge().await,
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
            }
        }
        while let Some(ended) = runs.join_next().await {
            self.ended(ended);
        }
    }

    fn start_due(&mut self, runs: &mut JoinSet<Outcome>, stop: &CancellationToken) {
        let now = Instant::now();
        for (id, feed) in &mut self.feeds {
            if runs.len() >= self.options.runs_at_once.max(1) {
                return;
            }
            if feed.running || !feed.due || feed.not_before.is_some_and(|at| at > now) {
                continue;
            }
            (feed.running, feed.due, feed.not_before) = (true, false, None);
            let (id, drain, stop) = (*id, Arc::clone(&feed.feed), stop.clone());
            runs.spawn(async move { (id, drain.drain(stop).await) });
        }
    }

    /// When the first of the feeds that wait on purpose is due.
    fn next_start(&self) -> Option<Instant> {
        let waits = self.feeds.values().filter(|feed| feed.due && !feed.running);
        waits.filter_map(|feed| feed.not_before).filter(|at| *at > Instant::now()).min()
    }

    /// Asks which feeds there are.
    async fn ask(&mut self) {
        let found = match self.source.feeds().await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(error = %sync_core::error_chain(&error), "which feeds there are can't be told");
                return;
            }
        };
        let ids: HashSet<SubscriptionId> = found.iter().map(|feed| feed.subscription()).collect();
        // A run in hand of one that is gone ends by itself.
        self.feeds.retain(|id, _| ids.contains(id));
        self.strangers.retain(|id| !ids.contains(id));
        for feed in found {
            let id = feed.subscription();
            let new = || Feed {
                feed: Arc::clone(&feed),
                running: false,
                due: true,
                not_before: None,
                n_failures: 0,
            };
            self.feeds.entry(id).or_insert_with(new).feed = Arc::clone(&feed);
        }
    }

    async fn woken(&mut self, staged: Staged) {
        self.mark(staged.subscriptions).await;
        if staged.somewhere {
            self.look().await;
        }
    }

    /// Something waits for these.
    async fn mark(&mut self, staged: impl IntoIterator<Item = SubscriptionId>) {
        let mut is_stranger = false;
        for id in staged {
            match self.feeds.get_mut(&id) {
                Some(feed) => feed.due = true,
                // Asked for at once, but only the first time: it may be one that nobody here is to apply.
                None => is_stranger |= self.strangers.insert(id),
            }
        }
        if is_stranger {
            self.ask().await;
        }
    }

    fn ended(&mut self, ended: Result<Outcome, tokio::task::JoinError>) {
        let (id, outcome) = match ended {
            Ok(outcome) => outcome,
            Err(error) => {
                // It never says which run it was; look at every feed that claims to run.
                tracing::error!(%error, "a run of notices panicked");
                let wait = Instant::now() + self.options.failed_wait_max;
                for feed in self.feeds.values_mut().filter(|feed| feed.running) {
                    (feed.running, feed.due, feed.not_before) = (false, true, Some(wait));
                }
                return;
            }
        };
        let Some(feed) = self.feeds.get_mut(&id) else { return };
        feed.running = false;
        match outcome {
            Ok(Drained::Nothing) => feed.n_failures = 0,
            Ok(Drained::Applied { n_notices, more, report }) => {
                feed.n_failures = 0;
                feed.due |= more;
                tracing::info!(subscription = %id, run = %report.run, n_notices, "notices were applied");
            }
            Ok(Drained::Busy) => {
                (feed.due, feed.not_before) = (true, Some(Instant::now() + self.options.busy_wait));
            }
            Ok(Drained::Paused) => {
                (feed.due, feed.not_before) = (true, Some(Instant::now() + self.options.paused_wait));
            }
            Err(error) => {
                feed.n_failures += 1;
                let doubled = self.options.failed_wait * 2_u32.saturating_pow(feed.n_failures.min(16) - 1);
                let wait = doubled.min(self.options.failed_wait_max);
                let wait = wait.mul_f64(0.5 + self.jitter.fraction() / 2.0);
                let wait = error.retry_after().map_or(wait, |asked| asked.max(wait));
                let error = sync_core::error_chain(&error);
                tracing::warn!(subscription = %id, %error, ?wait, "notices were not applied; they wait on");
                (feed.due, feed.not_before) = (true, Some(Instant::now() + wait));
            }
        }
    }

    /// Asks the store what waits.
    async fn look(&mut self) {
        let idle = self.feeds.values().filter(|feed| !feed.due);
        let tenants: BTreeSet<Option<TenantId>> = idle.map(|feed| feed.feed.tenant()).collect();
        for tenant in tenants {
            match self.backlog(tenant.as_ref()).await {
                Ok(subscriptions) => self.mark(subscriptions).await,
                Err(error) => {
                    tracing::warn!(error = %sync_core::error_chain(&error), "what waits can't be told");
                    return;
                }
            }
        }
    }

    async fn backlog(&self, tenant: Option<&TenantId>) -> Result<Vec<SubscriptionId>, StoreError> {
        let mut tx = self.store.begin_for(tenant).await?;
        let backlog = self.store.backlog(&mut tx, tenant).await?;
        self.store.rollback(tx).await?;
        Ok(backlog.into_iter().map(|backlog| backlog.subscription).collect())
    }

    /// Removes notices that were settled long ago.
    async fn purge(&self) {
        let keep = chrono::TimeDelta::from_std(self.options.keep_settled).unwrap_or(chrono::TimeDelta::MAX);
        let Some(before) = self.clock.now().checked_sub_signed(keep) else { return };
        let tenants: BTreeSet<Option<TenantId>> =
            self.feeds.values().map(|feed| feed.feed.tenant()).collect();
        for tenant in tenants {
            let purged: Result<u64, StoreError> = async {
                let mut tx = self.store.begin_for(tenant.as_ref()).await?;
                let n_purged = self.store.purge_settled(&mut tx, tenant.as_ref(), before).await?;
                self.store.commit(tx).await?;
                Ok(n_purged)
            }
            .await;
            match purged {
                Ok(0) => {}
                Ok(n_notices) => tracing::info!(n_notices, "settled notices were removed"),
                Err(error) => {
                    tracing::warn!(error = %sync_core::error_chain(&error), "settled notices could not be removed");
                }
            }
        }
    }
}
