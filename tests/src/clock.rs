//! One time for the org and the engines, moved by hand.

use chrono::{DateTime, Utc};
use crm_sandbox::SimClock;
use sync_core::{Clock, Jitter};

/// The org's clock as the engines read it.
#[derive(Debug, Clone)]
pub struct OrgClock(pub SimClock);

impl Clock for OrgClock {
    fn now(&self) -> DateTime<Utc> {
        self.0.now()
    }
}

/// The shortest of all waits, so that retries cost a test little.
#[derive(Debug, Clone, Copy)]
pub struct LeastJitter;

impl Jitter for LeastJitter {
    fn fraction(&self) -> f64 {
        0.0
    }
}
