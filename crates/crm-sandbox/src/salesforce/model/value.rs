//! A field's value and its JSON form on the wire.

use std::io::Write;

use chrono::{DateTime, Datelike, NaiveDate, Timelike};

use super::RecordId;

/// One field of one row. 24 bytes, because an org holds tens of millions of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// No value.
    #[default]
    Null,
    /// boolean
    Bool(bool),
    /// int, long
    Int(i64),
    /// double, percent
    Double(f64),
    /// Exact number text (currency), rendered as it is: `12500.0`, `1E+30`.
    Decimal(Box<str>),
    /// Every kind of string, picklists included.
    Text(Box<str>),
    /// id, reference: compares as its 18 characters.
    Id(RecordId),
    /// date
    Date(NaiveDate),
    /// datetime, milliseconds since 1970 UTC.
    DateTime(i64),
    /// address, location: its parts by JSON key.
    Compound(Box<[(Box<str>, Value)]>),
    /// Raw JSON for deliberately odd data.
    Raw(Box<str>),
}

impl Value {
    /// Text from anything string-like.
    pub fn text(text: impl Into<Box<str>>) -> Self {
        Self::Text(text.into())
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The characters of a text or an id.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Id(id) => Some(id.as_str()),
            _ => None,
        }
    }

    /// The id in an id or reference field.
    #[must_use]
    pub fn as_id(&self) -> Option<RecordId> {
        if let Self::Id(id) = self { Some(*id) } else { None }
    }

    /// The instant of a datetime, in milliseconds since 1970 UTC.
    #[must_use]
    pub fn as_millis(&self) -> Option<i64> {
        if let Self::DateTime(ms) = self { Some(*ms) } else { None }
    }

    /// Any numeric kind as a float; exact decimals lose digits here.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "documented")]
            Self::Int(n) => Some(*n as f64),
            Self::Double(n) => Some(*n),
            Self::Decimal(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Appends the JSON form that the REST API gives this value.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            // Writing into a Vec can't fail, so the results below carry nothing.
            Self::Int(n) => drop(write!(out, "{n}")),
            Self::Double(n) if n.is_finite() => out.extend_from_slice(double_text(*n).as_bytes()),
            Self::Double(_) => out.extend_from_slice(b"null"),
            Self::Decimal(text) | Self::Raw(text) => out.extend_from_slice(text.as_bytes()),
            Self::Text(text) => write_json_string(text, out),
            Self::Id(id) => {
                out.push(b'"');
                out.extend_from_slice(id.as_str().as_bytes());
                out.push(b'"');
            }
            Self::Date(date) => {
                out.push(b'"');
                write_date(*date, out);
                out.push(b'"');
            }
            Self::DateTime(ms) => {
                out.push(b'"');
                write_datetime(*ms, out);
                out.push(b'"');
            }
            Self::Compound(parts) => {
                out.push(b'{');
                for (i, (key, value)) in parts.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    write_json_string(key, out);
                    out.push(b':');
                    value.write_json(out);
                }
                out.push(b'}');
            }
        }
    }
}

/// A number as the provider prints doubles: at least one decimal, and an exponent from ten million on (`1.39E8`).
#[must_use]
pub fn double_text(n: f64) -> String {
    if n != 0.0 && (n.abs() >= 1e7 || n.abs() < 1e-3) {
        let text = format!("{n:E}");
        let (digits, exponent) = text.split_once('E').unwrap_or((&text, "0"));
        let dot = if digits.contains('.') { "" } else { ".0" };
        format!("{digits}{dot}E{exponent}")
    } else {
        format!("{n:?}")
    }
}

/// More decimals than any number field has.
const MAX_SCALE: u32 = 18;

/// A number rounded to `scale` decimals (18 at most), printed as [`double_text`] prints it.
#[must_use]
pub fn decimal_text(n: f64, scale: u32) -> String {
    // Printing rounds the exact binary value once; multiplying first would round twice.
    let places = usize::try_from(scale.min(MAX_SCALE)).unwrap_or(0);
    format!("{n:.places$}").parse().map_or_else(|_| double_text(n), double_text)
}

/// Appends `text` as a JSON string. Bytes above ASCII go through as UTF-8, control characters are escaped.
pub fn write_json_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut from = 0;
    // Most text has nothing to escape: one scan, one copy.
    while let Some(ahead) =
        bytes[from..].iter().position(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\')
    {
        let at = from + ahead;
        out.extend_from_slice(&bytes[from..at]);
        match bytes[at] {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte => drop(write!(out, "\\u{byte:04x}")),
        }
        from = at + 1;
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}

/// Appends an instant as `2026-01-02T10:04:05.000+0000`; instants outside the calendar give the epoch.
pub fn write_datetime(ms: i64, out: &mut Vec<u8>) {
    let at = DateTime::from_timestamp_millis(ms).unwrap_or_default();
    write_date(at.date_naive(), out);
    out.push(b'T');
    push_digits(at.hour(), 2, out);
    out.push(b':');
    push_digits(at.minute(), 2, out);
    out.push(b':');
    push_digits(at.second(), 2, out);
    out.push(b'.');
    push_digits(at.timestamp_subsec_millis(), 3, out);
    out.extend_from_slice(b"+0000");
}

fn write_date(date: NaiveDate, out: &mut Vec<u8>) {
    push_digits(u32::try_from(date.year()).unwrap_or(0), 4, out);
    out.push(b'-');
    push_digits(date.month(), 2, out);
    out.push(b'-');
    push_digits(date.day(), 2, out);
}

fn push_digits(mut n: u32, width: usize, out: &mut Vec<u8>) {
    let at = out.len();
    out.resize(at + width, b'0');
    for slot in out[at..].iter_mut().rev() {
        *slot = b'0' + u8::try_from(n % 10).unwrap_or(0);
        n /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: &Value) -> String {
        let mut out = Vec::new();
        value.write_json(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_value_takes_24_bytes() {
        assert_eq!(size_of::<Value>(), 24);
    }

    #[test]
    fn values_render_as_the_rest_api_does() {
        assert_eq!(json(&Value::Double(1500.0)), "1500.0");
        assert_eq!(json(&Value::Double(139_000_000.0)), "1.39E8");
        assert_eq!(json(&Value::Double(12_345_678.91)), "1.234567891E7");
        assert_eq!(json(&Value::Double(0.35)), "0.35");
        assert_eq!(json(&Value::Double(-1e30)), "-1.0E30");
        assert_eq!(json(&Value::Decimal("12500.50".into())), "12500.50");
        assert_eq!(json(&Value::DateTime(1_767_348_245_000)), "\"2026-01-02T10:04:05.000+0000\"");
        assert_eq!(json(&Value::Date(NaiveDate::from_ymd_opt(2026, 3, 1).unwrap())), "\"2026-03-01\"");
        assert_eq!(json(&Value::text("a\"b\\c\n\0é")), "\"a\\\"b\\\\c\\n\\u0000é\"");
    }
}
