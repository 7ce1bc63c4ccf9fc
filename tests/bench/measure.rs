//! One measurement, as a child process tells it to its parent.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What one contender did with one workload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Records delivered.
    pub(crate) n_records: usize,
    /// Rows written.
    pub(crate) n_written: usize,
    /// Wall time of the work, seconds.
    pub(crate) seconds: f64,
    /// The process's peak memory, MiB.
    pub(crate) peak_mib: f64,
}

impl Outcome {
    pub(crate) fn new(n_records: usize, n_written: usize, took: Duration) -> Self {
        Self { n_records, n_written, seconds: took.as_secs_f64(), peak_mib: peak_mib() }
    }

    /// Records per second.
    pub(crate) fn rate(&self) -> f64 {
        self.n_records as f64 / self.seconds
    }
}

/// This process's peak resident memory, from the kernel's own books; 0 where there are none.
pub(crate) fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: Option<f64> = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse().ok());
    kib.unwrap_or_default() / 1024.0
}
