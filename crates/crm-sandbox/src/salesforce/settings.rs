//! What kind of org answers: versions, lifetimes, limits, page sizes.

use std::time::Duration;

use super::outbound::OutboundSettings;
use crate::authorize::Consent;

/// What a connected app with full access may ask for.
const APP_SCOPES: [&str; 9] =
    ["api", "refresh_token", "offline_access", "id", "openid", "profile", "email", "web", "full"];

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
    /// Where the authorisation page may send the browser; compared to the letter. Default
    /// `http://localhost/oauth-callback`.
    pub redirect_uris: Vec<String>,
    /// Scopes that the app may ask for. Default: those of a connected app with full access.
    pub app_scopes: Vec<String>,
    /// Authorisation requests must bring a code challenge (PKCE). Default off.
    pub require_pkce: bool,
    /// How long an authorisation code is good, in simulated time. Default 15 min.
    #[serde(with = "seconds", rename = "code_life_s")]
    pub code_life: Duration,
    /// Who answers the consent page. Default: a person.
    pub consent: Consent,
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
    /// How outbound messages are sent.
    pub outbound: OutboundSettings,
    /// The request log keeps what writing calls send. Default off.
    pub log_bodies: bool,
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
            redirect_uris: vec!["http://localhost/oauth-callback".to_owned()],
            app_scopes: APP_SCOPES.map(str::to_owned).to_vec(),
            require_pkce: false,
            code_life: Duration::from_secs(15 * 60),
            consent: Consent::Ask,
            gzip: true,
            max_page: 2_000,
            replication_lag: Duration::from_secs(120),
            oldest_supported_version: 31,
            per_app_usage: false,
            outbound: OutboundSettings::default(),
            log_bodies: false,
            control_api: true,
        }
    }
}

impl SalesforceSettings {
    /// How long an authorisation code is good, in simulated milliseconds.
    pub(crate) fn code_life_ms(&self) -> i64 {
        i64::try_from(self.code_life.as_millis()).unwrap_or(i64::MAX)
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
