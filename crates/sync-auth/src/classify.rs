//! Which OAuth error means what. Codes are compared without regard to case.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use sync_core::EndCause;

use crate::error::{AuthError, DeadGrant};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Reauthorise,
    Throttled,
    Transient,
}

/// A code, or the start of one when it ends in `*`. What is not listed is a matter of configuration.
const MEANINGS: &[(&str, Meaning)] = &[
    ("invalid_grant", Meaning::Reauthorise),
    ("invalid_client*", Meaning::Reauthorise),
    ("inactive_*", Meaning::Reauthorise),
    ("access_denied", Meaning::Reauthorise),
    ("bad_refresh_token", Meaning::Reauthorise),
    ("bad_hub", Meaning::Reauthorise),
    ("rate_limit_exceeded", Meaning::Throttled),
    ("slow_down", Meaning::Throttled),
    ("server_error", Meaning::Transient),
    ("temporarily_unavailable", Meaning::Transient),
];

/// Words that tell why, in the order in which they count; found in codes and descriptions, without regard to case.
/// Sources: the providers' error tables as of 2026.
const CAUSES: &[(&str, EndCause)] = &[
    ("bad_hub", EndCause::AccountGone),
    ("inactive_org", EndCause::AccountGone),
    ("inactive organization", EndCause::AccountGone),
    ("inactive_user", EndCause::UserInactive),
    ("inactive user", EndCause::UserInactive),
    ("invalid_client", EndCause::Client),
    ("bad_client", EndCause::Client),
    ("audience is invalid", EndCause::Client),
    ("invalid_app_access", EndCause::Policy),
    ("hasn't approved this consumer", EndCause::Policy),
    ("ip restricted", EndCause::Policy),
    ("admin approved", EndCause::Policy),
    ("app_not_found", EndCause::Client),
];

/// From here on a difference of clocks explains a refused assertion: they are good for three minutes at most.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(2);

/// Login limits are counted by the minute or hour, so asking again sooner only prolongs them.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
const LONGEST_CODE: usize = 64;
const LONGEST_DETAIL: usize = 200;

/// A token endpoint's answer that is not a token.
pub(crate) struct Refusal<'a> {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: &'a [u8],
    pub(crate) now: DateTime<Utc>,
    /// The endpoint's clock, where what was presented ends at an instant of ours.
    pub(crate) server_time: Option<DateTime<Utc>>,
}

impl Refusal<'_> {
    /// The error it stands for. `holds_secret` says whether a text must not be repeated.
    pub(crate) fn classify(&self, holds_secret: impl Fn(&str) -> bool) -> AuthError {
        let retry_after = self.retry_after.unwrap_or(DEFAULT_WAIT).min(LONGEST_WAIT);
        match self.status {
            429 => return AuthError::Throttled { retry_after },
            408 | 425 | 500.. => return AuthError::transient(format!("status {}", self.status)),
            300..400 => return AuthError::configuration("redirected"),
            _ => {}
        }
        let Ok(Value::Object(body)) = serde_json::from_slice::<Value>(self.body) else {
            // Gateways answer in HTML; only "no such page" tells that the address is wrong.
            return match self.status {
                404 | 405 | 410 => AuthError::configuration(format!("http_{}", self.status)),
                status => AuthError::transient(format!("status {status} without an oauth error")),
            };
        };
        let text = |key: &str| body.get(key).and_then(Value::as_str);
        let clean = |raw: &str, longest| {
            Some(printable(raw, longest)).filter(|text| !holds_secret(raw) && !text.is_empty())
        };
        // Some answers carry both; `error` is the standard's, `status` may be all there is. Of a wrong client it
        // can say more exactly that it is the app's own id or secret, and no customer's grant.
        let (error, status) = (text("error"), text("status"));
        let exact =
            status.filter(|status| error == Some("invalid_client") && status.starts_with("BAD_CLIENT"));
        let code = exact.or(error).or(status).unwrap_or_default();
        let meaning = meaning(code);
        let code = clean(code, LONGEST_CODE).unwrap_or_else(|| format!("http_{}", self.status));
        let detail = text("error_description").or_else(|| text("message"));
        let detail = detail.and_then(|raw| clean(raw, LONGEST_DETAIL));
        match meaning {
            Some(Meaning::Reauthorise) => {
                let words = [error, status, text("error_description"), text("message")];
                let cause = self.cause(&words.map(Option::unwrap_or_default));
                AuthError::NeedsReauthorisation { grant: DeadGrant { cause, code, detail, since: self.now } }
            }
            Some(Meaning::Throttled) => AuthError::Throttled { retry_after },
            Some(Meaning::Transient) => AuthError::transient(code),
            None => AuthError::Configuration { code, detail },
        }
    }
}

impl Refusal<'_> {
    /// Why the grant ended, by the codes and descriptions of the answer.
    fn cause(&self, words: &[&str]) -> EndCause {
        if self.server_time.is_some_and(|theirs| (theirs - self.now).abs() > CLOCKS_DIFFER) {
            return EndCause::Clock;
        }
        let words = words.join(" ").to_ascii_lowercase();
        let told = CAUSES.iter().find(|(told, _)| words.contains(told));
        told.map_or(EndCause::Revoked, |(_, cause)| *cause)
    }
}

fn meaning(code: &str) -> Option<Meaning> {
    let code = code.to_ascii_lowercase();
    let fits = |pattern: &str| match pattern.strip_suffix('*') {
        Some(start) => code.starts_with(start),
        None => code == pattern,
    };
    MEANINGS.iter().find(|(pattern, _)| fits(pattern)).map(|(_, meaning)| *meaning)
}

/// At most `longest` characters, with control characters turned to spaces so that no log line can be forged.
pub(crate) fn printable(raw: &str, longest: usize) -> String {
    raw.chars().take(longest).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests;
