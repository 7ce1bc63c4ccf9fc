//! Refusals: a JSON array on data calls, a JSON object on OAuth calls.

use serde_json::{Value as Json, json};

use crate::salesforce::write::RowError;
use crate::wire::Answer;

/// A refused call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
    pub(super) fields: Vec<String>,
    pub(super) duplicate_result: Option<Json>,
}

impl ApiError {
    pub(super) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            fields: Vec::new(),
            duplicate_result: None,
        }
    }

    pub(super) fn bad_request(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// Also what an unknown URI answers.
    pub(super) fn not_found() -> Self {
        Self::new(404, "NOT_FOUND", "The requested resource does not exist")
    }

    pub(super) fn method(method: &http::Method, allowed: &str) -> Self {
        let message = format!("HTTP Method '{method}' not allowed. Allowed are {allowed}");
        Self::new(405, "METHOD_NOT_ALLOWED", message)
    }

    pub(super) fn session() -> Self {
        Self::new(401, "INVALID_SESSION_ID", "Session expired or invalid")
    }

    pub(super) fn answer(&self) -> Answer {
        let mut element = json!({"message": self.message, "errorCode": self.code});
        if !self.fields.is_empty() {
            element["fields"] = json!(self.fields);
        }
        if let Some(result) = &self.duplicate_result {
            element["duplicateResult"] = result.clone();
        }
        Answer::json(self.status, &json!([element]))
    }
}

impl From<serde_json::Error> for ApiError {
    fn from(error: serde_json::Error) -> Self {
        Self::bad_request("JSON_PARSER_ERROR", format!("The request body is not readable JSON: {error}"))
    }
}

impl From<RowError> for ApiError {
    fn from(error: RowError) -> Self {
        Self {
            status: error.http_status(),
            code: error.code.to_owned(),
            message: error.message,
            fields: error.fields,
            duplicate_result: error.duplicate_result,
        }
    }
}

/// A refused OAuth call.
pub(super) fn oauth_error(error: &str, description: &str) -> Answer {
    Answer::json(400, &json!({"error": error, "error_description": description}))
}
