//! What Salesforce's answers mean (reference/salesforce.md, Status codes and Error codes).

#[cfg(test)]
mod tests;

use std::time::Duration;

use http::HeaderMap;
pub(crate) use provider_http::CallError;
use provider_http::{Answer, Budget, Classify, HttpError, StatusClassifier, Usage, Verdict};
use serde::Deserialize;
use sync_core::SourceError;

/// An org whose day's calls are used up is asked again this often: the window rolls, and nothing tells when
/// it frees.
const DAILY_LIMIT_PAUSE: Duration = Duration::from_secs(15 * 60);
/// Salesforce's words are kept up to this many characters.
const LONGEST_REASON: usize = 300;
/// Our code for a token that may not use the REST API; refreshing it would bring one just like it.
const NOT_FOR_REST: &str = "SESSION_NOT_FOR_REST";

/// Reads answers for the HTTP client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SalesforceAnswers;

impl Classify for SalesforceAnswers {
    fn verdict(&self, answer: &Answer<'_>) -> Verdict {
        let status = answer.status.as_u16();
        if answer.status.is_success() || status == 304 {
            return Verdict::Ok;
        }
        let Some(ApiError { code, message }) = ApiError::read(answer.body) else {
            return match status {
                // An edge that lost its way to the org; it finds it again.
                420 => Verdict::Retry { after: None },
                _ => StatusClassifier.verdict(answer),
            };
        };
        match (code.as_str(), status) {
            ("INVALID_SESSION_ID", _) if message.contains("REST API") => {
                Verdict::Permanent { code: NOT_FOR_REST.to_owned() }
            }
            ("INVALID_SESSION_ID", _) => Verdict::Unauthorised,
            (_, 429) => Verdict::Throttled { wait: None },
            ("REQUEST_LIMIT_EXCEEDED", _) if message.contains("Concurrent") => {
                Verdict::Throttled { wait: None }
            }
            ("REQUEST_LIMIT_EXCEEDED", _) => Verdict::Throttled { wait: Some(DAILY_LIMIT_PAUSE) },
            ("TXN_SECURITY_METERING_ERROR" | "ConcurrentPerOrgLongTxn", _) => {
                Verdict::Throttled { wait: None }
            }
            ("SERVER_UNAVAILABLE" | "UNKNOWN_EXCEPTION", _) => Verdict::Retry { after: None },
            (_, 408 | 420 | 500..) => Verdict::Retry { after: None },
            _ => Verdict::Permanent { code },
        }
    }

    fn usage(&self, headers: &HeaderMap) -> Option<Usage> {
        headers.get_all("sforce-limit-info").iter().find_map(|value| usage(value.to_str().ok()?))
    }
}

/// `api-usage=18/15000`, among whatever else the header says.
fn usage(header: &str) -> Option<Usage> {
    let numbers = header.split([';', ',']).find_map(|part| part.trim().strip_prefix("api-usage"))?;
    let (used, max) = numbers.trim_start().strip_prefix('=')?.trim().split_once('/')?;
    let number = |text: &str| {
        let text = text.trim_start();
        text[..text.bytes().take_while(u8::is_ascii_digit).count()].parse().ok()
    };
    Some(Usage { used: number(used)?, max: number(max)? })
}

/// One of the errors of an answer; the first says what is wrong.
#[derive(Deserialize)]
struct ApiError {
    #[serde(rename = "errorCode")]
    code: String,
    #[serde(default)]
    message: String,
}

impl ApiError {
    /// Reads the documented list of errors. `None` for pages of gateways, cut-off answers and the like.
    fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Vec<Self>>(body).ok()?.into_iter().next()
    }

    fn reason(&self) -> String {
        let clean = self.message.chars().map(|c| if c.is_control() { ' ' } else { c });
        clean.take(LONGEST_REASON).collect::<String>().trim().to_owned()
    }
}

/// Whether to ask anew from the last known position: the place in the result is lost, or this answer.
pub(crate) fn is_broken_off(error: &CallError) -> bool {
    match error {
        CallError::Garbled { .. } => true,
        CallError::Http(HttpError::Refused { code, .. }) => {
            matches!(code.as_str(), "INVALID_QUERY_LOCATOR" | "UNABLE_TO_LOCK_ROW")
        }
        CallError::Http(_) => false,
    }
}

/// Whether the object may have changed since it was described.
pub(crate) fn is_drift(error: &CallError) -> bool {
    let CallError::Http(HttpError::Refused { code, .. }) = error else { return false };
    matches!(code.as_str(), "INVALID_FIELD" | "INVALID_TYPE" | "MALFORMED_QUERY")
}

/// The error of the port. `budget` tells a spent day from a passing throttle.
pub(crate) fn into_source(error: CallError, budget: &Budget) -> SourceError {
    error.into_source(budget, "the connected app's scopes and policies", refused)
}

/// What Salesforce refused for good, as far as the same call goes.
fn refused(call: &'static str, status: u16, code: String, body: &[u8]) -> SourceError {
    let told = ApiError::read(body);
    let reason = told.as_ref().map(ApiError::reason).filter(|reason| !reason.is_empty());
    match (code.as_str(), status) {
        (NOT_FOR_REST, _) => {
            let reason = "the token may not use the REST API; give the connected app the scope `api`";
            SourceError::Unauthorised { call, reason: reason.to_owned() }
        }
        // Too slow now; the next run asks for less, because it resumes further on.
        ("QUERY_TIMEOUT" | "INVALID_QUERY_LOCATOR" | "UNABLE_TO_LOCK_ROW", _) => {
            SourceError::Transient { call, source: format!("salesforce answered {code}").into() }
        }
        // A page of some gateway: no word from Salesforce itself.
        (_, 403) if told.is_none() => {
            SourceError::Transient { call, source: "something on the way answered 403".into() }
        }
        (_, 401 | 403) if code != "INVALID_AUTH_HEADER" => SourceError::Unauthorised {
            call,
            reason: reason.map_or_else(|| code.clone(), |why| format!("{code}: {why}")),
        },
        (_, 414 | 431) => SourceError::Permanent {
            call,
            code,
            reason: "the query is too long for an address; select fewer custom fields".to_owned(),
        },
        (_, 410) => SourceError::Permanent {
            call,
            code,
            reason: "this API version is retired; set a newer `api_version`".to_owned(),
        },
        _ => {
            let reason = reason.unwrap_or_else(|| format!("status {status} without a reason"));
            SourceError::Permanent { call, code, reason }
        }
    }
}
