//! Refused writes.

use serde_json::{Value as Json, json};

/// Why a row could not be written or found, worded as HubSpot does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RowError {
    /// HTTP status.
    pub status: u16,
    /// `VALIDATION_ERROR`, `CONFLICT`, `OBJECT_NOT_FOUND`, …
    pub category: &'static str,
    /// What people read.
    pub message: String,
    /// One entry per bad value.
    pub(crate) errors: Vec<Json>,
}

/// A value that does not fit its property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvalidValue {
    pub(crate) property: String,
    /// `PROPERTY_DOESNT_EXIST`, `INVALID_OPTION`, …
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl RowError {
    fn new(status: u16, category: &'static str, message: impl Into<String>) -> Self {
        Self { status, category, message: message.into(), errors: Vec::new() }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "VALIDATION_ERROR", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "OBJECT_NOT_FOUND", message)
    }

    pub(crate) fn no_object(id: impl std::fmt::Display) -> Self {
        Self::not_found(format!("Object not found.  objectId are usually numeric: {id}"))
    }

    pub(crate) fn exists(message: impl Into<String>) -> Self {
        Self::new(409, "CONFLICT", message)
    }

    /// A row may take in 250 others.
    pub(crate) fn merge_limit() -> Self {
        Self::new(414, "VALIDATION_ERROR", "The limit of 250 merges was reached for this record.")
    }

    /// Values that don't fit; the details are JSON inside the message, as in real answers.
    pub(crate) fn invalid(portal_id: u64, values: &[InvalidValue]) -> Self {
        let details: Vec<Json> = values
            .iter()
            .map(|value| {
                json!({
                    "isValid": false,
                    "message": value.message,
                    "error": value.code,
                    "name": value.property,
                    "localizedErrorMessage": value.message,
                    "portalId": portal_id,
                })
            })
            .collect();
        let mut error = Self::bad_request(format!("Property values were not valid: {}", Json::from(details)));
        error.errors = values
            .iter()
            .map(|value| {
                json!({
                    "message": value.message,
                    "code": value.code,
                    "context": {"propertyName": [value.property]},
                })
            })
            .collect();
        error
    }
}
