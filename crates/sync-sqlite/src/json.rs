//! Many rows in one value: a JSON array of arrays.
//!
//! As a parameter, `jsonb_each` takes it apart again; as an answer, `json_group_array` makes it.
//!
//! One parameter keeps the number of statements fixed whatever the size of a batch, and costs one copy on the
//! way to SQLite's thread. `value ->> n` then reads the n-th value of a row, from 0: text, whole numbers and
//! nulls come out as they are, true and false as 1 and 0, objects as JSON text.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

/// Rows, or single values, for one parameter.
pub(crate) struct JsonRows(Vec<u8>);

impl JsonRows {
    /// No rows yet. `n_rows` and `row_size` (bytes) only set aside room.
    pub(crate) fn new(n_rows: usize, row_size: usize) -> Self {
        let mut json = Vec::with_capacity(2 + n_rows * row_size);
        json.push(b'[');
        Self(json)
    }

    /// A list of texts.
    pub(crate) fn texts<'a>(texts: impl ExactSizeIterator<Item = &'a str>) -> Self {
        let mut list = Self::new(texts.len(), 40);
        texts.for_each(|text| list.text(text));
        list
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, write: impl FnOnce(&mut Self)) {
        self.separate();
        self.0.push(b'[');
        write(self);
        self.0.push(b']');
    }

    pub(crate) fn null(&mut self) {
        self.separate();
        self.0.extend_from_slice(b"null");
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.separate();
        self.0.extend_from_slice(if value { b"true" } else { b"false" });
    }

    pub(crate) fn int(&mut self, number: i64) {
        self.value(&number);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.value(text);
    }

    pub(crate) fn uuid(&mut self, id: Uuid) {
        self.text(id.hyphenated().encode_lower(&mut [0; uuid::fmt::Hyphenated::LENGTH]));
    }

    pub(crate) fn instant(&mut self, at: DateTime<Utc>) {
        self.text(&instant(at));
    }

    /// Text that is only shown, never compared: what can't be kept is replaced.
    pub(crate) fn shown(&mut self, text: &str) {
        self.text(&storable(text));
    }

    /// A value as JSON text. An object needs no further quotes: it comes out as text by itself.
    pub(crate) fn object<V: Serialize>(&mut self, value: &V) {
        self.value(value);
    }

    /// Any value as JSON text within a text, so that text, numbers and null come out as JSON too.
    pub(crate) fn quoted(&mut self, value: &impl Serialize) {
        let mut json = Vec::new();
        write(&mut json, value);
        self.text(&String::from_utf8_lossy(&json));
    }

    /// `None` as null.
    pub(crate) fn opt<V>(&mut self, value: Option<V>, write: impl FnOnce(&mut Self, V)) {
        match value {
            Some(value) => write(self, value),
            None => self.null(),
        }
    }

    /// The parameter.
    pub(crate) fn finish(mut self) -> String {
        self.0.push(b']');
        // Written by serde_json and from ASCII: always UTF-8.
        String::from_utf8(self.0).unwrap_or_default()
    }

    fn value<V: Serialize + ?Sized>(&mut self, value: &V) {
        self.separate();
        write(&mut self.0, value);
    }

    fn separate(&mut self) {
        // No value ends with a bracket that opens: one can only be that of the list or of the row.
        if self.0.last() != Some(&b'[') {
            self.0.push(b',');
        }
    }
}

fn write<V: Serialize + ?Sized>(out: &mut Vec<u8>, value: &V) {
    // A vector takes every byte, and the values here have text for keys: neither can fail.
    let _ = serde_json::to_writer(out, value);
}

/// The one form of an instant in the tables: its order as text is its order in time.
pub(crate) fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// One column of a row that `json_array` made.
#[derive(Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Null,
    Int(i64),
    Text(Cow<'a, str>),
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Column;

        impl<'de> Visitor<'de> for Column {
            type Value = Scalar<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("null, a whole number or text")
            }

            fn visit_unit<E: Error>(self) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Null)
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Int(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Scalar<'de>, E> {
                number.try_into().map(Scalar::Int).map_err(E::custom)
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_any(Column)
    }
}

/// Text without the characters that not every store keeps.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    if text.as_bytes().contains(&0) { text.replace('\0', "\u{FFFD}").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_one_json_array() {
        let mut rows = JsonRows::new(2, 16);
        rows.row(|row| {
            row.text("a\"[");
            row.int(-1);
            row.null();
        });
        rows.row(|row| {
            row.bool(true);
            row.quoted(&serde_json::json!("x"));
            row.opt(None::<i64>, JsonRows::int);
        });
        assert_eq!(rows.finish(), r#"[["a\"[",-1,null],[true,"\"x\"",null]]"#);
        assert_eq!(JsonRows::texts([].into_iter()).finish(), "[]");
    }

    #[test]
    fn columns_are_read_as_they_are() {
        let row: Vec<Scalar<'_>> = serde_json::from_str(r#"[null,-9223372036854775808,"a","a\n"]"#).unwrap();
        let text = |text: &'static str| Scalar::Text(text.into());
        assert_eq!(row, [Scalar::Null, Scalar::Int(i64::MIN), text("a"), text("a\n")]);
        assert!(serde_json::from_str::<Scalar<'_>>("1.5").is_err());
    }

    #[test]
    fn instants_sort_as_text() {
        let texts = [-62_135_596_800, -1, 0, 1_790_000_000]
            .map(|seconds| instant(DateTime::from_timestamp(seconds, 120_000_000).unwrap()));
        assert!(texts.is_sorted(), "{texts:?}");
        assert_eq!(texts[2], "1970-01-01T00:00:00.120000Z");
    }
}
