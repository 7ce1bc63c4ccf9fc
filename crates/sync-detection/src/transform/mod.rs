//! What can happen to a value between the provider's field and ours: a closed set, checked before it runs.
//!
//! [`Transform`] names a change as configured; the functions are the changes themselves, for mapping code.
//! All take and return an `Option`, because an empty field passes through every change but [`default`]; those
//! that can meet a value they can't change return a [`TransformError`].
//!
//! ```
//! use sync_detection::transform;
//!
//! let email = Some(" Ann@Example.COM ".to_owned());
//! assert_eq!(transform::lowercase(transform::trim(email)).as_deref(), Some("ann@example.com"));
//! assert!(transform::date(Some("soon".to_owned()), "%d.%m.%Y").is_err());
//! ```

mod build;
mod error;
mod invert;
mod number;
mod text;
mod time;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use sync_core::FieldKind;

use crate::literal::{Literal, Words};
pub use build::{pair, word};
pub use error::TransformError;
pub use number::{decimal_literal, integer, number, round, scale, to_integer};
pub use text::{
    boolean, digits, empty_to_null, link, lowercase, map, salesforce_id, split, trim, truncate, uppercase,
};
pub use time::{date, date_literal, date_of_instant, epoch_millis, epoch_seconds, instant, instant_literal};

/// The value, or `value` where the field is empty.
#[must_use]
pub fn default<V>(field: Option<V>, value: impl Into<V>) -> Option<V> {
    Some(field.unwrap_or_else(|| value.into()))
}

/// The opposite.
#[must_use]
pub fn not(value: Option<bool>) -> Option<bool> {
    value.map(|value| !value)
}

/// A change of a value between the provider's field and ours.
///
/// Each has a kind of value it takes and one it gives; what one gives, the next has to take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "yaml", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Transform {
    /// Text without white space at both ends.
    Trim,
    /// Text in small letters, e.g. for e-mail addresses.
    Lowercase,
    /// Text in capitals, e.g. for currency codes.
    Uppercase,
    /// Empty text counts as no value.
    EmptyToNull,
    /// The digits 0 to 9 of a text, e.g. of a telephone number; none at all count as no value.
    Digits,
    /// A Salesforce record id in its form of 18 characters, from either form. Anything else sets the record
    /// aside.
    SalesforceId,
    /// The first so many characters of a text.
    #[cfg_attr(feature = "yaml", schemars(with = "crate::yaml::schema::Characters"))]
    Truncate(u32),
    /// Other words for known ones, e.g. for picklists.
    Map(ValueMap),
    /// A truth from its words.
    Boolean(TruthWords),
    /// An exact decimal number from its text, plain or scientific. Empty text counts as no value.
    Number,
    /// A whole number of 64 bits from its text; `12.0` is one. Empty text counts as no value.
    Integer,
    /// A calendar day from text of this form, e.g. `%d.%m.%Y`. Empty text counts as no value.
    Date(Cow<'static, str>),
    /// A point in time from text of this form, e.g. `%d.%m.%Y %H:%M`; in UTC unless the form has an offset
    /// (`%z`). Empty text counts as no value.
    Instant(Cow<'static, str>),
    /// A point in time from milliseconds since 1970.
    EpochMillis,
    /// A point in time from seconds since 1970.
    EpochSeconds,
    /// The calendar day of a point in time, in UTC.
    DateOfInstant,
    /// A number times this factor, exactly.
    Scale(Literal),
    /// A number with at most so many decimals, halves away from zero.
    #[cfg_attr(feature = "yaml", schemars(with = "crate::yaml::schema::Decimals"))]
    Round(u32),
    /// A whole number from a decimal one; a fraction sets the record aside, so round first where there may be one.
    ToInteger,
    /// True for false and false for true.
    Not,
    /// A list of texts, cut at this separator; without white space around the parts, without empty parts.
    Split(Cow<'static, str>),
    /// This value where the field is empty. Of the kind of the value it stands in for; not for `json`.
    Default(Literal),
}

/// Other words for known ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "yaml", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ValueMap {
    /// The provider's word and ours.
    #[cfg_attr(feature = "yaml", schemars(with = "indexmap::IndexMap<String, String>"))]
    pub values: Words,
    /// What becomes of a word that is not in the list.
    #[serde(default)]
    pub otherwise: Otherwise,
}

/// What becomes of a word that a map does not know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "yaml", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Otherwise {
    /// It stays as it is.
    #[default]
    Keep,
    /// It counts as no value.
    Null,
    /// The record is set aside.
    Fail,
    /// It becomes this.
    Value(Cow<'static, str>),
}

/// The words of a truth. Compared without regard to case and to white space at both ends; any other word sets
/// the record aside, empty text counts as no value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "yaml", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TruthWords {
    /// Words for true.
    #[serde(rename = "true")]
    #[cfg_attr(feature = "yaml", schemars(length(min = 1)))]
    pub truths: Cow<'static, [Cow<'static, str>]>,
    /// Words for false.
    #[serde(rename = "false")]
    #[cfg_attr(feature = "yaml", schemars(length(min = 1)))]
    pub falsehoods: Cow<'static, [Cow<'static, str>]>,
}

