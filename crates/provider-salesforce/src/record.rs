//! A view over one record as Salesforce sent it, and what can be wrong with it.

mod error;
mod read;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cell::Cell;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde_json::Value as Json;
use sync_core::{ExternalId, FieldKind, FieldValue};

use crate::describe::FieldType;
use crate::id::SalesforceId;
pub use error::RecordError;

/// One record of an answer, indexed once and read field by field.
///
/// - A field that was selected and is missing in the answer is an error of the record
///   ([`RecordError::Missing`]); a field sent as `null` is `None`. So a cut-off answer can't empty columns.
/// - A path goes through relationships and compound fields: `Account.Name`, `BillingAddress.city`. Where a
///   step is `null`, so is the rest.
/// - Reading in the order of the select list is fastest, because the next field is looked for first.
///
/// ```
/// use provider_salesforce::SalesforceRecord;
///
/// let record = SalesforceRecord::parse(
///     r#"{"Id": "0065e00000QwErTAAV", "Amount": 0.1, "Account": {"Name": "Acme"}, "Next__c": null}"#,
/// )?;
/// assert_eq!(record.decimal("Amount")?.unwrap().to_string(), "0.1");
/// assert_eq!(record.text("Account.Name")?.as_deref(), Some("Acme"));
/// assert_eq!(record.text("Next__c")?, None);
/// assert!(record.text("Name").is_err());
/// # Ok::<(), provider_salesforce::RecordError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SalesforceRecord<'a> {
    fields: Vec<(&'a str, &'a str)>,
    /// The field after the one that was read last.
    next: Cell<usize>,
}

impl<'a> SalesforceRecord<'a> {
    /// Indexes the fields of a JSON object.
    ///
    /// # Errors
    /// [`RecordError::NotAnObject`] for anything else.
    pub fn parse(json: &'a str) -> Result<Self, RecordError> {
        let fields = read::object(json).ok_or(RecordError::NotAnObject)?;
        Ok(Self { fields, next: Cell::new(0) })
    }

    /// Text: strings, picklists, e-mail addresses, times.
    ///
    /// # Errors
    /// [`RecordError`] if the field is missing or no text.
    pub fn text(&self, field: &str) -> Result<Option<String>, RecordError> {
        self.read(field, "a text", |raw| read::text(raw).map(Cow::into_owned))
    }

    /// A record id, in its long form.
    ///
    /// # Errors
    /// [`RecordError`] if the field is missing or no id: 15 characters, or 18 with the right checksum.
    pub fn id(&self, field: &str) -> Result<Option<SalesforceId>, RecordError> {
        let Some(raw) = self.raw(field)? else { return Ok(None) };
        let text = read::text(raw).ok_or_else(|| RecordError::mismatch(field, "an id", raw))?;
        SalesforceId::parse(&text).map(Some).ok_or_else(|| RecordError::BadId { field: field.into() })
    }

    /// Another record's id, to keep as a link.
    ///
    /// # Errors
    /// As [`id`](Self::id).
    pub fn link(&self, field: &str) -> Result<Option<ExternalId>, RecordError> {
        Ok(self.id(field)?.map(Into::into))
    }

    /// True or false.
    ///
    /// # Errors
    /// [`RecordError`] if the field is missing or neither.
    pub fn boolean(&self, field: &str) -> Result<Option<bool>, RecordError> {
        self.read(field, "true or false", read::boolean)
    }

    /// A whole number. `5.0` is one: that is how number fields without decimals are sent.
    ///
    /// # Errors
    /// [`RecordError`] if the field is missing, no number, or not a whole one of 64 bits.
    pub fn integer(&self, field: &str) -> Result<Option<i64>, RecordError> {
        self.read(field, "a whole number", read::integer)
    }

    /// A number, from its digits as they were sent.
    ///
    /// # Errors
    /// [`RecordError::TooManyDigits`] beyond 28 digits, [`RecordError`] if the field is missing or no number.
    pub fn decimal(&self, field: &str) -> Result<Option<Decimal>, RecordError> {
        let Some(raw) = self.raw(field)? else { return Ok(None) };
        if !read::is_number(raw) {
            return Err(RecordError::mismatch(field, "a number", raw));
        }
        read::decimal(raw).map(Some).ok_or_else(|| RecordError::TooManyDigits { field: field.into() })
    }

