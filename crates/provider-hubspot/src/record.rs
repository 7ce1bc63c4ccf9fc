//! A view over one record as HubSpot sent it, and what can be wrong with it.

mod error;
mod read;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cell::Cell;

use chrono::{DateTime, NaiveDate, Utc};
use provider_http::slices;
use rust_decimal::Decimal;
use serde_json::Value as Json;
use sync_core::{ExternalId, FieldValue};

use crate::describe::PropertyType;
use crate::id::HubspotId;
pub use error::RecordError;

/// The start of a mapped source that stands for an associated record: `associations.companies`.
pub(crate) const ASSOCIATIONS: &str = "associations.";

/// One record of an answer, indexed once and read property by property.
///
/// - A property that was asked for and is missing in the answer is an error of the record
///   ([`RecordError::Missing`]); one sent as `null` or as empty text is `None`, because HubSpot clears values
///   with `""`. So a cut-off answer can't empty columns.
/// - Values are text on the wire, whatever their type: numbers with exponents or commas between thousands, days
///   as `2026-03-31` or milliseconds, `true` and `false`.
/// - Beside the properties there are the record's own `id`, `createdAt`, `updatedAt`, `archived`, `archivedAt`
///   and `url`, and under `associations.companies` the associated record: the primary one, else the only one,
///   else the one with the lowest id.
/// - Reading in the order in which properties were asked for is fastest, because the next one is looked for
///   first.
///
/// ```
/// use provider_hubspot::HubspotRecord;
///
/// let record = HubspotRecord::parse(
///     r#"{"id": "5551", "properties": {"dealname": "Acme", "amount": "1,200.50", "closedate": ""},
///         "associations": {"companies": {"results": [{"id": "801", "type": "deal_to_company"}]}}}"#,
/// )?;
/// assert_eq!(record.text("dealname")?.as_deref(), Some("Acme"));
/// assert_eq!(record.decimal("amount")?.unwrap().to_string(), "1200.50");
/// assert_eq!(record.instant("closedate")?, None);
/// assert_eq!(record.link("associations.companies")?.unwrap().as_str(), "801");
/// assert!(record.text("dealstage").is_err());
/// # Ok::<(), provider_hubspot::RecordError>(())
/// ```
#[derive(Clone, Debug)]
pub struct HubspotRecord<'a> {
    properties: Vec<(&'a str, &'a str)>,
    /// What the record itself has beside its properties; empty for flat records.
    envelope: Vec<(&'a str, &'a str)>,
    /// Associated records by object name, as far as they were asked for.
    links: Vec<(Box<str>, Option<HubspotId>)>,
    /// The property after the one that was read last.
    next: Cell<usize>,
}

impl<'a> HubspotRecord<'a> {
    /// Indexes a record: an object with `properties`, or a flat one such as an owner.
    ///
    /// # Errors
    /// [`RecordError::NotAnObject`] for anything else.
    pub fn parse(json: &'a str) -> Result<Self, RecordError> {
        let mut envelope = slices::object(json).ok_or(RecordError::NotAnObject)?;
        let mut properties = None;
        let mut links = Vec::new();
        envelope.retain(|(name, value)| match *name {
            "properties" => {
                properties = Some(slices::object(value));
                false
            }
            "associations" => {
                links = inline_links(value);
                false
            }
            _ => true,
        });
        let properties = match properties {
            Some(properties) => properties.ok_or(RecordError::NotAnObject)?,
            None => std::mem::take(&mut envelope),
        };
        Ok(Self { properties, envelope, links, next: Cell::new(0) })
    }

    /// With the associated record of an object, as it is known from elsewhere.
    #[must_use]
    pub fn with_association(mut self, object: &str, id: Option<HubspotId>) -> Self {
        self.links.retain(|(known, _)| **known != *object);
        self.links.push((object.into(), id));
        self
    }

