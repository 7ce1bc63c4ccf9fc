//! Settings of a dispatcher.

use std::sync::Arc;
use std::time::Duration;

use sync_core::{
    Clock, ConsumerName, DeliveryStore, IdGenerator, Jitter, Lane, RandomJitter, Signal, Start, SystemClock,
    TimeOrderedIds, UnitOfWork,
};

use super::{Counts, Dispatcher, LaneOptions, Settings, Shared};
use crate::error::BuildError;
use crate::relay::Relay;

/// Settings of a [`Dispatcher`].
pub struct DispatcherBuilder<S: UnitOfWork> {
    shared: Shared<S>,
    signal: Arc<dyn Signal>,
}

impl<S> DispatcherBuilder<S>
where
    S: UnitOfWork + DeliveryStore<S::Tx> + Signal,
{
    pub(super) fn new(store: Arc<S>, consumer: ConsumerName, relay: Arc<dyn Relay>) -> Self {
        let settings = Settings {
            consumer,
            start: Start::Now,
            lanes: Vec::new(),
            claim_for: Duration::from_secs(60),
            poll_every: Duration::from_secs(30),
            attempts: 8,
            pass_parked: false,
            retry_first: Duration::from_secs(1),
            retry_max: Duration::from_secs(300),
        };
        Self {
            signal: Arc::clone(&store) as Arc<dyn Signal>,
            shared: Shared {
                deliveries: Arc::clone(&store) as Arc<dyn DeliveryStore<S::Tx>>,
                store,
                relay,
                settings,
                clock: Arc::new(SystemClock),
                ids: Arc::new(TimeOrderedIds),
                jitter: Arc::new(RandomJitter),
                counts: Counts::default(),
            },
        }
    }

    /// Delivers a lane as well, with workers of its own. Naming it again replaces its options.
    #[must_use]
    pub fn lane(mut self, lane: Lane, options: LaneOptions) -> Self {
        let lanes = &mut self.shared.settings.lanes;
        lanes.retain(|(named, _)| *named != lane);
        lanes.push((lane, options));
        self
    }

    /// From where a consumer that was not known hears events. Default [`Start::Now`].
    #[must_use]
    pub fn start(mut self, start: Start) -> Self {
        self.shared.settings.start = start;
        self
    }

    /// How long a claim lasts: after this a dead process's events are delivered by others. Default 60 s.
    #[must_use]
    pub fn claim_for(mut self, length: Duration) -> Self {
        self.shared.settings.claim_for = length;
        self
    }

    /// How often to look without being told, for what no signal tells: the events of dead processes, and those that
    /// other processes published on SQLite. Default 30 s.
    #[must_use]
    pub fn poll_every(mut self, interval: Duration) -> Self {
        self.shared.settings.poll_every = interval;
        self
    }

    /// After how many failures an event is parked. Default 8.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.shared.settings.attempts = attempts;
        self
    }

    /// Whether later events of a record are delivered past a parked one. Default no: they wait for its replay.
    #[must_use]
    pub fn pass_parked(mut self, pass: bool) -> Self {
        self.shared.settings.pass_parked = pass;
        self
    }

    /// How long to wait after a failure: the first time, doubling up to the longest. Default 1 s and 5 min.
    #[must_use]
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.shared.settings.retry_first = first;
        self.shared.settings.retry_max = longest;
        self
    }

    /// Tells the time.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.shared.clock = clock;
        self
    }

    /// Makes the names of claims.
    #[must_use]
    pub fn ids(mut self, ids: Arc<dyn IdGenerator>) -> Self {
        self.shared.ids = ids;
        self
    }

    /// Spreads retries.
    #[must_use]
    pub fn jitter(mut self, jitter: Arc<dyn Jitter>) -> Self {
        self.shared.jitter = jitter;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`BuildError`], which says what to change.
    pub fn build(self) -> Result<Dispatcher<S>, BuildError> {
        let settings = &self.shared.settings;
        if settings.lanes.is_empty() {
            return Err(BuildError::NoLane);
        }
        if settings.lanes.iter().any(|(_, options)| options.workers == 0 || options.batch == 0) {
            return Err(BuildError::EmptyLane);
        }
        if settings.claim_for < Duration::from_secs(1) {
            return Err(BuildError::ShortClaim);
        }
        if settings.attempts == 0 {
            return Err(BuildError::NoAttempt);
        }
        Ok(Dispatcher { shared: Arc::new(self.shared), signal: Some(self.signal) })
    }
}
