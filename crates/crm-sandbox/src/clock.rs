//! Simulated time: everything a sandbox stamps, expires or dates comes from here.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

/// 2026-01-05T08:00:00Z, where a clock starts unless told otherwise.
const DEFAULT_START_MS: i64 = 1_767_600_000_000;
/// 9999-12-31T23:59:59Z: dates on the wire have four-digit years.
const LAST_MS: i64 = 253_402_300_799_000;

/// A clock that moves only when told to, or, on request, also with real time. Clones share the same time.
#[derive(Debug, Clone)]
pub struct SimClock {
    /// Milliseconds since 1970 UTC, without the real time added by `ticking_since`.
    base_ms: Arc<AtomicI64>,
    ticking_since: Option<Instant>,
}

impl SimClock {
    /// A clock that stands still at `start`.
    #[must_use]
    pub fn stopped_at(start: DateTime<Utc>) -> Self {
        Self { base_ms: Arc::new(AtomicI64::new(start.timestamp_millis())), ticking_since: None }
    }

    /// A clock that starts at `start` and moves with real time, besides being advanced by hand.
    #[must_use]
    pub fn ticking_from(start: DateTime<Utc>) -> Self {
        Self { ticking_since: Some(Instant::now()), ..Self::stopped_at(start) }
    }

    /// Now, in milliseconds since 1970 UTC.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        let real = self.ticking_since.map_or(0, |since| millis(since.elapsed()));
        self.base_ms.load(Ordering::SeqCst).saturating_add(real)
    }

    /// Now; instants outside the calendar give the epoch.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.now_ms()).unwrap_or_default()
    }

    /// Whether the clock moves with real time.
    #[must_use]
    pub fn ticks(&self) -> bool {
        self.ticking_since.is_some()
    }

    /// Moves time forward, for all clones; never beyond the year 9999.
    pub fn advance(&self, by: Duration) {
        let later = |now: i64| now.saturating_add(millis(by)).min(LAST_MS.max(now));
        // The closure always gives a value, so the update always succeeds.
        let _ = self.base_ms.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| Some(later(now)));
    }
}

impl Default for SimClock {
    /// Stands still at 2026-01-05T08:00:00Z.
    fn default() -> Self {
        Self::stopped_at(DateTime::from_timestamp_millis(DEFAULT_START_MS).unwrap_or_default())
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_clock_moves_only_by_hand() {
        let clock = SimClock::default();
        let twin = clock.clone();
        assert_eq!(clock.now().to_rfc3339(), "2026-01-05T08:00:00+00:00");
        clock.advance(Duration::from_secs(90));
        assert_eq!(twin.now().to_rfc3339(), "2026-01-05T08:01:30+00:00");
        clock.advance(Duration::MAX);
        assert_eq!(twin.now().to_rfc3339(), "9999-12-31T23:59:59+00:00");
    }
}
