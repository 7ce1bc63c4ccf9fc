//! What a test needs to bend: time, identifiers and chance.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Tells the time. Every instant the engine writes comes from here.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait Clock: Send + Sync {
    /// The present instant, UTC.
    fn now(&self) -> DateTime<Utc>;
}

/// Makes identifiers for runs, rows and events.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait IdGenerator: Send + Sync {
    /// A new unique identifier, ordered by time where possible: time-ordered keys keep inserts at the
    /// right edge of an index.
    fn next_id(&self) -> Uuid;
}

/// Chance, for spreading retries over time.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait Jitter: Send + Sync {
    /// A number in `[0, 1)`.
    fn fraction(&self) -> f64;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// UUID version 7: time-ordered, unique across processes.
#[derive(Debug, Clone, Copy, Default)]
pub struct TimeOrderedIds;

impl IdGenerator for TimeOrderedIds {
    fn next_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// Chance drawn from the random part of a fresh UUID: good enough to spread retries, and no dependency more.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomJitter;

impl Jitter for RandomJitter {
    fn fraction(&self) -> f64 {
        let random = Uuid::now_v7().as_u64_pair().1 >> 11 & ((1 << 51) - 1);
        // 51 random bits fit a double exactly.
        random as f64 / (1_u64 << 51) as f64
    }
}
