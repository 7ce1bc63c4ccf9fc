//! What HubSpot's answers mean (reference/hubspot.md, Errors and Rate limits).

#[cfg(test)]
mod tests;

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderMap;
pub(crate) use provider_http::CallError;
use provider_http::{
    Answer, Budget, Classify, HttpError, RateLimit, RateLimiter, StatusClassifier, Usage, Verdict,
    retry_after,
};
use serde_json::Value as Json;
use sync_core::SourceError;

/// An account whose day's calls are used up is asked again this often: when its day ends is not told.
const DAILY_LIMIT_PAUSE: Duration = Duration::from_secs(15 * 60);
/// The window of the burst limit.
const BURST_WINDOW: Duration = Duration::from_secs(10);
/// After a refusal by the limit of a second.
const SECOND: Duration = Duration::from_secs(1);
/// Records are locked by bulk work for at least this long.
const LOCK_PAUSE: Duration = Duration::from_secs(2);
/// An account that moves to another data centre, if the answer does not say for how long.
const MOVE_PAUSE: Duration = Duration::from_secs(3600);
/// HubSpot's words are kept up to this many characters.
const LONGEST_REASON: usize = 300;

/// Our code for properties that a search names and that are not there.
const NO_PROPERTY: &str = "PROPERTY_DOESNT_EXIST";

/// Reads answers for the HTTP client, and learns the account's pace from their headers.
#[derive(Debug)]
pub(crate) struct HubspotAnswers {
    /// The pace to adapt; `None` where it is configured.
    pub(crate) pace: Option<RateLimiter>,
    /// Calls and milliseconds of the limit that the pace was last set to.
    pub(crate) known: AtomicU64,
}

impl HubspotAnswers {
    pub(crate) fn adapting(pace: Option<RateLimiter>) -> Self {
        Self { pace, known: AtomicU64::new(0) }
    }

    /// Sets the pace to nine tenths of what the headers allow, whenever that changes.
    fn learn(&self, headers: &HeaderMap) {
        let Some(pace) = &self.pace else { return };
        let number = |name| number::<u32>(headers, name);
        let (Some(calls), Some(window)) = (
            number("x-hubspot-ratelimit-max").filter(|calls| *calls > 0),
            number("x-hubspot-ratelimit-interval-milliseconds").filter(|window| *window > 0),
        ) else {
            return;
        };
        let told = u64::from(calls) << 32 | u64::from(window);
        if self.known.swap(told, Ordering::Relaxed) != told {
            pace.set_limit(nine_tenths(calls, Duration::from_millis(window.into())));
        }
    }
}

/// Nine tenths of what an account may call, a tenth of it at once.
pub(crate) fn nine_tenths(calls: u32, window: Duration) -> RateLimit {
    let at_least_one = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
    let ours = u32::try_from(u64::from(calls) * 9 / 10).unwrap_or(calls);
    RateLimit::new(at_least_one(ours), window, at_least_one(calls / 10))
}

impl Classify for HubspotAnswers {
    fn verdict(&self, answer: &Answer<'_>) -> Verdict {
        let status = answer.status.as_u16();
        if answer.status.is_success() {
            return Verdict::Ok;
        }
        // What the header asks for counts; otherwise what the kind of limit needs.
        let asked = retry_after(answer.headers, chrono::DateTime::UNIX_EPOCH).is_some();
        let throttled = |wait| Verdict::Throttled { wait: if asked { None } else { wait } };
        let told = ApiError::read(answer.body);
        match (status, told) {
            (429, Some(error)) if error.is_daily() => Verdict::Throttled { wait: Some(DAILY_LIMIT_PAUSE) },
            (429, Some(error)) if error.is_secondly() => throttled(Some(SECOND)),
            (429, Some(_)) => throttled(Some(BURST_WINDOW)),
            (429, None) => throttled(None),
            (477, _) => throttled(Some(MOVE_PAUSE)),
            // Nothing was done yet, so writes are tried again as well.
            (423, _) => throttled(Some(LOCK_PAUSE)),
            // A missing scope or a malformed token: refreshing it would bring one just like it.
            (401, Some(error)) if error.category == "INVALID_AUTHENTICATION" => {
                Verdict::Permanent { code: error.category }
            }
            (400..=499, Some(error)) if !matches!(status, 401 | 408 | 425) => {
                Verdict::Permanent { code: error.code(status) }
            }
            _ => StatusClassifier.verdict(answer),
        }
    }

