//! The API calls a CRM org has for everybody, and the part of them that is left to others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const DEFAULT_RESERVE_PERCENT: u8 = 20;
/// A spent budget is asked again this often, because only an answer tells that the provider's window has moved.
const PROBE_EVERY: Duration = Duration::from_secs(15 * 60);

/// What a provider says about an org's calls, e.g. `api-usage=18/15000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Calls used in the provider's window, by every tool of the customer.
    pub used: u64,
    /// Calls allowed in it.
    pub max: u64,
}

/// A budget shared by everything that calls one CRM org. Clones share it.
///
/// It knows nothing until the first answer tells, and lets calls pass until then. Calls under way count as used.
/// Once used reaches the limit less the reserve, calls are refused, but for one every 15 minutes: its answer is
/// how the budget learns that there is room again.
#[derive(Debug, Clone)]
pub struct Budget {
    reserve_percent: u8,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    usage: Option<Usage>,
    in_flight: u64,
    /// Calls are numbered, so that an answer that was overtaken does not lower the count.
    begun: u64,
    newest_answer: u64,
    probe_at: Option<Instant>,
}

impl Default for Budget {
    /// Keeps 20 % back.
    fn default() -> Self {
        Self::keeping(DEFAULT_RESERVE_PERCENT)
    }
}

impl Budget {
    /// Keeps this share of the limit for the customer's other tools, in percent, rounded up to whole calls.
    /// Above 100 counts as 100.
    #[must_use]
    pub fn keeping(reserve_percent: u8) -> Self {
        Self { reserve_percent: reserve_percent.min(100), state: Arc::default() }
    }

    /// Takes one call out of the budget. Tell the permit what the answer said; dropped, it counts as used.
    ///
    /// # Errors
    /// [`BudgetSpent`] if only the reserve is left.
    pub fn begin(&self) -> Result<BudgetPermit, BudgetSpent> {
        let mut state = self.lock();
        if let Some(spent) = self.spent(&state) {
            let now = Instant::now();
            let probe_at = *state.probe_at.get_or_insert(now + PROBE_EVERY);
            if now < probe_at {
                return Err(spent);
            }
            state.probe_at = Some(now + PROBE_EVERY);
        } else {
            state.probe_at = None;
        }
        state.begun += 1;
        state.in_flight += 1;
        Ok(BudgetPermit { budget: self.clone(), number: state.begun, answered: false })
    }

    /// Takes over numbers that came by another way, e.g. from a call that lists all limits.
    pub fn record(&self, usage: Usage) {
        let mut state = self.lock();
        state.newest_answer = state.begun;
        state.usage = Some(usage);
    }

    /// What is known at this moment.
    #[must_use]
    pub fn snapshot(&self) -> BudgetSnapshot {
        let state = self.lock();
        let reserve = state.usage.map_or(0, |usage| self.reserve(usage.max));
        let left = state
            .usage
            .map(|usage| (usage.max - reserve).saturating_sub(usage.used.saturating_add(state.in_flight)));
        BudgetSnapshot { usage: state.usage, reserve, in_flight: state.in_flight, left }
    }

    fn spent(&self, state: &State) -> Option<BudgetSpent> {
        let Usage { used, max } = state.usage?;
        let reserve = self.reserve(max);
        (used.saturating_add(state.in_flight) >= max - reserve).then_some(BudgetSpent { used, max, reserve })
    }

    fn reserve(&self, max: u64) -> u64 {
        let share = u128::from(max) * u128::from(self.reserve_percent);
        // At most 100 %, so it fits what it was taken from.
        u64::try_from(share.div_ceil(100)).unwrap_or(max)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A budget at one moment, for display and planning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetSnapshot {
    /// The provider's newest numbers plus what was spent since; `None` before the first answer.
    pub usage: Option<Usage>,
    /// Calls kept for others.
    pub reserve: u64,
    /// Calls under way.
    pub in_flight: u64,
    /// Calls that may still begin; `None` if not known.
    pub left: Option<u64>,
}

/// Only the reserve is left of an org's API calls. The run ends cleanly and resumes later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the api budget is spent ({used} of {max} calls used, {reserve} kept for other tools); resume later")]
pub struct BudgetSpent {
    /// Calls used.
    pub used: u64,
    /// Calls allowed.
    pub max: u64,
    /// Calls kept for the customer's other tools.
    pub reserve: u64,
}

/// One call taken out of a [`Budget`].
#[derive(Debug)]
#[must_use = "dropping it counts the call as used without an answer"]
pub struct BudgetPermit {
    budget: Budget,
    number: u64,
    answered: bool,
}

impl BudgetPermit {
    /// The call was answered; `usage` is what the answer said about the budget.
    pub fn answered(mut self, usage: Option<Usage>) {
        let Some(usage) = usage else { return };
        let mut state = self.budget.lock();
        if self.number > state.newest_answer {
            state.newest_answer = self.number;
            state.usage = Some(usage);
        } else if let Some(known) = &mut state.usage {
            known.used = known.used.max(usage.used);
        }
        drop(state);
        self.answered = true;
    }
}

impl Drop for BudgetPermit {
    fn drop(&mut self) {
        let mut state = self.budget.lock();
        state.in_flight -= 1;
        if !self.answered
            && let Some(usage) = &mut state.usage
        {
            usage.used = usage.used.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests;
