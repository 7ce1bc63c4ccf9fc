//! What every fingerprint store has in common.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::{Change, Coverage, ExternalId, Payload};

/// A fingerprint would outlive the next poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "fingerprints of own writes live for {ttl:?}, which is not below the poll interval of {poll_interval:?}; one that \
     outlives the next poll could hide a change that somebody made after it: shorten the time to live"
)]
pub struct TtlNotBelowPollInterval {
    /// How long fingerprints live.
    pub ttl: Duration,
    /// How often the CRM is polled.
    pub poll_interval: Duration,
}

/// Checks a time to live against the poll interval, at start rather than in the first hour of trouble.
///
/// # Errors
/// [`TtlNotBelowPollInterval`], unless it is shorter.
pub fn check_ttl(ttl: Duration, poll_interval: Duration) -> Result<(), TtlNotBelowPollInterval> {
    if ttl < poll_interval { Ok(()) } else { Err(TtlNotBelowPollInterval { ttl, poll_interval }) }
}

/// Answers a fingerprint store's question from what it knows of the records: which changes are echoes, and which records
/// it has to forget, because another change of theirs is let through (INV-LOO-2).
pub fn tell_echoes<T, K>(
    changes: &[Change<T>],
    mut known: HashMap<ExternalId, K>,
    is_ours: impl Fn(&T, &K) -> bool,
) -> (Vec<bool>, HashSet<ExternalId>) {
    let mut forgotten = HashSet::new();
    let answer = |change: &Change<T>| {
        let Some(written) = known.get(&change.external_id) else { return false };
        let echo = match &change.payload {
            Payload::Upsert(record) if record.coverage == Coverage::Full => is_ours(&record.value, written),
            _ => false,
        };
        if !echo {
            known.remove(&change.external_id);
            forgotten.insert(change.external_id.clone());
        }
        echo
    };
    (changes.iter().map(answer).collect(), forgotten)
}
