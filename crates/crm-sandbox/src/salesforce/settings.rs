//! What kind of org answers: versions, lifetimes, limits, page sizes.

use std::time::Duration;

/// Settings of a simulated org. May be changed while it runs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches")]
pub struct SalesforceSettings {
    /// API calls per rolling 24 simulated hours; beyond it every call is refused. Default 15,000 (a Developer org).
    pub api_max: u64,
    /// Calls that count as already used by others. Default 0.
    pub api_used: u64,
    /// How long a session lives without being used, in simulated time. Default 2 h.
    #[serde(with = "seconds", rename = "session_timeout_s")]
    pub session_timeout: Duration,
    /// Each refresh returns a new refresh token and kills the presented one. Default off.
    pub rotate_refresh_tokens: bool,
    /// Live refresh tokens per user and app; a further one silently ends the oldest. Default 5.
    pub live_grants: usize,
    /// Token requests must carry the client secret. Default on.
    pub require_client_secret: bool,
    /// Compress answers for clients that ask. Default on; switch off where the server shares a core with a benchmark.
    pub gzip: bool,
    /// Largest page of a query, whatever the client asks: real pages may be shorter than asked. Default 2,000.
    pub max_page: usize,
    /// How far `latestDateCovered` stays behind now, in simulated time. Default 2 min.
    #[serde(with = "seconds", rename = "replication_lag_s")]
    pub replication_lag: Duration,
    /// `Warning` header value of deprecated versions: sent for versions below this one. Default 31.
    pub oldest_supported_version: u32,
    /// Adds `per-app-api-usage` to the limit header. Default off.
    pub per_app_usage: bool,
    /// Serves `/_sandbox/...`. Default on.
    pub control_api: bool,
}

impl Default for SalesforceSettings {
    fn default() -> Self {
        Self {
            api_max: 15_000,
            api_used: 0,
            session_timeout: Duration::from_secs(2 * 3600),
            rotate_refresh_tokens: false,
            live_grants: 5,
            require_client_secret: true,
            gzip: true,
            max_page: 2_000,
            replication_lag: Duration::from_secs(120),
            oldest_supported_version: 31,
            per_app_usage: false,
            control_api: true,
        }
    }
}

/// A duration as whole seconds.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(duration.as_secs())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_secs)
    }
}
