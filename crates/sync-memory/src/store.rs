//! The store and what tests look at.

use std::sync::{Arc, Mutex};

use sync_core::{ChangeEvent, DeadLetter, RecordedItem, Run, RunId, Subscription, SubscriptionId, Tellers};

use crate::MemoryLoopbackStore;
use crate::events::to_change;
use crate::state::State;
use crate::tx::lock;

/// Every store port in memory. Clones share their contents.
///
/// One transaction at a time: a second [`begin`](sync_core::UnitOfWork::begin) waits for the first to end. Tenants are
/// part of every key, but nothing is refused for want of one: the engine checks that (R1), and what a process keeps
/// for itself has no boundary of its own to defend.
#[derive(Clone, Default)]
pub struct MemoryStore {
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) turn: Arc<tokio::sync::Mutex<()>>,
    pub(crate) tellers: Arc<Tellers>,
    /// Fingerprints of own writes, once somebody wants them.
    pub(crate) loopback: Arc<std::sync::OnceLock<MemoryLoopbackStore>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The audit, for tests to look at.
    #[must_use]
    pub fn recorder(&self) -> MemoryRunRecorder {
        MemoryRunRecorder { store: self.clone() }
    }

    /// Every subscription, of all tenants, in the order of adding.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<Subscription> {
        lock(&self.state).subscriptions.clone()
    }

    /// The open dead letters of a subscription, oldest first.
    #[must_use]
    pub fn open_letters(&self, subscription: SubscriptionId) -> Vec<DeadLetter> {
        let state = lock(&self.state);
        let mut rows: Vec<_> =
            state.letters.iter().filter(|((of, _), _)| *of == subscription).map(|(_, row)| row).collect();
        rows.sort_by_key(|row| (row.letter.parked_at, row.number));
        rows.into_iter().map(|row| row.letter.clone()).collect()
    }

    /// Every applied change that was published and not purged, in order.
    #[must_use]
    pub fn outbox(&self) -> Vec<ChangeEvent> {
        lock(&self.state).outbox.values().filter_map(to_change).collect()
    }
}

/// The audit of a [`MemoryStore`], read without a transaction. What an open transaction wrote is seen as well: look
/// when the run has ended.
#[derive(Clone)]
pub struct MemoryRunRecorder {
    store: MemoryStore,
}

impl MemoryRunRecorder {
    /// Every run, of all tenants, oldest first.
    #[must_use]
    pub fn runs(&self) -> Vec<Run> {
        lock(&self.store.state).runs.iter().map(|row| row.run.clone()).collect()
    }

    /// A subscription's runs, oldest first.
    #[must_use]
    pub fn runs_for_subscription(&self, subscription: SubscriptionId) -> Vec<Run> {
        self.runs().into_iter().filter(|run| run.subscription == subscription).collect()
    }

    /// A subscription's latest run.
    #[must_use]
    pub fn latest_run(&self, subscription: SubscriptionId) -> Option<Run> {
        self.runs_for_subscription(subscription).pop()
    }

    /// A run's items by number; none for a run that does not exist.
    #[must_use]
    pub fn items_for_run(&self, run: RunId) -> Vec<RecordedItem> {
        let state = lock(&self.store.state);
        let row = state.run_positions.get(&run).map(|position| &state.runs[*position]);
        row.into_iter().flat_map(|row| row.items.values().cloned()).collect()
    }
}