    fn usage(&self, headers: &HeaderMap) -> Option<Usage> {
        self.learn(headers);
        let max = number::<u64>(headers, "x-hubspot-ratelimit-daily")?;
        let left = number::<u64>(headers, "x-hubspot-ratelimit-daily-remaining")?;
        Some(Usage { used: max.saturating_sub(left), max })
    }
}

fn number<N: std::str::FromStr>(headers: &HeaderMap, name: &str) -> Option<N> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// An answer's error. Every key is optional on the wire.
#[derive(Debug, Default, PartialEq)]
struct ApiError {
    category: String,
    message: String,
    policy: String,
    scopes: Vec<String>,
}

impl ApiError {
    /// Reads the documented form. `None` for pages of gateways, cut-off answers and the like.
    fn read(body: &[u8]) -> Option<Self> {
        let Json::Object(body) = serde_json::from_slice(body).ok()? else { return None };
        let text = |key: &str| body.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        let mut scopes = Vec::new();
        missing_scopes(body.get("context"), &mut scopes);
        for error in body.get("errors").and_then(Json::as_array).into_iter().flatten() {
            missing_scopes(error.get("context"), &mut scopes);
        }
        let mut category = text("category");
        if category.is_empty() {
            category = text("errorType");
        }
        Some(Self { category, message: text("message"), policy: text("policyName"), scopes })
    }

    fn is_daily(&self) -> bool {
        self.policy.eq_ignore_ascii_case("DAILY") || self.message.contains("daily limit")
    }

    fn is_secondly(&self) -> bool {
        self.policy.eq_ignore_ascii_case("SECONDLY") || self.message.contains("reached your secondly limit")
    }

    fn code(&self, status: u16) -> String {
        if self.message.contains(NO_PROPERTY) {
            return NO_PROPERTY.to_owned();
        }
        let is_code = !self.category.is_empty()
            && self.category.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if is_code { self.category.clone() } else { format!("http_{status}") }
    }

    fn reason(&self) -> String {
        let mut reason = printable(&self.message);
        if !self.scopes.is_empty() {
            let scopes = printable(&self.scopes.join(", "));
            reason = format!("{reason} (missing scopes: {scopes})");
        }
        reason
    }
}

fn printable(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    clean.take(LONGEST_REASON).collect::<String>().trim().to_owned()
}

fn missing_scopes(context: Option<&Json>, scopes: &mut Vec<String>) {
    for key in ["missingScopes", "requiredGranularScopes", "requiredScopes"] {
        let listed = context.and_then(|context| context.get(key)).and_then(Json::as_array);
        scopes.extend(listed.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned));
    }
}

/// Whether the object may have changed since it was described.
pub(crate) fn is_drift(error: &CallError) -> bool {
    matches!(error, CallError::Http(HttpError::Refused { code, .. }) if code == NO_PROPERTY)
}

/// Whether the account's plan or the app's scopes lack what was asked for.
pub(crate) fn is_forbidden(error: &CallError) -> bool {
    let CallError::Http(HttpError::Refused { status: 403, body, .. }) = error else { return false };
    ApiError::read(&body.0).is_some()
}

/// The error of the port. `budget` tells a spent day from a passing throttle.
pub(crate) fn into_source(error: CallError, budget: &Budget) -> SourceError {
    error.into_source(budget, "the app and its scopes", refused)
}

/// What HubSpot refused for good, as far as the same call goes.
fn refused(call: &'static str, status: u16, code: String, body: &[u8]) -> SourceError {
    let told = ApiError::read(body);
    let reason = told.as_ref().map(ApiError::reason).filter(|reason| !reason.is_empty());
    match status {
        // A page of some gateway: no word from HubSpot itself.
        403 if told.is_none() => {
            SourceError::Transient { call, source: "something on the way answered 403".into() }
        }
        401 | 403 => SourceError::Unauthorised {
            call,
            reason: reason.map_or_else(|| code.clone(), |why| format!("{code}: {why}")),
        },
        414 | 431 => SourceError::Permanent {
            call,
            code,
            reason: "the address is too long; read fewer custom properties".to_owned(),
        },
        _ => {
            let reason = reason.unwrap_or_else(|| format!("status {status} without a reason"));
            SourceError::Permanent { call, code, reason }
        }
    }
}
