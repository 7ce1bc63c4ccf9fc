//! PostgreSQL's binary format, written: values, rows for COPY, arrays for parameters.
//!
//! A value is its length in four bytes (−1 for null) and then its bytes, in a COPY row as in an array; so one
//! set of functions serves both. Layouts follow the server's `*_recv` functions.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo};
use sqlx::{Encode, Postgres, Type};
use sync_core::{FieldKind, ValueRef};
use uuid::Uuid;

/// Days from 0001-01-01 (day 1 of chrono) to 2000-01-01, the server's day 0.
const EPOCH_DAY: i32 = 730_120;
/// Microseconds from 1970-01-01 to 2000-01-01.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// Rows for one `COPY … FROM STDIN (FORMAT binary)`.
pub(crate) struct CopyRows {
    bytes: Vec<u8>,
    n_columns: i16,
}

impl CopyRows {
    /// No rows yet. `n_rows` and `row_size` (bytes) only set aside room.
    pub(crate) fn new(n_columns: i16, n_rows: usize, row_size: usize) -> Self {
        let mut bytes = Vec::with_capacity(32 + n_rows * row_size);
        bytes.extend_from_slice(b"PGCOPY\n\xff\r\n\0");
        bytes.extend_from_slice(&[0; 8]); // no flags, no header extension
        Self { bytes, n_columns }
    }

    /// Begins a row; its values follow in the order of the columns.
    pub(crate) fn row(&mut self) -> &mut Vec<u8> {
        self.bytes.extend_from_slice(&self.n_columns.to_be_bytes());
        &mut self.bytes
    }

    /// Everything to be sent.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(&(-1_i16).to_be_bytes());
        self.bytes
    }

    /// The same rows as arrays, one for each column.
    pub(crate) fn into_columns(self, types: &[ColumnType]) -> Result<Vec<Column>, sqlx::Error> {
        let mut columns: Vec<Column> = types.iter().map(|r#type| Column::new(*r#type, 0)).collect();
        let mut rest = self.bytes.get(HEADER..).unwrap_or_default();
        while !rest.is_empty() {
            // Written above by `row` and the functions below, so this holds.
            let wrong = || sqlx::Error::Protocol("a row does not have its columns".to_owned());
            let (_, mut values) = rest.split_first_chunk::<2>().ok_or_else(wrong)?;
            for column in &mut columns {
                let (length, _) = values.split_first_chunk::<4>().ok_or_else(wrong)?;
                let size = 4 + usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0); // null: no bytes
                let (value, next) = values.split_at_checked(size).ok_or_else(wrong)?;
                column.next().extend_from_slice(value);
                values = next;
            }
            rest = values;
        }
        Ok(columns)
    }
}

/// Bytes before the first row.
const HEADER: usize = 19;

/// Where rows are to be written: the two statements that do it.
pub(crate) struct CopyTarget {
    copy: String,
    insert: String,
    types: Vec<ColumnType>,
}

