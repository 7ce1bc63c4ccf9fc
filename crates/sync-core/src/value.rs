//! Field values: owned for the audit, borrowed for comparison and writing.

use chrono::{DateTime, NaiveDate, SubsecRound, Utc};
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use crate::FieldKind;

/// One field's value, owned.
///
/// In JSON, decimals are strings (exact) and instants are RFC 3339 in UTC.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum FieldValue {
    /// Empty.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// An exact decimal number.
    Decimal(Decimal),
    /// Text.
    Text(String),
    /// A calendar day.
    Date(NaiveDate),
    /// A point in time.
    Instant(DateTime<Utc>),
    /// Anything structured, such as an address.
    Json(Json),
}

/// One field's value, borrowed from a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRef<'a> {
    /// Empty.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// An exact decimal number.
    Decimal(Decimal),
    /// Text.
    Text(&'a str),
    /// A calendar day.
    Date(NaiveDate),
    /// A point in time.
    Instant(DateTime<Utc>),
    /// Anything structured.
    Json(&'a Json),
}

impl FieldValue {
    /// Whether the field is empty.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// What kind of value it is; `None` when it is empty.
    #[must_use]
    pub const fn kind(&self) -> Option<FieldKind> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(_) => FieldKind::Bool,
            Self::Int(_) => FieldKind::Int,
            Self::Decimal(_) => FieldKind::Decimal,
            Self::Text(_) => FieldKind::Text,
            Self::Date(_) => FieldKind::Date,
            Self::Instant(_) => FieldKind::Instant,
            Self::Json(_) => FieldKind::Json,
        })
    }

    /// The value, borrowed.
    #[must_use]
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Null => ValueRef::Null,
            Self::Bool(b) => ValueRef::Bool(*b),
            Self::Int(n) => ValueRef::Int(*n),
            Self::Decimal(d) => ValueRef::Decimal(*d),
            Self::Text(t) => ValueRef::Text(t),
            Self::Date(d) => ValueRef::Date(*d),
            Self::Instant(i) => ValueRef::Instant(*i),
            Self::Json(j) => ValueRef::Json(j),
        }
    }

    /// The JSON form that the audit keeps.
    #[must_use]
    pub fn to_json(&self) -> Json {
        self.as_ref().to_json()
    }

    /// Reads a JSON value. Text stays text even where it looks like a number or a date, because
    /// comparison treats both alike; numbers beyond 64-bit integers become decimals from their own digits.
    #[must_use]
    pub fn from_json(json: Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(b) => Self::Bool(b),
            Json::String(t) => Self::Text(t),
            Json::Number(n) => match (n.as_i64(), parse_decimal(&n.to_string())) {
                (Some(n), _) => Self::Int(n),
                (None, Some(d)) => Self::Decimal(d),
                (None, None) => Self::Json(Json::Number(n)),
            },
            other => Self::Json(other),
        }
    }
}

impl ValueRef<'_> {
    /// Whether the field is empty.
    #[must_use]
    pub fn is_null(self) -> bool {
        matches!(self, Self::Null)
    }

    /// An owned copy.
    #[must_use]
    pub fn to_owned(self) -> FieldValue {
        match self {
            Self::Null => FieldValue::Null,
            Self::Bool(b) => FieldValue::Bool(b),
            Self::Int(n) => FieldValue::Int(n),
            Self::Decimal(d) => FieldValue::Decimal(d),
            Self::Text(t) => FieldValue::Text(t.to_owned()),
            Self::Date(d) => FieldValue::Date(d),
            Self::Instant(i) => FieldValue::Instant(i),
            Self::Json(j) => FieldValue::Json(j.clone()),
        }
    }

    /// The JSON form that the audit keeps.
    #[must_use]
    pub fn to_json(self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(b) => Json::Bool(b),
            Self::Int(n) => Json::from(n),
            Self::Decimal(d) => Json::String(d.to_string()),
            Self::Text(t) => Json::String(t.to_owned()),
            Self::Date(d) => Json::String(d.to_string()),
            Self::Instant(i) => Json::String(instant_text(i)),
            Self::Json(j) => j.clone(),
        }
    }

    /// Whether two values mean the same, in spite of different forms (R8).
    ///
    /// Numbers compare as decimals, never as binary floats, also against numeric text; instants compare
    /// to the microsecond (what databases keep), also against RFC 3339 text; two texts compare
    /// character by character, so `007` is not `7`.
    #[must_use]
    pub fn same(self, other: ValueRef<'_>) -> bool {
        use ValueRef as V;
        match (self, other) {
            (V::Null, V::Null) => true,
            (V::Bool(a), V::Bool(b)) => a == b,
            (V::Int(a), V::Int(b)) => a == b,
            (V::Decimal(a), V::Decimal(b)) => a == b,
            (V::Text(a), V::Text(b)) => a == b,
            (V::Date(a), V::Date(b)) => a == b,
            (V::Instant(a), V::Instant(b)) => a.trunc_subsecs(6) == b.trunc_subsecs(6),
            (V::Json(a), V::Json(b)) => same_json(a, b),
            (V::Null, _) | (_, V::Null) => false,
            (V::Json(Json::Object(_) | Json::Array(_)), _)
            | (_, V::Json(Json::Object(_) | Json::Array(_))) => false,
            (V::Json(j), v) | (v, V::Json(j)) => FieldValue::from_json(j.clone()).as_ref().same_scalar(v),
            (a, b) => a.same_scalar(b),
        }
    }

    /// Comparison of two scalars of different kinds.
    fn same_scalar(self, other: ValueRef<'_>) -> bool {
        if let (Some(a), Some(b)) = (self.number(), other.number()) {
            return a == b && !(self.is_text() && other.is_text());
        }
        match (self, other) {
            (ValueRef::Instant(i), ValueRef::Text(t)) | (ValueRef::Text(t), ValueRef::Instant(i)) => {
                parse_instant(t).is_some_and(|t| t.trunc_subsecs(6) == i.trunc_subsecs(6))
            }
            (ValueRef::Date(d), ValueRef::Text(t)) | (ValueRef::Text(t), ValueRef::Date(d)) => {
                t.parse::<NaiveDate>().is_ok_and(|t| t == d)
            }
            (ValueRef::Bool(b), ValueRef::Text(t)) | (ValueRef::Text(t), ValueRef::Bool(b)) => {
                t == if b { "true" } else { "false" }
            }
            (ValueRef::Text(a), ValueRef::Text(b)) => a == b,
            (ValueRef::Bool(a), ValueRef::Bool(b)) => a == b,
            _ => false,
        }
    }

    fn is_text(self) -> bool {
        matches!(self, Self::Text(_))
    }

    fn number(self) -> Option<Decimal> {
        match self {
            Self::Int(n) => Some(Decimal::from(n)),
            Self::Decimal(d) => Some(d),
            Self::Text(t) => parse_decimal(t),
            _ => None,
        }
    }
}

