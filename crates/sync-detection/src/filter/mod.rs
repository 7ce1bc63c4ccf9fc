//! Which records count.

mod build;
#[cfg(test)]
mod tests;

use std::fmt;

use rust_decimal::Decimal;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sync_core::value::parse_decimal;

pub use build::{Comparable, Ordered};

/// One condition on a remote field. Several form an AND.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "yaml", derive(schemars::JsonSchema), schemars(with = "RawFilter"))]
#[serde(try_from = "RawFilter")]
pub struct Filter {
    field: String,
    op: FilterOp,
    value: FilterValue,
}

impl Filter {
    /// A condition whose operator and value fit each other.
    ///
    /// # Errors
    /// [`FilterError`] when they don't: a list without `in` or `nin` or the other way round, an empty list,
    /// a null or another list within one, or an order asked of truths and nulls.
    pub fn new(
        field: impl Into<String>,
        op: FilterOp,
        value: impl Into<FilterValue>,
    ) -> Result<Self, FilterError> {
        let (field, value) = (field.into(), value.into());
        let problem = match (op, &value) {
            (FilterOp::In | FilterOp::Nin, FilterValue::List(values)) if values.is_empty() => {
                Some("a list with at least one value")
            }
            (FilterOp::In | FilterOp::Nin, FilterValue::List(values)) => values
                .iter()
                .any(|value| matches!(value, FilterValue::Null | FilterValue::List(_)))
                .then_some("a list of plain values; test for null with `eq` or `neq`"),
            (FilterOp::In | FilterOp::Nin, _) => Some("a list"),
            (_, FilterValue::List(_)) => Some("one value; a list goes with `in` or `nin`"),
            (FilterOp::Eq | FilterOp::Neq, _) => None,
            (_, FilterValue::Null | FilterValue::Bool(_)) => {
                Some("a number, a date or a text to compare with")
            }
            _ => None,
        };
        match problem {
            Some(expected) => Err(FilterError { field, op, expected }),
            None => Ok(Self { field, op, value }),
        }
    }

    /// The provider's name of the field.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// How it is compared.
    #[must_use]
    pub const fn op(&self) -> FilterOp {
        self.op
    }

    /// With what.
    #[must_use]
    pub const fn value(&self) -> &FilterValue {
        &self.value
    }
}

/// One condition on a remote field.
#[derive(Deserialize)]
#[cfg_attr(feature = "yaml", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename = "Filter")]
pub(crate) struct RawFilter {
    /// The provider's name of the field.
    field: String,
    /// How it is compared.
    op: FilterOp,
    /// With what. Dates and instants are text; a list goes with `in` and `nin`, null with `eq` and `neq`.
    value: FilterValue,
}

impl TryFrom<RawFilter> for Filter {
    type Error = FilterError;

    fn try_from(raw: RawFilter) -> Result<Self, FilterError> {
        Self::new(raw.field, raw.op, raw.value)
    }
}

/// A condition whose operator and value don't fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the filter on `{field}` uses `{op}`, which needs {expected}")]
pub struct FilterError {
    /// The field's name.
    pub field: String,
    /// The operator.
    pub op: FilterOp,
    /// What it needs.
    pub expected: &'static str,
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "yaml", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum FilterOp {
    /// Equal to the value; with null, empty.
    Eq,
    /// Not equal to the value; with null, not empty.
    Neq,
    /// Equal to one of the list.
    In,
    /// Equal to none of the list.
    Nin,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
}

impl fmt::Display for FilterOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Eq => "eq",
            Self::Neq => "neq",
            Self::In => "in",
            Self::Nin => "nin",
            Self::Gt => "gt",
            Self::Gte => "gte",
            Self::Lt => "lt",
            Self::Lte => "lte",
        })
    }
}

/// What a field is compared with. Dates and instants are text; the provider knows its fields' types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterValue {
    /// Empty.
    Null,
    /// True or false.
    Bool(bool),
    /// A number, exactly as written.
    Number(Decimal),
    /// A text, a date or an instant.
    Text(String),
    /// Several, for `in` and `nin`.
    List(Vec<FilterValue>),
}

impl From<bool> for FilterValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for FilterValue {
    fn from(value: i64) -> Self {
        Self::Number(value.into())
    }
}

impl From<Decimal> for FilterValue {
    fn from(value: Decimal) -> Self {
        Self::Number(value)
    }
}

impl From<String> for FilterValue {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&str> for FilterValue {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl<V: Into<FilterValue>, const N: usize> From<[V; N]> for FilterValue {
    fn from(values: [V; N]) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

impl Serialize for FilterValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            // A format's number can't hold every decimal; its text form can, but would come back as text.
            Self::Number(value) => match i64::try_from(*value) {
                Ok(whole) if value.is_integer() => serializer.serialize_i64(whole),
                _ => serializer.serialize_f64((*value).try_into().map_err(serde::ser::Error::custom)?),
            },
            Self::Text(value) => serializer.serialize_str(value),
            Self::List(values) => values.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for FilterValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = FilterValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, true or false, a number, a text, or a list of them")
    }

    fn visit_unit<E>(self) -> Result<FilterValue, E> {
        Ok(FilterValue::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<FilterValue, E> {
        Ok(FilterValue::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<FilterValue, E> {
        Ok(FilterValue::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<FilterValue, E> {
        Ok(FilterValue::Number(value.into()))
    }

    // A float's shortest text is what was written, as long as it has no more than 15 digits.
    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<FilterValue, E> {
        parse_decimal(&value.to_string())
            .map(FilterValue::Number)
            .ok_or_else(|| E::custom("a number of at most 28 digits is expected"))
    }

    fn visit_str<E>(self, value: &str) -> Result<FilterValue, E> {
        Ok(FilterValue::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<FilterValue, E> {
        Ok(FilterValue::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<FilterValue, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element()? {
            if matches!(value, FilterValue::List(_)) {
                return Err(A::Error::custom("a list within a list"));
            }
            values.push(value);
        }
        Ok(FilterValue::List(values))
    }
}