impl CopyTarget {
    /// Columns of a table, named as SQL takes them.
    pub(crate) fn new<'a>(table: &str, columns: impl IntoIterator<Item = (&'a str, ColumnType)>) -> Self {
        let (mut names, mut arrays, mut aliases, mut sources) =
            (String::new(), String::new(), String::new(), String::new());
        let mut types = Vec::new();
        for (i, (name, r#type)) in columns.into_iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            names += &format!("{comma}{name}");
            arrays += &format!("{comma}${}::{}[]", i + 1, r#type.array_sql());
            aliases += &format!("{comma}c{i}");
            sources += &format!("{comma}r.c{i}::{}", r#type.sql());
            types.push(r#type);
        }
        Self {
            copy: format!("copy {table} ({names}) from stdin (format binary)"),
            insert: format!(
                "insert into {table} ({names}) select {sources} from unnest({arrays}) as r ({aliases})"
            ),
            types,
        }
    }

    /// A `COPY`, for [`CopyRows::finish`].
    pub(crate) fn copy(&self) -> &str {
        &self.copy
    }

    /// An insert of arrays, for [`CopyRows::into_columns`].
    pub(crate) fn insert(&self) -> &str {
        &self.insert
    }

    pub(crate) fn types(&self) -> &[ColumnType] {
        &self.types
    }
}

/// A column's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnType {
    Bool,
    Int,
    Decimal,
    Text,
    Date,
    Instant,
    /// As it was written; in arrays it goes as text, which is the same bytes.
    Json,
    Jsonb,
    Uuid,
}

impl ColumnType {
    /// The type of the column that holds a field of this kind.
    pub(crate) const fn of(kind: FieldKind) -> Self {
        match kind {
            FieldKind::Bool => Self::Bool,
            FieldKind::Int => Self::Int,
            FieldKind::Decimal => Self::Decimal,
            FieldKind::Text | FieldKind::Link => Self::Text,
            FieldKind::Date => Self::Date,
            FieldKind::Instant => Self::Instant,
            FieldKind::Json => Self::Jsonb,
        }
    }

    /// The name in SQL.
    pub(crate) const fn sql(self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::Int => "bigint",
            Self::Decimal => "numeric",
            Self::Text => "text",
            Self::Date => "date",
            Self::Instant => "timestamptz",
            Self::Json => "json",
            Self::Jsonb => "jsonb",
            Self::Uuid => "uuid",
        }
    }

    /// The name of an array's elements in SQL.
    const fn array_sql(self) -> &'static str {
        match self {
            Self::Json => Self::Text.sql(),
            other => other.sql(),
        }
    }

    /// The server's number of the type of an array's elements, fixed in its catalogue (`pg_type.dat`).
    const fn oid(self) -> u32 {
        match self {
            Self::Bool => 16,
            Self::Int => 20,
            Self::Decimal => 1700,
            Self::Text | Self::Json => 25,
            Self::Date => 1082,
            Self::Instant => 1184,
            Self::Jsonb => 3802,
            Self::Uuid => 2950,
        }
    }

    fn array(self) -> PgTypeInfo {
        match self {
            Self::Bool => <Vec<bool> as Type<Postgres>>::type_info(),
            Self::Int => <Vec<i64> as Type<Postgres>>::type_info(),
            Self::Decimal => <Vec<Decimal> as Type<Postgres>>::type_info(),
            Self::Text | Self::Json => <Vec<String> as Type<Postgres>>::type_info(),
            Self::Date => <Vec<NaiveDate> as Type<Postgres>>::type_info(),
            Self::Instant => <Vec<DateTime<Utc>> as Type<Postgres>>::type_info(),
            Self::Jsonb => <Vec<serde_json::Value> as Type<Postgres>>::type_info(),
            Self::Uuid => <Vec<Uuid> as Type<Postgres>>::type_info(),
        }
    }
}

/// One column of many rows: an array parameter.
pub(crate) struct Column {
    r#type: ColumnType,
    bytes: Vec<u8>,
    n_values: i32,
}

impl Column {
    /// No values yet. `n_rows` only sets aside room.
    pub(crate) fn new(r#type: ColumnType, n_rows: usize) -> Self {
        Self { r#type, bytes: Vec::with_capacity(n_rows * 24), n_values: 0 }
    }

    /// The place for one more value; exactly one has to be written.
    pub(crate) fn next(&mut self) -> &mut Vec<u8> {
        self.n_values += 1;
        &mut self.bytes
    }
}

impl Type<Postgres> for Column {
    fn type_info() -> PgTypeInfo {
        ColumnType::Text.array() // what it is really is told by `produces`
    }
}

impl Encode<'_, Postgres> for Column {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let n_dimensions = i32::from(self.n_values > 0);
        let may_hold_nulls = 1_i32;
        buffer.extend_from_slice(&n_dimensions.to_be_bytes());
        buffer.extend_from_slice(&may_hold_nulls.to_be_bytes());
        buffer.extend_from_slice(&self.r#type.oid().to_be_bytes());
        if self.n_values > 0 {
            let lower_bound = 1_i32;
            buffer.extend_from_slice(&self.n_values.to_be_bytes());
            buffer.extend_from_slice(&lower_bound.to_be_bytes());
            buffer.extend_from_slice(&self.bytes);
        }
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(self.r#type.array())
    }
}

pub(crate) fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(&(-1_i32).to_be_bytes());
}