    /// Text: strings, telephone numbers, the internal values of enumerations, several of them with semicolons.
    ///
    /// # Errors
    /// [`RecordError`] if the property is missing or no text.
    pub fn text(&self, field: &str) -> Result<Option<String>, RecordError> {
        self.read(field, "a text", |text| Some(text.to_owned()))
    }

    /// A record id.
    ///
    /// # Errors
    /// [`RecordError`] if the property is missing or no whole number.
    pub fn id(&self, field: &str) -> Result<Option<HubspotId>, RecordError> {
        if let Some(object) = field.strip_prefix(ASSOCIATIONS) {
            let known = self.links.iter().find(|(name, _)| **name == *object);
            return known.map(|(_, id)| *id).ok_or_else(|| RecordError::Missing { field: field.into() });
        }
        let Some(text) = self.value(field)? else { return Ok(None) };
        HubspotId::parse(&text).map(Some).ok_or_else(|| RecordError::BadId { field: field.into() })
    }

    /// Another record's id, to keep as a link: an associated record, an owner, an id in a number property.
    ///
    /// # Errors
    /// As [`id`](Self::id).
    pub fn link(&self, field: &str) -> Result<Option<ExternalId>, RecordError> {
        Ok(self.id(field)?.map(Into::into))
    }

    /// True or false.
    ///
    /// # Errors
    /// [`RecordError`] if the property is missing or neither.
    pub fn boolean(&self, field: &str) -> Result<Option<bool>, RecordError> {
        self.read(field, "true or false", read::boolean)
    }

    /// A whole number; `5.0`, `5,000` and `5E3` are such.
    ///
    /// # Errors
    /// [`RecordError`] if the property is missing, no number, or not a whole one of 64 bits.
    pub fn integer(&self, field: &str) -> Result<Option<i64>, RecordError> {
        self.read(field, "a whole number", read::integer)
    }

    /// A number, from its digits as they were sent.
    ///
    /// # Errors
    /// [`RecordError::TooManyDigits`] beyond 28 digits, [`RecordError`] if the property is missing or no number.
    pub fn decimal(&self, field: &str) -> Result<Option<Decimal>, RecordError> {
        match self.read(field, "a number", read::decimal)? {
            None => Ok(None),
            Some(Some(number)) => Ok(Some(number)),
            Some(None) => Err(RecordError::TooManyDigits { field: field.into() }),
        }
    }

    /// A calendar day.
    ///
    /// # Errors
    /// [`RecordError`] if the property is missing or no day; an instant is none.
    pub fn date(&self, field: &str) -> Result<Option<NaiveDate>, RecordError> {
        self.read(field, "a date", read::date)
    }

    /// A point in time, in RFC 3339 or in milliseconds since 1970.
    ///
    /// # Errors
    /// [`RecordError`] if the property is missing or no instant.
    pub fn instant(&self, field: &str) -> Result<Option<DateTime<Utc>>, RecordError> {
        self.read(field, "a point in time", read::instant)
    }

    /// Anything: the JSON in a property of type `json`, an owner's teams, or the text as it is.
    ///
    /// # Errors
    /// [`RecordError`] if the property is missing, or holds text that is none.
    pub fn json(&self, field: &str) -> Result<Option<Json>, RecordError> {
        let Some(raw) = self.raw(field)? else { return Ok(None) };
        if !raw.starts_with('"') {
            let value =
                serde_json::from_str(raw).map_err(|_| RecordError::mismatch(field, "a value", raw))?;
            return Ok(Some(value));
        }
        self.read(field, "a value", |text| {
            let structured = text.starts_with(['{', '[']).then(|| serde_json::from_str(text).ok()).flatten();
            Some(structured.unwrap_or_else(|| Json::String(text.to_owned())))
        })
    }

    /// The value of a property that the entity needs.
    ///
    /// # Errors
    /// [`RecordError::Empty`] if it is empty.
    pub fn required<V>(field: &str, value: Option<V>) -> Result<V, RecordError> {
        value.ok_or_else(|| RecordError::Empty { field: field.into() })
    }

