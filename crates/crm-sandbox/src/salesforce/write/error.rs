//! Why a row was not written, in the provider's words.

use crate::salesforce::model::RecordId;

/// One refused row: code, message and the fields at fault, spelt as the provider spells them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct RowError {
    /// The error code, such as `REQUIRED_FIELD_MISSING`.
    pub code: &'static str,
    /// The message beside it.
    pub message: String,
    /// Field names; often empty.
    pub fields: Vec<String>,
    /// The rows that look the same, as single-row calls tell them; only with `DUPLICATES_DETECTED`.
    pub duplicate_result: Option<serde_json::Value>,
}

impl RowError {
    /// An error with these words.
    pub(crate) fn new(code: &'static str, message: impl Into<String>, fields: &[&str]) -> Self {
        Self {
            code,
            message: message.into(),
            fields: fields.iter().map(|field| (*field).to_owned()).collect(),
            duplicate_result: None,
        }
    }

    /// The status of a single-row call that fails this way.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        if matches!(self.code, "NOT_FOUND" | "ENTITY_IS_DELETED") { 404 } else { 400 }
    }

    pub(crate) fn not_found() -> Self {
        Self::new("NOT_FOUND", "The requested resource does not exist", &[])
    }

    pub(crate) fn deleted() -> Self {
        Self::new("ENTITY_IS_DELETED", "entity is deleted", &[])
    }

    pub(crate) fn unknown_object(object: &str) -> Self {
        Self::new("INVALID_TYPE", format!("sObject type '{object}' is not supported."), &[])
    }

    pub(crate) fn no_column(field: &str, object: &str) -> Self {
        Self::new("INVALID_FIELD", format!("No such column '{field}' on sobject of type {object}"), &[])
    }

    pub(crate) fn no_key_field(field: &str) -> Self {
        let message = format!("Provided external ID field does not exist or is not accessible: {field}");
        Self::new("NOT_FOUND", message, &[])
    }

    pub(crate) fn malformed_id(field: &str, id: &str) -> Self {
        // Ids are short; anything longer is not worth repeating.
        let shown: String = id.chars().take(40).collect();
        Self::new("MALFORMED_ID", format!("{field}: id value of incorrect type: {shown}"), &[field])
    }

    /// Rows that another request holds.
    pub(crate) fn locked(rows: &[RecordId]) -> Self {
        let ids: Vec<&str> = rows.iter().map(RecordId::as_str).collect();
        let message = format!(
            "unable to obtain exclusive access to this record or {} records: {}",
            ids.len(),
            ids.join(",")
        );
        Self::new("UNABLE_TO_LOCK_ROW", message, &[])
    }

    pub(crate) fn duplicate(field: &str, id: RecordId) -> Self {
        let message = format!("duplicate value found: {field} duplicates value on record with id: {id}");
        Self::new("DUPLICATE_VALUE", message, &[])
    }

    pub(crate) fn unreadable(kind: &str, json: &serde_json::Value) -> Self {
        let token = match json {
            serde_json::Value::String(_) => "VALUE_STRING",
            serde_json::Value::Number(n) if n.is_f64() => "VALUE_NUMBER_FLOAT",
            serde_json::Value::Number(_) => "VALUE_NUMBER_INT",
            serde_json::Value::Bool(true) => "VALUE_TRUE",
            serde_json::Value::Bool(false) => "VALUE_FALSE",
            serde_json::Value::Array(_) => "START_ARRAY",
            serde_json::Value::Object(_) => "START_OBJECT",
            serde_json::Value::Null => "VALUE_NULL",
        };
        let shown: String = json.to_string().trim_matches('"').chars().take(80).collect();
        let message = format!(
            "Cannot deserialize instance of {kind} from {token} value {shown} or request may be missing a required \
             field at [line:1, column:1]"
        );
        Self::new("JSON_PARSER_ERROR", message, &[])
    }
}
