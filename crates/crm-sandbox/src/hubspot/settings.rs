//! What kind of account answers: limits, lag, and how the unconfirmed parts of the documentation are read.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::auth::REDIRECT_URI;
use super::webhooks::WebhookSettings;
use crate::authorize::Consent;

/// Settings of a simulated account. May be changed while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches")]
pub struct HubspotSettings {
    /// Calls per ten seconds with a private app's token; without end when absent. Default 190 (Professional).
    pub burst_max: Option<u32>,
    /// Calls per ten seconds with an OAuth token. Default 110.
    pub oauth_burst_max: Option<u32>,
    /// Searches per second, whatever the token. Default 5.
    pub search_per_second: Option<u32>,
    /// Calls per day with a private app's token; the day begins at the account's midnight. Default 650,000.
    pub daily_max: u64,
    /// Calls of today that others have used. Default 0.
    pub daily_used: u64,
    /// How far the account's time zone is ahead of UTC, in minutes. Default 0.
    pub utc_offset_minutes: i32,
    /// Bursts are also forgotten as real time passes, so that clients that wait get on although the clock stands
    /// still. Off: only the simulated clock counts. Default on.
    pub limits_in_real_time: bool,
    /// How long an access token lives, in simulated time. Default 30 min.
    #[serde(with = "seconds", rename = "access_token_s")]
    pub access_token: Duration,
    /// How long search does not find a new row or an edit, in simulated time. Default 0.
    #[serde(with = "millis", rename = "index_lag_ms")]
    pub index_lag: Duration,
    /// Up to so much comes on top, drawn anew for every write. Default 0.
    #[serde(with = "millis", rename = "index_lag_jitter_ms")]
    pub index_lag_jitter: Duration,
    /// How far search results can be paged. Default 10,000.
    pub search_cap: usize,
    /// Largest page of a search. Default 200.
    pub search_page: usize,
    /// Largest body of a search, in characters. Default 3,000.
    pub search_body_max: usize,
    /// Largest page of a list. Default 100.
    pub list_page: usize,
    /// Longest request URI, in bytes; beyond it 414. Default 8,000.
    pub uri_max: usize,
    /// A merge makes a new row with a new id, instead of keeping the primary one. Default off.
    pub merge_makes_new_id: bool,
    /// Associating rows moves their modified date. Default off.
    pub associations_move_modified: bool,
    /// An edit that changes a calculated property of another row moves that row's modified date. Default off.
    pub calculated_moves_modified: bool,
    /// Every third new row gets an id below the newest one. Default off.
    pub ids_out_of_order: bool,
    /// A value cleared over the API reads `""` afterwards, not null. Default off.
    pub cleared_reads_empty: bool,
    /// How webhooks are sent.
    pub webhooks: WebhookSettings,
    /// Scopes every token carries; a call without its scope is refused. Default: all.
    pub scopes: Vec<String>,
    /// Each refresh returns a new refresh token and kills the presented one. Default off, as documented.
    pub rotate_refresh_tokens: bool,
    /// Where the authorisation page may send the browser; compared to the letter. Default
    /// `http://localhost/oauth-callback`.
    pub redirect_uris: Vec<String>,
    /// Authorisation requests must bring a code challenge (PKCE). Default off.
    pub require_pkce: bool,
    /// How long an authorisation code is good, in simulated time. Default 10 min.
    #[serde(with = "seconds", rename = "code_life_s")]
    pub code_life: Duration,
    /// Who answers the consent page. Default: a person.
    pub consent: Consent,
    /// The account was closed: refreshing says so. Default off.
    pub account_gone: bool,
    /// Compress answers for clients that ask. Default on.
    pub gzip: bool,
    /// The request log keeps what writing calls send. Default off.
    pub log_bodies: bool,
    /// Serves `/_sandbox/...`. Default on.
    pub control_api: bool,
}

impl Default for HubspotSettings {
    fn default() -> Self {
        Self {
            burst_max: Some(190),
            oauth_burst_max: Some(110),
            search_per_second: Some(5),
            daily_max: 650_000,
            daily_used: 0,
            utc_offset_minutes: 0,
            limits_in_real_time: true,
            access_token: Duration::from_secs(1_800),
            index_lag: Duration::ZERO,
            index_lag_jitter: Duration::ZERO,
            search_cap: 10_000,
            search_page: 200,
            search_body_max: 3_000,
            list_page: 100,
            uri_max: 8_000,
            merge_makes_new_id: false,
            associations_move_modified: false,
            calculated_moves_modified: false,
            ids_out_of_order: false,
            cleared_reads_empty: false,
            webhooks: WebhookSettings::default(),
            scopes: all_scopes(),
            rotate_refresh_tokens: false,
            redirect_uris: vec![REDIRECT_URI.to_owned()],
            require_pkce: false,
            code_life: Duration::from_secs(600),
            consent: Consent::Ask,
            account_gone: false,
            gzip: true,
            log_bodies: false,
            control_api: true,
        }
    }
}

impl HubspotSettings {
    /// How far the account's time zone is ahead of UTC, in milliseconds.
    pub(crate) fn utc_offset_ms(&self) -> i64 {
        i64::from(self.utc_offset_minutes) * 60_000
    }

    /// How long an authorisation code is good, in simulated milliseconds.
    pub(crate) fn code_life_ms(&self) -> i64 {
        i64::try_from(self.code_life.as_millis()).unwrap_or(i64::MAX)
    }

    /// The defaults without burst and search limits, for tests and benchmarks of something else.
    #[must_use]
    pub fn without_bursts() -> Self {
        Self { burst_max: None, oauth_burst_max: None, search_per_second: None, ..Self::default() }
    }
}

/// What an app for a sync asks for.
fn all_scopes() -> Vec<String> {
    let mut scopes = vec!["oauth".to_owned()];
    for object in ["contacts", "companies", "deals", "custom", "owners"] {
        scopes.push(format!("crm.objects.{object}.read"));
        scopes.push(format!("crm.schemas.{object}.read"));
        if object != "owners" {
            scopes.push(format!("crm.objects.{object}.write"));
            scopes.push(format!("crm.schemas.{object}.write"));
        }
    }
    scopes.push("tickets".to_owned());
    scopes
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

/// A duration as whole milliseconds.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
