//! How fast a connection may call.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A rate: a steady pace, and how many calls may go at once after a pause.
///
/// A window of `n` calls per `w` can see up to `burst + n` calls of a limiter set to the same pace: providers that
/// count strictly need a burst well below `n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    interval: Duration,
    burst: NonZeroU32,
}

impl RateLimit {
    /// `calls` in every `window`, evenly, with up to `burst` at once.
    #[must_use]
    pub fn new(calls: NonZeroU32, window: Duration, burst: NonZeroU32) -> Self {
        Self { interval: window / calls.get(), burst }
    }

    /// `per_second` calls a second, with up to `burst` at once.
    #[must_use]
    pub fn per_second(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        Self::new(per_second, Duration::from_secs(1), burst)
    }
}

/// A token bucket, first come first served. Clones share it: use one per connection, or per whatever the
/// provider counts by.
///
/// Callers that give up while they wait lose their turn to nobody, so the pace can only be slower than allowed.
#[derive(Debug, Clone)]
pub struct RateLimiter {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// `None` without a pace of its own.
    limit: Option<RateLimit>,
    /// When the bucket will be full again, i.e. where the pace has got to.
    full_at: Option<Instant>,
    held_until: Option<Instant>,
}

impl RateLimiter {
    /// A full bucket.
    #[must_use]
    pub fn new(limit: RateLimit) -> Self {
        Self { state: Arc::new(Mutex::new(State { limit: Some(limit), ..State::default() })) }
    }

    /// No pace of its own; only what the provider asks for through [`hold`](Self::hold).
    #[must_use]
    pub fn unlimited() -> Self {
        Self { state: Arc::default() }
    }

    /// Changes the pace from now on, for all clones: the provider told what it allows. Turns that were taken
    /// stay taken.
    pub fn set_limit(&self, limit: RateLimit) {
        self.lock().limit = Some(limit);
    }

    /// Nobody goes before `wait` is over: the provider said so to one caller, and it counts for all.
    /// Afterwards the pace starts without a burst. Of two holds the longer one counts.
    pub fn hold(&self, wait: Duration) {
        let Some(until) = Instant::now().checked_add(wait) else { return };
        let mut state = self.lock();
        state.held_until = state.held_until.max(Some(until));
        let emptied = state.limit.map(|limit| until + limit.tolerance());
        state.full_at = state.full_at.max(emptied);
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// How long the hold still lasts, at once and without a turn, if that is longer than `longest_hold`.
    pub async fn acquire(&self, longest_hold: Duration) -> Result<(), Duration> {
        loop {
            let now = Instant::now();
            let (held_until, go_at) = {
                let mut state = self.lock();
                match state.held_until.filter(|until| *until > now) {
                    Some(until) => (Some(until), now),
                    None => (None, state.limit.map_or(now, |limit| limit.take(&mut state, now))),
                }
            };
            match held_until {
                Some(until) if until - now > longest_hold => return Err(until - now),
                Some(until) => tokio::time::sleep_until(until).await,
                None => {
                    if go_at > now {
                        tokio::time::sleep_until(go_at).await;
                    }
                    // The provider may have called a halt meanwhile.
                    if self.lock().held_until.is_none_or(|until| until <= Instant::now()) {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RateLimit {
    /// How far ahead of the steady pace a burst may run.
    fn tolerance(&self) -> Duration {
        self.interval.saturating_mul(self.burst.get() - 1)
    }

    /// Takes a token and says when it may be used (the generic cell rate algorithm).
    fn take(&self, state: &mut State, now: Instant) -> Instant {
        let full_at = state.full_at.map_or(now, |at| at.max(now));
        state.full_at = full_at.checked_add(self.interval);
        full_at.checked_sub(self.tolerance()).map_or(now, |go_at| go_at.max(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn limiter(per_second: u32, burst: u32) -> RateLimiter {
        let n = |n| NonZeroU32::new(n).unwrap();
        RateLimiter::new(RateLimit::per_second(n(per_second), n(burst)))
    }

    /// Milliseconds since the start at which each of `n` calls went, by callers that come at once.
    async fn turns(limiter: &RateLimiter, n: usize) -> Vec<u128> {
        let start = Instant::now();
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..n {
            let limiter = limiter.clone();
            callers.spawn(async move {
                limiter.acquire(MINUTE).await.unwrap();
                start.elapsed().as_millis()
            });
        }
        let mut turns = callers.join_all().await;
        turns.sort_unstable();
        turns
    }

    #[tokio::test(start_paused = true)]
    async fn burst_goes_at_once_and_the_rest_at_the_pace() {
        assert_eq!(turns(&limiter(10, 3), 6).await, [0, 0, 0, 100, 200, 300]);
    }

    #[tokio::test(start_paused = true)]
    async fn bucket_fills_up_again_to_its_burst_only() {
        let limiter = limiter(10, 3);
        turns(&limiter, 3).await;
        tokio::time::advance(MINUTE).await;
        assert_eq!(turns(&limiter, 4).await, [0, 0, 0, 100]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_sees_more_than_the_pace_and_one_burst() {
        let turns = turns(&limiter(5, 2), 50).await;
        for (n, turn) in turns.iter().enumerate() {
            let within_a_second = turns[n..].iter().filter(|later| *later - turn < 1000).count();
            assert!(within_a_second < 5 + 2, "{within_a_second} from {turn} ms");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn new_pace_counts_for_all_clones() {
        let limiter = limiter(10, 1);
        let n = |n| NonZeroU32::new(n).unwrap();
        limiter.clone().set_limit(RateLimit::per_second(n(100), n(1)));
        assert_eq!(turns(&limiter, 3).await, [0, 10, 20]);
    }

    #[tokio::test(start_paused = true)]
    async fn hold_counts_for_everybody_and_leaves_no_burst() {
        let limiter = limiter(10, 3);
        limiter.clone().hold(Duration::from_secs(5));
        limiter.hold(Duration::from_secs(2));
        assert_eq!(turns(&limiter, 3).await, [5000, 5100, 5200]);
    }

    #[tokio::test(start_paused = true)]
    async fn hold_reaches_callers_that_already_wait() {
        let limiter = limiter(1, 1);
        turns(&limiter, 1).await;
        let waiting = tokio::spawn({
            let limiter = limiter.clone();
            async move { turns(&limiter, 1).await }
        });
        tokio::time::advance(Duration::from_millis(500)).await;
        limiter.hold(Duration::from_secs(10));
        let turn = waiting.await.unwrap()[0];
        assert!(turn >= 10_000, "{turn}");
    }

    #[tokio::test(start_paused = true)]
    async fn long_hold_is_reported_instead_of_slept() {
        let limiter = RateLimiter::unlimited();
        assert_eq!(limiter.acquire(MINUTE).await, Ok(()));
        limiter.hold(Duration::from_secs(90));
        limiter.hold(Duration::from_secs(5));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(limiter.acquire(MINUTE).await, Err(Duration::from_secs(80)));
        assert_eq!(limiter.acquire(Duration::from_secs(80)).await, Ok(()));
    }
}
