//! What an engine can be told, with defaults that lose nothing.

use std::num::NonZeroUsize;
use std::time::Duration;

/// How a run behaves. Every default is the safe one.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineOptions {
    /// Records per transaction. Default 2,000: one page of the largest provider.
    pub batch_size: NonZeroUsize,
    /// How long a batch that is not full waits for more. Default 20 ms.
    pub linger: Duration,
    /// How long a run's lease lives without renewal. Default 60 s.
    pub lease_ttl: Duration,
    /// What is recorded of changes that change nothing.
    pub noops: NoopPolicy,
    /// What becomes of changes that fail.
    pub failures: FailurePolicy,
    /// Where the cursor goes when every change of a run failed.
    pub all_failed: AllFailedPolicy,
    /// The wait before a parked change is tried again for the first time; doubled each time. Default 1 min.
    pub retry_first: Duration,
    /// The longest such wait. Default 24 h.
    pub retry_max: Duration,
    /// How many parked changes a run tries again at most. Default 2,000.
    pub retries_per_run: u32,
    /// How often a batch is tried again while the store is unavailable. Default 6, over about 30 s.
    pub store_attempts: u32,
    /// Whether tenants are told apart (R1). Default no.
    pub multi_tenant: bool,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            batch_size: NonZeroUsize::new(2_000).unwrap_or(NonZeroUsize::MIN),
            linger: Duration::from_millis(20),
            lease_ttl: Duration::from_secs(60),
            noops: NoopPolicy::default(),
            failures: FailurePolicy::default(),
            all_failed: AllFailedPolicy::default(),
            retry_first: Duration::from_secs(60),
            retry_max: Duration::from_secs(24 * 60 * 60),
            retries_per_run: 2_000,
            store_attempts: 6,
            multi_tenant: false,
        }
    }
}

/// What is recorded of changes that change nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoopPolicy {
    /// An item each.
    #[default]
    Record,
    /// Only their number, in the run's counts.
    Count,
}

/// What becomes of changes that fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// Parked and tried again (R11).
    #[default]
    Park,
    /// Recorded and left behind until the record changes upstream.
    PassOver,
}

/// Where the cursor goes when every change so far failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AllFailedPolicy {
    /// On, for the changes are parked.
    #[default]
    Advance,
    /// It stays, so that the next run reads the changes again.
    Hold,
}
