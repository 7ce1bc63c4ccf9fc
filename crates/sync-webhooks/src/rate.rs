//! How often a caller may come: a bucket of tokens per key, with bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// Keys that are remembered at most. Beyond it, buckets that have filled up again are forgotten, and if that is not
/// enough all of them: a flood of keys makes the limit laxer, never the memory larger.
const MOST_KEYS: usize = 10_000;

/// Lets through so many calls per second and key, and as many at once.
#[derive(Debug)]
pub(crate) struct RateLimiter<K> {
    per_second: f64,
    buckets: Mutex<HashMap<K, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl<K: Eq + Hash> RateLimiter<K> {
    /// At least one per second.
    pub(crate) fn new(per_second: u32) -> Self {
        Self { per_second: f64::from(per_second.max(1)), buckets: Mutex::default() }
    }

    /// Whether one more may come now.
    pub(crate) fn admit(&self, key: K) -> bool {
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST_KEYS && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| self.filled(*bucket, now) < self.per_second);
            if buckets.len() >= MOST_KEYS {
                buckets.clear();
            }
        }
        let bucket = buckets.entry(key).or_insert(Bucket { tokens: self.per_second, at: now });
        let tokens = self.filled(*bucket, now);
        let admitted = tokens >= 1.0;
        *bucket = Bucket { tokens: if admitted { tokens - 1.0 } else { tokens }, at: now };
        admitted
    }

    fn filled(&self, bucket: Bucket, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.tokens + passed * self.per_second).min(self.per_second)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn bucket_empties_and_fills() {
        let rate = RateLimiter::new(2);
        assert_eq!([rate.admit("a"), rate.admit("a"), rate.admit("a")], [true, true, false]);
        assert!(rate.admit("b"), "keys are apart");
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!([rate.admit("a"), rate.admit("a")], [true, false]);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!([rate.admit("a"), rate.admit("a"), rate.admit("a")], [true, true, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded() {
        let rate = RateLimiter::new(1);
        for key in 0..3 * MOST_KEYS {
            rate.admit(key);
        }
        assert!(rate.buckets.lock().unwrap().len() <= MOST_KEYS);
    }
}
