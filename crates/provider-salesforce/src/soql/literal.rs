//! Values within a query.

use std::fmt::{self, Write};

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

use crate::cursor::stamp_text;
use crate::id::SalesforceId;

/// A value to compare with. Its kind has to be the field's: Salesforce refuses a quoted date or number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, bare.
    Number(Decimal),
    /// Text in single quotes.
    Text(String),
    /// A day, bare.
    Date(NaiveDate),
    /// A point in time, bare, in UTC with `Z`; thousandths of a second are kept.
    Instant(DateTime<Utc>),
}

impl Literal {
    /// Text to quote.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}

impl From<SalesforceId> for Literal {
    fn from(id: SalesforceId) -> Self {
        Self::text(id.as_str())
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(text) => quote(f, text),
            Self::Date(day) => write!(f, "{}", day.format("%Y-%m-%d")),
            Self::Instant(instant) => f.write_str(&stamp_text(*instant)),
        }
    }
}

/// Text in quotes, with the escapes SOQL knows; other control characters by their number.
fn quote(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('\'')?;
    for c in text.chars() {
        match c {
            '\\' => f.write_str(r"\\")?,
            '\'' => f.write_str(r"\'")?,
            '\n' => f.write_str(r"\n")?,
            '\r' => f.write_str(r"\r")?,
            '\t' => f.write_str(r"\t")?,
            '\u{8}' => f.write_str(r"\b")?,
            '\u{c}' => f.write_str(r"\f")?,
            // Control characters all lie below U+00A0, within the four digits of the escape.
            c if c.is_control() => write!(f, r"\u{:04X}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('\'')
}
