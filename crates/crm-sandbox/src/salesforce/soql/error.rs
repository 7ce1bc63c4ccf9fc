//! What a refused query answers.

/// A refused query: the provider's `errorCode` and the message beside it.
///
/// Codes are those of the provider's error table; every one of them answers with HTTP 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct SoqlError {
    /// The `errorCode` of the answer.
    pub code: &'static str,
    /// The `message` of the answer, spelt as the provider spells it.
    pub message: String,
}

impl SoqlError {
    /// The text does not follow the grammar, or breaks a rule about how clauses combine.
    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self { code: "MALFORMED_QUERY", message: message.into() }
    }

    /// A field is unknown, or used where its type does not allow it.
    pub(crate) fn field(message: impl Into<String>) -> Self {
        Self { code: "INVALID_FIELD", message: message.into() }
    }

    /// A parser met something else than what may follow.
    pub(crate) fn unexpected(token: &str) -> Self {
        // A token can be as long as the query; the start is enough to find it.
        let shown: String = token.chars().take(80).collect();
        Self::malformed(format!("unexpected token: '{shown}'"))
    }

    pub(crate) fn no_column(field: &str, object: &str) -> Self {
        Self::field(format!("No such column '{field}' on entity '{object}'."))
    }

    pub(crate) fn no_relation(relation: &str, object: &str) -> Self {
        Self::field(format!(
            "Didn't understand relationship '{relation}' in field path of entity '{object}'."
        ))
    }

    pub(crate) fn no_object(object: &str) -> Self {
        Self { code: "INVALID_TYPE", message: format!("sObject type '{object}' is not supported.") }
    }

    pub(crate) fn offset(offset: u64) -> Self {
        Self {
            code: "NUMBER_OUTSIDE_VALID_RANGE",
            message: format!("Maximum SOQL offset allowed is 2000; {offset} was asked for"),
        }
    }

    pub(crate) fn id(field: &str) -> Self {
        Self { code: "INVALID_QUERY_FILTER_OPERATOR", message: format!("invalid ID field: {field}") }
    }
}
