//! Why a record can't be mapped. Never holds a property's value.

use sync_detection::TransformError;

/// Why a record can't be mapped. It is set aside under its id and fetched again later; the run goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The record is something else than a JSON object with properties.
    #[error("the record is no json object with properties")]
    NotAnObject,
    /// A property that was asked for is not in the answer, not even as null.
    #[error("property `{field}` was asked for and is missing in the answer")]
    Missing {
        /// Its name.
        field: Box<str>,
    },
    /// A property that the entity needs is empty.
    #[error("property `{field}` is empty, and the entity needs it")]
    Empty {
        /// Its name.
        field: Box<str>,
    },
    /// A property holds something of another kind.
    #[error("property `{field}` holds {found}, expected {expected}")]
    Mismatch {
        /// Its name.
        field: Box<str>,
        /// What was expected.
        expected: &'static str,
        /// What kind of value came.
        found: &'static str,
    },
    /// A number does not fit a decimal, and is not rounded.
    #[error("property `{field}` needs more than 28 digits")]
    TooManyDigits {
        /// Its name.
        field: Box<str>,
    },
    /// A record id is something else than a whole number.
    #[error("property `{field}` is no record id")]
    BadId {
        /// Its name.
        field: Box<str>,
    },
    /// A reason of the entity's own.
    #[error("property `{field}` {reason}")]
    Invalid {
        /// Its name.
        field: Box<str>,
        /// What is wrong, after the property's name and without its value: `is before the start date`.
        reason: &'static str,
    },
}

impl RecordError {
    /// A property whose value a transform of the mapping could not change.
    #[must_use]
    pub fn transform(field: &str, error: TransformError) -> Self {
        Self::Invalid { field: field.into(), reason: error.reason() }
    }

    pub(super) fn mismatch(field: &str, expected: &'static str, raw: &str) -> Self {
        let found = match raw.as_bytes().first() {
            Some(b'"') => "a text of another form",
            Some(b'{') => "an object",
            Some(b'[') => "a list",
            Some(b't' | b'f') => "true or false",
            _ => "a number",
        };
        Self::Mismatch { field: field.into(), expected, found }
    }
}