impl Transform {
    /// The kind of value it takes; `None` for any.
    #[must_use]
    pub const fn input(&self) -> Option<FieldKind> {
        Some(match self {
            Self::Trim
            | Self::Lowercase
            | Self::Uppercase
            | Self::EmptyToNull
            | Self::Digits
            | Self::SalesforceId
            | Self::Truncate(_)
            | Self::Map(_)
            | Self::Boolean(_)
            | Self::Number
            | Self::Integer
            | Self::Date(_)
            | Self::Instant(_)
            | Self::Split(_) => FieldKind::Text,
            Self::EpochMillis | Self::EpochSeconds => FieldKind::Int,
            Self::DateOfInstant => FieldKind::Instant,
            Self::Scale(_) | Self::Round(_) | Self::ToInteger => FieldKind::Decimal,
            Self::Not => FieldKind::Bool,
            Self::Default(_) => return None,
        })
    }

    /// The kind of value it gives; `None` for the kind it was given.
    #[must_use]
    pub const fn output(&self) -> Option<FieldKind> {
        Some(match self {
            Self::Trim
            | Self::Lowercase
            | Self::Uppercase
            | Self::EmptyToNull
            | Self::Digits
            | Self::SalesforceId
            | Self::Truncate(_)
            | Self::Map(_) => FieldKind::Text,
            Self::Boolean(_) | Self::Not => FieldKind::Bool,
            Self::Number | Self::Scale(_) | Self::Round(_) => FieldKind::Decimal,
            Self::Integer | Self::ToInteger => FieldKind::Int,
            Self::Date(_) | Self::DateOfInstant => FieldKind::Date,
            Self::Instant(_) | Self::EpochMillis | Self::EpochSeconds => FieldKind::Instant,
            Self::Split(_) => FieldKind::Json,
            Self::Default(_) => return None,
        })
    }

    /// Whether a value can be one it can't change, so that its function returns a `Result`.
    #[must_use]
    pub const fn is_fallible(&self) -> bool {
        matches!(
            self,
            Self::SalesforceId
                | Self::Map(_)
                | Self::Boolean(_)
                | Self::Number
                | Self::Integer
                | Self::Date(_)
                | Self::Instant(_)
                | Self::EpochMillis
                | Self::EpochSeconds
                | Self::Scale(_)
                | Self::ToInteger
        )
    }

    /// The spelling in a file.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Trim => "trim",
            Self::Lowercase => "lowercase",
            Self::Uppercase => "uppercase",
            Self::EmptyToNull => "emptyToNull",
            Self::Digits => "digits",
            Self::SalesforceId => "salesforceId",
            Self::Truncate(_) => "truncate",
            Self::Map(_) => "map",
            Self::Boolean(_) => "boolean",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Date(_) => "date",
            Self::Instant(_) => "instant",
            Self::EpochMillis => "epochMillis",
            Self::EpochSeconds => "epochSeconds",
            Self::DateOfInstant => "dateOfInstant",
            Self::Scale(_) => "scale",
            Self::Round(_) => "round",
            Self::ToInteger => "toInteger",
            Self::Not => "not",
            Self::Split(_) => "split",
            Self::Default(_) => "default",
        }
    }
}

#[cfg(test)]
mod tests;
