//! What was asked, one request after the other, for tests that count calls or look at what was sent.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::Value as Json;

use crate::wire::Call;

/// Older entries are forgotten.
const KEPT: usize = 4_096;
/// Bodies beyond this many bytes are not kept.
const MAX_BODY: usize = 256 * 1024;

/// A request and how it was answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoggedRequest {
    /// When it was answered, in simulated milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// As in the request counts.
    pub kind: &'static str,
    /// The verb.
    pub method: String,
    /// Decoded, with a slash in front and without the query.
    pub path: String,
    /// Query parameters in their order.
    pub query: Vec<(String, String)>,
    /// HTTP status; none when the connection was cut instead of an answer.
    pub status: Option<u16>,
    /// The JSON body, if it was asked to be kept; never one of a login.
    pub body: Option<Json>,
}

/// The newest requests, oldest first.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    entries: VecDeque<LoggedRequest>,
}

impl RequestLog {
    /// Takes note of one; `with_body` only for kinds whose bodies hold no secrets.
    pub(crate) fn push(
        &mut self,
        call: &Call,
        kind: &'static str,
        status: Option<u16>,
        at_ms: i64,
        with_body: bool,
    ) {
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        let body = (with_body && call.body.len() <= MAX_BODY).then(|| call.json().ok()).flatten();
        self.entries.push_back(LoggedRequest {
            at_ms,
            kind,
            method: call.method.to_string(),
            path: format!("/{}", call.segments.join("/")),
            query: call.query.clone(),
            status,
            body,
        });
    }

    pub(crate) fn entries(&self) -> Vec<LoggedRequest> {
        self.entries.iter().cloned().collect()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}
