//! How much a caller may ask of the receiver.

use std::time::Duration;

/// How much a caller may ask of the receiver. Every default lets the providers' documented calls through.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest body, bytes; beyond it the answer is 413. Default 4 MiB: a hundred notices of Salesforce with long
    /// texts.
    pub body_bytes: usize,
    /// The most events of one call; beyond it the answer is 413. Default 1,000, ten times what is documented.
    pub events_per_call: usize,
    /// How long a body may take to arrive; beyond it the answer is 408. Default 5 s.
    pub body_time: Duration,
    /// How long a request's head may take to arrive; beyond it the connection is closed. Default 5 s.
    pub head_time: Duration,
    /// How long staging may take before the provider is told to come again, with 503. Default 4 s: HubSpot waits for
    /// 5 (reference/hubspot.md, Webhooks).
    pub answer_time: Duration,
    /// How many calls are in hand at once; beyond it the answer is 503. Default 256.
    pub calls_at_once: usize,
    /// Bytes of bodies that are in hand at once; beyond it the answer is 503. Default 64 MiB. A body that does not say how
    /// long it is counts as the largest.
    pub bytes_at_once: usize,
    /// Calls per second of one remote address; beyond it the answer is 429. Default 500: behind a proxy all calls come
    /// from one address.
    pub calls_per_remote: u32,
    /// Calls per second of one account; beyond it the answer is 429. Default 200.
    pub calls_per_account: u32,
    /// After which time a provider that is turned away should come again. Default 5 s.
    pub retry_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 4 * 1024 * 1024,
            events_per_call: 1_000,
            body_time: Duration::from_secs(5),
            head_time: Duration::from_secs(5),
            answer_time: Duration::from_secs(4),
            calls_at_once: 256,
            bytes_at_once: 64 * 1024 * 1024,
            calls_per_remote: 500,
            calls_per_account: 200,
            retry_after: Duration::from_secs(5),
        }
    }
}