pub(crate) fn bytes(out: &mut Vec<u8>, value: &[u8]) {
    // Fields are bounded at a million characters, so the length fits.
    out.extend_from_slice(&(value.len() as i32).to_be_bytes());
    out.extend_from_slice(value);
}

pub(crate) fn text(out: &mut Vec<u8>, value: &str) {
    bytes(out, value.as_bytes());
}

/// Text of the audit: what the server can't keep is replaced rather than refused.
pub(crate) fn audit_text(out: &mut Vec<u8>, value: &str) {
    text(out, &storable(value));
}

pub(crate) fn opt<V>(out: &mut Vec<u8>, value: Option<V>, write: impl FnOnce(&mut Vec<u8>, V)) {
    match value {
        Some(value) => write(out, value),
        None => null(out),
    }
}

pub(crate) fn bool(out: &mut Vec<u8>, value: bool) {
    bytes(out, &[u8::from(value)]);
}

pub(crate) fn int(out: &mut Vec<u8>, value: i64) {
    bytes(out, &value.to_be_bytes());
}

pub(crate) fn uuid(out: &mut Vec<u8>, value: Uuid) {
    bytes(out, value.as_bytes());
}

pub(crate) fn date(out: &mut Vec<u8>, value: NaiveDate) {
    use chrono::Datelike;
    bytes(out, &(value.num_days_from_ce() - EPOCH_DAY).to_be_bytes());
}

/// To the microsecond; finer parts are cut off, as in comparison.
pub(crate) fn instant(out: &mut Vec<u8>, value: DateTime<Utc>) {
    bytes(out, &(value.timestamp_micros() - EPOCH_MICROS).to_be_bytes());
}

/// Exact: every decimal digit, and the number of digits after the point.
pub(crate) fn decimal(out: &mut Vec<u8>, value: Decimal) {
    const BASE: u128 = 10_000;
    let scale = value.scale();
    // The server counts in groups of four decimal digits on both sides of the point.
    let missing = (4 - scale % 4) % 4;
    let mut rest = value.mantissa().unsigned_abs() * 10_u128.pow(missing);
    let n_fraction = ((scale + missing) / 4) as i16;
    let mut groups = [0_u16; 12];
    let mut n = 0;
    while rest > 0 {
        groups[n] = (rest % BASE) as u16;
        rest /= BASE;
        n += 1;
    }
    let trailing = groups[..n].iter().take_while(|group| **group == 0).count();
    let digits = &groups[trailing..n];
    let weight = if n == 0 { 0 } else { n as i16 - n_fraction - 1 };
    let sign: u16 = if value.is_sign_negative() && n > 0 { 0x4000 } else { 0 };

    out.extend_from_slice(&(8 + 2 * digits.len() as i32).to_be_bytes());
    out.extend_from_slice(&(digits.len() as i16).to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&(scale as i16).to_be_bytes());
    for group in digits.iter().rev() {
        out.extend_from_slice(&group.to_be_bytes());
    }
}

/// For a `jsonb` column: a version byte, then text.
pub(crate) fn jsonb(out: &mut Vec<u8>, value: &impl Serialize) {
    sized(out, |out| {
        out.push(1);
        json_text(out, value);
    });
}

/// For a `json` column.
pub(crate) fn json(out: &mut Vec<u8>, value: &impl Serialize) {
    sized(out, |out| json_text(out, value));
}

/// A field's value for its column; the kind that came, where it does not fit.
pub(crate) fn value(out: &mut Vec<u8>, r#type: ColumnType, value: ValueRef<'_>) -> Result<(), &'static str> {
    match (r#type, value) {
        (_, ValueRef::Null) => null(out),
        (ColumnType::Bool, ValueRef::Bool(b)) => bool(out, b),
        (ColumnType::Int, ValueRef::Int(n)) => int(out, n),
        (ColumnType::Decimal, ValueRef::Decimal(d)) => decimal(out, d),
        (ColumnType::Decimal, ValueRef::Int(n)) => decimal(out, n.into()),
        (ColumnType::Text, ValueRef::Text(t)) => text(out, t),
        (ColumnType::Date, ValueRef::Date(d)) => date(out, d),
        (ColumnType::Instant, ValueRef::Instant(i)) => instant(out, i),
        (ColumnType::Json, ValueRef::Json(j)) => json(out, j),
        (ColumnType::Jsonb, ValueRef::Json(j)) => jsonb(out, j),
        (_, ValueRef::Bool(_)) => return Err("a flag"),
        (_, ValueRef::Int(_)) => return Err("a whole number"),
        (_, ValueRef::Decimal(_)) => return Err("a decimal"),
        (_, ValueRef::Text(_)) => return Err("text"),
        (_, ValueRef::Date(_)) => return Err("a day"),
        (_, ValueRef::Instant(_)) => return Err("an instant"),
        (_, ValueRef::Json(_)) => return Err("a structure"),
    }
    Ok(())
}