    /// A custom property by its described type.
    pub(crate) fn custom(&self, field: &str, property_type: PropertyType) -> Result<FieldValue, RecordError> {
        use PropertyType as P;
        let value = match property_type {
            P::Bool => self.boolean(field)?.map(FieldValue::Bool),
            P::Number => self.decimal(field)?.map(FieldValue::Decimal),
            P::Date => self.date(field)?.map(FieldValue::Date),
            P::Datetime => self.instant(field)?.map(FieldValue::Instant),
            P::Json => self.json(field)?.map(FieldValue::from_json),
            P::String | P::Enumeration | P::PhoneNumber | P::ObjectCoordinates | P::Other => {
                self.text(field)?.map(FieldValue::Text)
            }
        };
        Ok(value.unwrap_or_default())
    }

    /// Whether the answer holds this property, empty or not.
    pub(crate) fn has(&self, field: &str) -> bool {
        field.starts_with(ASSOCIATIONS) || self.find(field).is_some()
    }

    fn read<V>(
        &self,
        field: &str,
        expected: &'static str,
        read: impl FnOnce(&str) -> Option<V>,
    ) -> Result<Option<V>, RecordError> {
        let Some(text) = self.value(field)? else { return Ok(None) };
        match read(&text) {
            Some(value) => Ok(Some(value)),
            None => {
                let raw = self.raw(field)?.unwrap_or_default();
                Err(RecordError::mismatch(field, expected, raw))
            }
        }
    }

    /// A property's text; of a number or a truth, the text it is written in. `None` where it is empty.
    fn value(&self, field: &str) -> Result<Option<Cow<'a, str>>, RecordError> {
        let Some(raw) = self.raw(field)? else { return Ok(None) };
        if raw.starts_with(['{', '[']) {
            return Err(RecordError::mismatch(field, "a text", raw));
        }
        if !raw.starts_with('"') {
            return Ok(Some(Cow::Borrowed(raw)));
        }
        let text = slices::text(raw).ok_or_else(|| RecordError::mismatch(field, "a text", raw))?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// A property's JSON text; `None` for `null`.
    fn raw(&self, field: &str) -> Result<Option<&'a str>, RecordError> {
        let raw = self.find(field).ok_or_else(|| RecordError::Missing { field: field.into() })?;
        Ok((raw != "null").then_some(raw))
    }

    fn find(&self, name: &str) -> Option<&'a str> {
        let start = self.next.get();
        let is_named = |field: &(&str, &str)| field.0 == name;
        let at = match self.properties.get(start) {
            Some(field) if is_named(field) => Some(start),
            _ => self.properties.iter().position(is_named),
        };
        if let Some(at) = at {
            self.next.set(at + 1);
            return Some(self.properties[at].1);
        }
        self.envelope.iter().find(|field| is_named(field)).map(|(_, raw)| *raw)
    }
}

/// The associated records that came with a record: of one the only, of several the lowest, because which one is
/// primary is not told here.
fn inline_links(json: &str) -> Vec<(Box<str>, Option<HubspotId>)> {
    let objects = slices::object(json).unwrap_or_default();
    objects.into_iter().map(|(object, list)| (object.into(), inline_ids(list).into_iter().min())).collect()
}

/// The ids of one object's inline list, in no particular order.
pub(crate) fn inline_ids(list: &str) -> Vec<HubspotId> {
    #[derive(serde::Deserialize)]
    struct List<'a> {
        #[serde(borrow)]
        results: Vec<&'a serde_json::value::RawValue>,
    }
    let results = serde_json::from_str::<List<'_>>(list).map(|list| list.results).unwrap_or_default();
    let id = |raw: &&serde_json::value::RawValue| {
        let id = slices::field(raw.get(), "id").ok()??;
        HubspotId::parse(id.trim_matches('"'))
    };
    let mut ids: Vec<_> = results.iter().filter_map(id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
