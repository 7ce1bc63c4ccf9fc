//! Refusals.

use serde_json::{Map, Value as Json, json};

use crate::hubspot::auth::{BadToken, uuid};
use crate::hubspot::limits::Limited;
use crate::hubspot::model::time::iso_millis;
use crate::hubspot::state::State;
use crate::hubspot::write::RowError;
use crate::wire::{Answer, Call};

/// A refused call. Every key besides the status is optional on the wire.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ApiError {
    pub(super) status: u16,
    pub(super) body: Map<String, Json>,
}

impl ApiError {
    pub(super) fn new(status: u16, category: &str, message: impl Into<String>) -> Self {
        let mut body = Map::new();
        body.insert("status".to_owned(), "error".into());
        body.insert("message".to_owned(), message.into().into());
        body.insert("category".to_owned(), category.into());
        Self { status, body }
    }

    /// Adds a key.
    pub(super) fn with(mut self, key: &str, value: impl Into<Json>) -> Self {
        self.body.insert(key.to_owned(), value.into());
        self
    }

    /// Without a key.
    fn without(mut self, key: &str) -> Self {
        self.body.remove(key);
        self
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "VALIDATION_ERROR", message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "OBJECT_NOT_FOUND", message)
    }

    /// What an unknown path answers.
    pub(super) fn no_resource() -> Self {
        Self::not_found("resource not found")
    }

    pub(super) fn method() -> Self {
        Self::new(405, "METHOD_NOT_ALLOWED", "Method Not Allowed").without("category")
    }

    pub(super) fn no_credentials() -> Self {
        let message = "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can \
                       find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview";
        Self::new(401, "INVALID_AUTHENTICATION", message)
    }

    /// `now` in milliseconds.
    pub(super) fn bad_token(bad: BadToken, now: i64) -> Self {
        match bad {
            BadToken::Unknown => Self::no_credentials(),
            BadToken::Expired(at) => {
                let age = now.saturating_sub(at) / 1000;
                let message = format!("The OAuth token used to make this call expired {age} second(s) ago.");
                Self::new(401, "EXPIRED_AUTHENTICATION", message)
                    .with("context", json!({"expire time": [iso_millis(at)]}))
            }
        }
    }

    pub(super) fn missing_scope(scope: &str) -> Self {
        let message = "This app hasn't been granted all required scopes to make this call. Read more about required \
                       scopes here: https://developers.hubspot.com/scopes.";
        let detail = json!([{
            "message": "One or more of the following scopes are required.",
            "context": {"requiredGranularScopes": [scope]},
        }]);
        Self::new(403, "MISSING_SCOPES", message)
            .with("errors", detail)
            .with("links", json!({"scopes": "https://developers.hubspot.com/scopes"}))
    }

    /// The three bodies of 429.
    pub(super) fn limited(limited: Limited, app_id: u64, portal_id: u64) -> Self {
        match limited {
            Limited::Secondly => Self::new(429, "RATE_LIMITS", "You have reached your secondly limit."),
            Limited::TenSecondly => {
                let group = format!("publicapi:private_app-api-calls-ten-secondly:{app_id}:{portal_id}");
                Self::new(429, "", "You have reached your ten_secondly_rolling limit.")
                    .without("category")
                    .with("errorType", "RATE_LIMIT")
                    .with("policyName", "TEN_SECONDLY_ROLLING")
                    .with("groupName", group)
            }
            Limited::Daily => Self::new(429, "", "You have reached your daily limit.")
                .without("category")
                .with("errorType", "RATE_LIMIT")
                .with("policyName", "DAILY"),
        }
    }

    pub(super) fn answer(mut self, state: &State, call: &Call) -> Answer {
        let id = correlation(state, call);
        if self.body.get("policyName").is_some_and(|name| name == "DAILY") {
            self.body.insert("requestId".to_owned(), id.replace('-', "").into());
        }
        self.body.insert("correlationId".to_owned(), id.into());
        Answer::json(self.status, &self.body)
    }
}

impl From<RowError> for ApiError {
    fn from(error: RowError) -> Self {
        let answer = Self::new(error.status, error.category, error.message);
        if error.errors.is_empty() { answer } else { answer.with("errors", error.errors) }
    }
}

impl From<serde_json::Error> for ApiError {
    fn from(error: serde_json::Error) -> Self {
        Self::bad_request(format!(
            "Invalid input JSON on line {}, column {}: {error}",
            error.line(),
            error.column()
        ))
    }
}

/// The id of a request, the same in header and body.
pub(super) fn correlation(state: &State, call: &Call) -> String {
    let mut text = uuid(&format!("correlation/{}/{}", state.seed, call.number));
    // Real ones are of version 7.
    text.replace_range(14..15, "7");
    text
}
