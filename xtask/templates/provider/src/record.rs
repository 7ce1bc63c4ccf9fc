//! A view over one record as __Product__ sent it, and what can be wrong with it.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde_json::Value as Json;
use sync_core::value::{parse_decimal, parse_instant};
use sync_core::ExternalId;
use sync_detection::TransformError;

/// Why a record can't be mapped. Never holds a field's value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The record is something else than a JSON object.
    #[error("the record is no json object")]
    NotAnObject,
    /// A field that was asked for is not in the answer, not even as null.
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
    /// A field holds something that is not wanted there.
    #[error("field `{field}` {reason}")]
    Invalid {
        /// Its name.
        field: Box<str>,
        /// What is wrong, after the field's name and without its value.
        reason: &'static str,
    },
}

impl RecordError {
    /// A field whose value a transform of the mapping could not change.
    #[must_use]
    pub fn transform(field: &str, error: TransformError) -> Self {
        Self::Invalid { field: field.into(), reason: error.reason() }
    }
}

/// One record of an answer. A path goes through objects: `owner.id`. Where a step is `null`, so is the rest.
#[derive(Clone, Debug)]
pub struct __Provider__Record<'a> {
    json: Json,
    text: &'a str,
}

impl<'a> __Provider__Record<'a> {
    /// Reads a JSON object.
    ///
    /// # Errors
    /// [`RecordError::NotAnObject`] for anything else.
    pub fn parse(text: &'a str) -> Result<Self, RecordError> {
        let json: Json = serde_json::from_str(text).map_err(|_| RecordError::NotAnObject)?;
        if json.is_object() { Ok(Self { json, text }) } else { Err(RecordError::NotAnObject) }
    }

    /// The bytes as they came.
    #[must_use]
    pub const fn raw(&self) -> &'a str {
        self.text
    }

    /// Text.
    ///
    /// # Errors
    /// [`RecordError`] if the field is missing or no text.
    pub fn text(&self, field: &str) -> Result<Option<String>, RecordError> {
        self.read(field, "is no text", |json| json.as_str().map(str::to_owned))
    }

    /// Another record's id, to keep as a link; a number counts as its digits.
    ///
    /// # Errors
    /// [`RecordError`] if the field is missing or neither.
    pub fn link(&self, field: &str) -> Result<Option<ExternalId>, RecordError> {
        let id = |json: &Json| match json {
            Json::String(text) => Some(ExternalId::new(text.clone())),
            Json::Number(number) => Some(ExternalId::new(number.to_string())),
            _ => None,
        };
        self.read(field, "is no id", id)
    }

    /// True or false.
    ///
    /// # Errors
    /// [`RecordError`] if the field is missing or neither.
    pub fn boolean(&self, field: &str) -> Result<Option<bool>, RecordError> {
        self.read(field, "is neither true nor false", Json::as_bool)
    }

    /// A whole number.
    ///
    /// # Errors
    /// [`RecordError`] if the field is missing or no whole number of 64 bits.
    pub fn integer(&self, field: &str) -> Result<Option<i64>, RecordError> {
        self.read(field, "is no whole number of 64 bits", Json::as_i64)
    }

    /// A number, from a JSON number or from its text.
    ///
    /// # Errors
    /// [`RecordError`] if the field is missing or no number of at most 28 digits.
    pub fn decimal(&self, field: &str) -> Result<Option<Decimal>, RecordError> {
        let number = |json: &Json| match json {
            Json::String(text) => parse_decimal(text),
            Json::Number(number) => parse_decimal(&number.to_string()),
            _ => None,
        };
        self.read(field, "is no number of at most 28 digits", number)
    }

    /// A calendar day.
    ///
    /// # Errors
    /// [`RecordError`] if the field is missing or no day.
    pub fn date(&self, field: &str) -> Result<Option<NaiveDate>, RecordError> {
        self.read(field, "is no date", |json| json.as_str()?.parse().ok())
    }

    /// A point in time, in RFC 3339.
    ///
    /// # Errors
    /// [`RecordError`] if the field is missing or no instant.
    pub fn instant(&self, field: &str) -> Result<Option<DateTime<Utc>>, RecordError> {
        self.read(field, "is no point in time", |json| parse_instant(json.as_str()?))
    }

    /// Anything.
    ///
    /// # Errors
    /// [`RecordError`] if the field is missing.
    pub fn json(&self, field: &str) -> Result<Option<Json>, RecordError> {
        self.read(field, "is nothing", |json| Some(json.clone()))
    }

    /// The value of a field that the entity needs.
    ///
    /// # Errors
    /// [`RecordError::Empty`] if it is empty.
    pub fn required<V>(field: &str, value: Option<V>) -> Result<V, RecordError> {
        value.ok_or_else(|| RecordError::Empty { field: field.into() })
    }

    fn read<V>(
        &self,
        field: &str,
        reason: &'static str,
        read: impl FnOnce(&Json) -> Option<V>,
    ) -> Result<Option<V>, RecordError> {
        let mut json = &self.json;
        for step in field.split('.') {
            if json.is_null() {
                return Ok(None);
            }
            json = json.get(step).ok_or_else(|| RecordError::Missing { field: field.into() })?;
        }
        if json.is_null() {
            return Ok(None);
        }
        read(json).map(Some).ok_or_else(|| RecordError::Invalid { field: field.into(), reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_is_not_null() {
        let record = __Provider__Record::parse(r#"{"amount": 0.1, "owner": null}"#).unwrap();
        assert_eq!(record.decimal("amount").unwrap().unwrap().to_string(), "0.1");
        assert_eq!(record.link("owner.id").unwrap(), None);
        assert!(matches!(record.text("name"), Err(RecordError::Missing { .. })));
    }
}
