//! What an answer means. Every provider has its own reading of the same status codes.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, StatusCode};

use crate::budget::Usage;
use crate::redact;

/// An answer to be judged. `Debug` shows neither header values that may be secret nor the body.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers.
    pub headers: &'a HeaderMap,
    /// Body, decompressed. Of an error answer that broke off, the part that arrived.
    pub body: &'a [u8],
}

impl fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("headers", &redact::headers(self.headers))
            .field("length", &self.body.len())
            .finish()
    }
}

/// What to do about an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Hand it to the caller, whatever its status.
    Ok,
    /// It failed for now and *may* have taken effect: repeated only if that does no harm.
    Retry {
        /// How long to wait; `None`: `Retry-After` if sent, otherwise backoff.
        after: Option<Duration>,
    },
    /// It was turned away unprocessed because there were too many: repeated whatever the method, and every
    /// other call of the connection waits as long.
    Throttled {
        /// How long to wait; `None`: `Retry-After` if sent, otherwise backoff, and the others need not wait.
        wait: Option<Duration>,
    },
    /// The token was refused: repeated once with a fresh one. Not for missing permissions.
    Unauthorised,
    /// It will be refused again.
    Permanent {
        /// The provider's code.
        code: String,
    },
}

/// A provider's reading of its answers.
pub trait Classify: Send + Sync {
    /// What to do about an answer. Called for every answer, successful ones included.
    fn verdict(&self, answer: &Answer<'_>) -> Verdict;

    /// What the answer tells about the org's API budget, if anything.
    fn usage(&self, headers: &HeaderMap) -> Option<Usage>;
}

/// The reading that HTTP itself gives, for providers to fall back on:
///
/// | status | verdict |
/// |---|---|
/// | 2xx, 304 | `Ok` |
/// | 401 | `Unauthorised` |
/// | 429 | `Throttled` |
/// | 408, 425, 500, 502, 503, 504 and all unknown 5xx | `Retry` |
/// | 501, 505, and everything else | `Permanent`, code `http_<status>` |
#[derive(Debug, Clone, Copy, Default)]
pub struct StatusClassifier;

impl Classify for StatusClassifier {
    fn verdict(&self, answer: &Answer<'_>) -> Verdict {
        match answer.status.as_u16() {
            200..=299 | 304 => Verdict::Ok,
            401 => Verdict::Unauthorised,
            429 => Verdict::Throttled { wait: None },
            408 | 425 => Verdict::Retry { after: None },
            500.. if !matches!(answer.status.as_u16(), 501 | 505) => Verdict::Retry { after: None },
            status => Verdict::Permanent { code: format!("http_{status}") },
        }
    }

    fn usage(&self, _headers: &HeaderMap) -> Option<Usage> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_verdict() {
        let retry = Verdict::Retry { after: None };
        let permanent = |status| Verdict::Permanent { code: format!("http_{status}") };
        let cases = [
            (200, Verdict::Ok),
            (204, Verdict::Ok),
            (304, Verdict::Ok),
            (300, permanent(300)),
            (302, permanent(302)),
            (400, permanent(400)),
            (401, Verdict::Unauthorised),
            (403, permanent(403)),
            (404, permanent(404)),
            (408, retry.clone()),
            (425, retry.clone()),
            (429, Verdict::Throttled { wait: None }),
            (500, retry.clone()),
            (501, permanent(501)),
            (502, retry.clone()),
            (503, retry.clone()),
            (504, retry.clone()),
            (505, permanent(505)),
            (520, retry),
        ];
        for (status, expected) in cases {
            let status = StatusCode::from_u16(status).unwrap();
            let answer = Answer { status, headers: &HeaderMap::new(), body: b"" };
            assert_eq!(StatusClassifier.verdict(&answer), expected, "{status}");
        }
    }
}