    /// A calendar day.
    ///
    /// # Errors
    /// [`RecordError`] if the field is missing or no day.
    pub fn date(&self, field: &str) -> Result<Option<NaiveDate>, RecordError> {
        self.read(field, "a date", read::date)
    }

    /// A point in time, in Salesforce's form with `+0000` or in RFC 3339.
    ///
    /// # Errors
    /// [`RecordError`] if the field is missing or no instant.
    pub fn instant(&self, field: &str) -> Result<Option<DateTime<Utc>>, RecordError> {
        self.read(field, "a point in time", read::instant)
    }

    /// Anything, e.g. a whole compound field.
    ///
    /// # Errors
    /// [`RecordError`] if the field is missing, or holds text that is none.
    pub fn json(&self, field: &str) -> Result<Option<Json>, RecordError> {
        self.read(field, "a value", |raw| serde_json::from_str(raw).ok())
    }

    /// A related record that was selected through its relationship, or a compound field with its parts;
    /// `None` where there is none.
    ///
    /// # Errors
    /// [`RecordError`] if the field is missing or no object.
    pub fn parent(&self, field: &str) -> Result<Option<SalesforceRecord<'a>>, RecordError> {
        self.read(field, "an object", |raw| Self::parse(raw).ok())
    }

    /// The value of a field that the entity needs.
    ///
    /// # Errors
    /// [`RecordError::Empty`] if it is empty.
    pub fn required<V>(field: &str, value: Option<V>) -> Result<V, RecordError> {
        value.ok_or_else(|| RecordError::Empty { field: field.into() })
    }

    /// A custom field by its described type.
    pub(crate) fn custom(&self, field: &str, field_type: FieldType) -> Result<FieldValue, RecordError> {
        let value = match field_type.kind() {
            FieldKind::Bool => self.boolean(field)?.map(FieldValue::Bool),
            FieldKind::Int => self.integer(field)?.map(FieldValue::Int),
            FieldKind::Decimal => self.decimal(field)?.map(FieldValue::Decimal),
            FieldKind::Date => self.date(field)?.map(FieldValue::Date),
            FieldKind::Instant => self.instant(field)?.map(FieldValue::Instant),
            FieldKind::Json => self.json(field)?.map(FieldValue::from_json),
            FieldKind::Text | FieldKind::Link => self.text(field)?.map(FieldValue::Text),
        };
        Ok(value.unwrap_or_default())
    }

    fn read<V>(
        &self,
        field: &str,
        expected: &'static str,
        read: impl FnOnce(&'a str) -> Option<V>,
    ) -> Result<Option<V>, RecordError> {
        match self.raw(field)? {
            None => Ok(None),
            Some(raw) => match read(raw) {
                Some(value) => Ok(Some(value)),
                None => Err(RecordError::mismatch(field, expected, raw)),
            },
        }
    }

    /// A field's JSON text; `None` for `null`.
    fn raw(&self, path: &str) -> Result<Option<&'a str>, RecordError> {
        let missing = || RecordError::Missing { field: path.into() };
        let (first, mut rest) = match path.split_once('.') {
            Some((first, rest)) => (first, Some(rest)),
            None => (path, None),
        };
        let mut raw = self.find(first).ok_or_else(missing)?;
        while let (Some(steps), false) = (rest, raw == "null") {
            let (step, next) = steps.split_once('.').map_or((steps, None), |(step, next)| (step, Some(next)));
            let found = read::field(raw, step).map_err(|_| RecordError::mismatch(path, "an object", raw))?;
            raw = found.ok_or_else(missing)?;
            rest = next;
        }
        Ok((raw != "null").then_some(raw))
    }

    fn find(&self, name: &str) -> Option<&'a str> {
        let start = self.next.get();
        let is_named = |field: &(&str, &str)| field.0 == name;
        let at = match self.fields.get(start) {
            Some(field) if is_named(field) => start,
            _ => self.fields.iter().position(is_named)?,
        };
        self.next.set(at + 1);
        Some(self.fields[at].1)
    }
}