/// Deep equality of structured values by the rules of [`ValueRef::same`]; the order of keys does not count.
fn same_json(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|w| same_json(v, w)))
        }
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(v, w)| same_json(v, w))
        }
        (Json::String(a), Json::String(b)) => a == b,
        (Json::Object(_) | Json::Array(_), _) | (_, Json::Object(_) | Json::Array(_)) => false,
        (a, b) => match (FieldValue::from_json(a.clone()), FieldValue::from_json(b.clone())) {
            // Numbers beyond what a decimal holds stay JSON, and have no other form to compare.
            (FieldValue::Json(a), FieldValue::Json(b)) => a == b,
            (a, b) => a.as_ref().same(b.as_ref()),
        },
    }
}

/// A decimal from its digits, plain or scientific, without passing through a binary float. `None` when the
/// text is no number or needs more than 28 digits.
#[must_use]
pub fn parse_decimal(text: &str) -> Option<Decimal> {
    let first = text.as_bytes().first()?;
    if !(first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.')) {
        return None;
    }
    match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => scaled(Decimal::from_str_exact(digits).ok()?, exponent.parse().ok()?),
        None => Decimal::from_str_exact(text).ok(),
    }
}

/// `number` times a power of ten, exact or not at all.
fn scaled(mut number: Decimal, exponent: i32) -> Option<Decimal> {
    let scale = i32::try_from(number.scale()).ok()?.checked_sub(exponent)?;
    if let Ok(scale) = u32::try_from(scale) {
        number.set_scale(scale).ok()?;
        return Some(number);
    }
    number.set_scale(0).ok()?;
    let power = 10_i128.checked_pow(scale.unsigned_abs())?;
    number.checked_mul(Decimal::try_from_i128_with_scale(power, 0).ok()?)
}

/// An instant from RFC 3339 text, also in Salesforce's form with `+0000` in place of `+00:00`.
#[must_use]
pub fn parse_instant(text: &str) -> Option<DateTime<Utc>> {
    // Chrono's `FromStr` is the lenient reader of RFC 3339: it takes zones without a colon.
    text.parse::<DateTime<Utc>>().ok()
}

/// The one text form of an instant: RFC 3339, UTC, as many decimals of the second as it has (0, 3 or 6).
#[must_use]
pub fn instant_text(instant: DateTime<Utc>) -> String {
    instant.trunc_subsecs(6).to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

impl Serialize for ValueRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(b) => serializer.serialize_bool(*b),
            Self::Int(n) => serializer.serialize_i64(*n),
            Self::Decimal(d) => serializer.collect_str(d),
            Self::Text(t) => serializer.serialize_str(t),
            Self::Date(d) => serializer.collect_str(d),
            Self::Instant(i) => serializer.serialize_str(&instant_text(*i)),
            Self::Json(j) => j.serialize(serializer),
        }
    }
}

impl Serialize for FieldValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_ref().serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for FieldValue {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Json::deserialize(deserializer).map(Self::from_json)
    }
}

#[cfg(test)]
mod tests;
