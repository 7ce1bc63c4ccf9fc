//! Telling whether two records say the same, without keeping either.

use std::fmt;

use serde_json::Value as Json;

use crate::custom::CUSTOM_PREFIX;
use crate::diff::METADATA;
use crate::value::instant_text;
use crate::{Canonical, FieldValue, ValueRef};

/// What a record says, as one text: the order of fields, the form of numbers and how much of an instant lies
/// below the microsecond do not count, and empty fields are left out, custom ones included.
///
/// Two records with the same fingerprint are the same by [`ValueRef::same`] in every field (INV-LOO-1). The
/// converse holds between values of one kind, and between a value and its plain text: `12.50`, `12.5` and `"12.5"`
/// agree. `"12.50"` stands by itself, because `same` holds it equal to the number and yet different from the text
/// `"12.5"`: no fingerprint can follow that, so this one errs towards *different*.
///
/// Row metadata ([`METADATA`]) is left out, as comparison does by default: a provider sets its stamps itself.
///
/// The text holds the record's values: hash it before it leaves the process. It may change between releases.
///
/// ```
/// use sync_core::{Canonical, Fingerprint};
///
/// #[derive(Clone, Debug, Default, PartialEq, Canonical)]
/// #[canonical(entity = "ticket")]
/// struct Ticket {
///     subject: Option<String>,
///     price: Option<rust_decimal::Decimal>,
/// }
///
/// let ticket = |price: &str| Ticket { subject: None, price: price.parse().ok() };
/// assert_eq!(Fingerprint::of(&ticket("12.50")), Fingerprint::of(&ticket("12.5")));
/// assert_ne!(Fingerprint::of(&ticket("12.50")), Fingerprint::of(&ticket("12.05")));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of a whole record.
    #[must_use]
    pub fn of<T: Canonical>(record: &T) -> Self {
        let mut fields: Vec<usize> = (0..T::FIELDS.len()).collect();
        fields.sort_unstable_by_key(|field| T::FIELDS[*field].name);
        let mut text = Text(String::new());
        for field in fields {
            let (name, value) = (T::FIELDS[field].name, record.value(field));
            if !value.is_null() && !METADATA.contains(&name) {
                text.scalar(name);
                text.value(value);
            }
        }
        for (name, value) in record.custom().into_iter().flat_map(|custom| custom.iter()) {
            if !value.is_null() {
                text.scalar(&format!("{CUSTOM_PREFIX}{name}"));
                text.value(value.as_ref());
            }
        }
        Self(text.0)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(..)") // it holds field values
    }
}

/// A text in which every part says how long it is, so that no two sequences of parts read alike.
struct Text(String);

impl Text {
    fn scalar(&mut self, text: &str) {
        self.0.push_str(&text.len().to_string());
        self.0.push(':');
        self.0.push_str(text);
    }

    fn value(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Null => self.0.push('~'),
            ValueRef::Bool(b) => self.scalar(if b { "true" } else { "false" }),
            ValueRef::Int(n) => self.scalar(&n.to_string()),
            ValueRef::Decimal(d) => self.scalar(&d.normalize().to_string()),
            ValueRef::Text(t) => self.scalar(t),
            ValueRef::Date(d) => self.scalar(&d.to_string()),
            ValueRef::Instant(i) => self.scalar(&instant_text(i)),
            ValueRef::Json(json) => self.json(json),
        }
    }

    fn json(&mut self, json: &Json) {
        match json {
            Json::Null => self.value(ValueRef::Null),
            Json::Bool(b) => self.value(ValueRef::Bool(*b)),
            Json::String(t) => self.value(ValueRef::Text(t)),
            Json::Number(number) => match FieldValue::from_json(json.clone()) {
                // Beyond decimals: such a number equals no text.
                FieldValue::Json(_) => {
                    self.0.push('#');
                    self.scalar(&number.to_string());
                }
                number => self.value(number.as_ref()),
            },
            Json::Array(values) => {
                self.0.push('[');
                values.iter().for_each(|value| self.json(value));
                self.0.push(']');
            }
            Json::Object(object) => {
                let mut entries: Vec<_> = object.iter().collect();
                entries.sort_unstable_by_key(|(name, _)| *name);
                self.0.push('{');
                for (name, value) in entries {
                    self.scalar(name);
                    self.json(value);
                }
                self.0.push('}');
            }
        }
    }
}

#[cfg(test)]
mod tests;
