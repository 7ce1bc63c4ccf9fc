//! Why a record can't be mapped. Never holds a field's value.

use sync_detection::TransformError;

/// Why a record can't be mapped. It is set aside under its id and fetched again later; the run goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The record is something else than a JSON object.
    #[error("the record is no json object")]
    NotAnObject,
    /// A selected field is not in the answer, not even as null.
    #[error("field `{field}` was asked for and is missing in the answer")]
    Missing {
        /// Its name.
        field: Box<str>,
    },
    /// A field that the entity needs is empty.
    #[error("field `{field}` is empty, and the entity needs it")]
    Empty {
        /// Its name.
        field: Box<str>,
    },
    /// A field holds something of another kind.
    #[error("field `{field}` holds {found}, expected {expected}")]
    Mismatch {
        /// Its name.
        field: Box<str>,
        /// What was expected.
        expected: &'static str,
        /// What kind of value came.
        found: &'static str,
    },
    /// A number does not fit a decimal, and is not rounded.
    #[error("field `{field}` needs more than 28 digits")]
    TooManyDigits {
        /// Its name.
        field: Box<str>,
    },
    /// A record id has the wrong length, characters or checksum.
    #[error("field `{field}` is no record id")]
    BadId {
        /// Its name.
        field: Box<str>,
    },
    /// A reason of the entity's own.
    #[error("field `{field}` {reason}")]
    Invalid {
        /// Its name.
        field: Box<str>,
        /// What is wrong, after the field's name and without its value: `is before the start date`.
        reason: &'static str,
    },
}

impl RecordError {
    /// What a configured transform could not change.
    ///
    /// ```
    /// use provider_salesforce::RecordError;
    /// use sync_detection::transform;
    ///
    /// let error = transform::date(Some("soon".to_owned()), "%d.%m.%Y").unwrap_err();
    /// let error = RecordError::transform("Due__c", error);
    /// assert_eq!(error.to_string(), "field `Due__c` is no date of the configured form");
    /// ```
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