/// Text without what the server can't keep.
pub(crate) fn storable(text: &str) -> std::borrow::Cow<'_, str> {
    if text.as_bytes().contains(&0) { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

fn sized(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let length = (out.len() - start - 4) as i32;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

fn json_text(out: &mut Vec<u8>, value: &impl Serialize) {
    let start = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        // Only keys that are no text and failing writers fail; neither is possible here.
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
    // `contains` looks at many bytes at once; most texts have no escapes at all.
    if out[start..].contains(&b'\\') {
        replace_escaped_nul(&mut out[start..]);
    }
}

/// Makes every `\u0000` a `\ufffd`. An escaped backslash before `u0000` is something else.
fn replace_escaped_nul(json: &mut [u8]) {
    let mut i = 0;
    while i + 1 < json.len() {
        if json[i] != b'\\' {
            i += 1;
        } else if json[i..].starts_with(b"\\u0000") {
            json[i + 2..i + 6].copy_from_slice(b"fffd");
            i += 6;
        } else {
            i += 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(d: &str) -> Vec<u8> {
        let mut out = Vec::new();
        decimal(&mut out, d.parse().unwrap());
        out.split_off(4)
    }

    fn expected(weight: i16, sign: u16, scale: i16, digits: &[i16]) -> Vec<u8> {
        let mut out = (digits.len() as i16).to_be_bytes().to_vec();
        out.extend(weight.to_be_bytes());
        out.extend(sign.to_be_bytes());
        out.extend(scale.to_be_bytes());
        out.extend(digits.iter().flat_map(|d| d.to_be_bytes()));
        out
    }

    #[test]
    fn decimals_are_groups_of_four_digits_around_the_point() {
        assert_eq!(encoded("0"), expected(0, 0, 0, &[]));
        assert_eq!(encoded("0.00"), expected(0, 0, 2, &[]));
        assert_eq!(encoded("1"), expected(0, 0, 0, &[1]));
        assert_eq!(encoded("-12345.678"), expected(1, 0x4000, 3, &[1, 2345, 6780]));
        assert_eq!(encoded("0.0001"), expected(-1, 0, 4, &[1]));
        assert_eq!(encoded("0.00001"), expected(-2, 0, 5, &[1000]));
        assert_eq!(encoded("10000"), expected(1, 0, 0, &[1]));
    }

    #[test]
    fn rows_turned_into_columns_keep_every_value() {
        let mut rows = CopyRows::new(2, 2, 16);
        for (name, number) in [(Some("a"), 1), (None, 2)] {
            let row = rows.row();
            opt(row, name, text);
            int(row, number);
        }
        let columns = rows.into_columns(&[ColumnType::Text, ColumnType::Int]).unwrap();
        let [mut names, mut numbers] = [ColumnType::Text, ColumnType::Int].map(|t| Column::new(t, 2));
        text(names.next(), "a");
        null(names.next());
        int(numbers.next(), 1);
        int(numbers.next(), 2);
        for (column, expected) in columns.iter().zip([names, numbers]) {
            assert_eq!((&column.bytes, column.n_values), (&expected.bytes, expected.n_values));
        }
    }

    #[test]
    fn escaped_nul_is_replaced_and_an_escaped_backslash_is_not() {
        let mut out = Vec::new();
        json(&mut out, &["a\0b", "\\u0000", "\\\0", "\n"]);
        assert_eq!(&out[4..], br#"["a\ufffdb","\\u0000","\\\ufffd","\n"]"#);
        assert_eq!(out[..4], (out.len() as i32 - 4).to_be_bytes());
    }
}
