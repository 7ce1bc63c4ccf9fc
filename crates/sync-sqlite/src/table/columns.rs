//! A table's columns, and the values of canonical fields in them.

use chrono::NaiveDate;
use sync_core::value::{parse_decimal, parse_instant};
use sync_core::{Canonical, CustomFieldStore, FieldDef, FieldKind, FieldValue, TableDef, ValueRef};

use super::quoted;
use crate::json::{JsonRows, Scalar};

/// The columns of one table; names of SQL are quoted.
pub(super) struct Columns {
    /// The table's bare name, for errors.
    pub name: &'static str,
    /// The table.
    pub table: String,
    /// One per canonical field, in order.
    pub fields: Vec<String>,
    /// Whether there are custom fields.
    pub custom: bool,
}

impl Columns {
    pub(super) fn of<T: Canonical>(def: &TableDef) -> Self {
        Self {
            name: def.name,
            table: quoted(def.name),
            fields: (0..T::FIELDS.len()).map(|field| quoted(&def.column::<T>(field))).collect(),
            custom: def.custom_fields == CustomFieldStore::Json,
        }
    }

    /// The columns of canonical fields, and that of custom ones last.
    pub(super) fn contents(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(String::as_str).chain(self.custom.then_some("custom_fields"))
    }
}

/// Writes a field's value; on a value of another kind than the field's, what it is.
pub(super) fn write(row: &mut JsonRows, kind: FieldKind, value: ValueRef<'_>) -> Result<(), &'static str> {
    match (kind, value) {
        (_, ValueRef::Null) => row.null(),
        (FieldKind::Json, value) => row.quoted(&value),
        (FieldKind::Bool, ValueRef::Bool(value)) => row.bool(value),
        (FieldKind::Int, ValueRef::Int(number)) => row.int(number),
        (FieldKind::Decimal, ValueRef::Decimal(number)) => row.text(&number.to_string()),
        (FieldKind::Decimal, ValueRef::Int(number)) => row.text(&number.to_string()),
        (FieldKind::Text | FieldKind::Link, ValueRef::Text(text)) => row.text(text),
        (FieldKind::Date, ValueRef::Date(day)) => row.text(&day.to_string()),
        (FieldKind::Instant, ValueRef::Instant(at)) => row.instant(at),
        (_, other) => return Err(kind_of(other)),
    }
    Ok(())
}

/// Reads a field's value; what is wrong with it otherwise, in words without the value.
pub(super) fn read(stored: &Scalar<'_>, kind: FieldKind) -> Result<FieldValue, &'static str> {
    let text = match (stored, kind) {
        (Scalar::Null, _) => return Ok(FieldValue::Null),
        (Scalar::Int(number), FieldKind::Bool) => return Ok(FieldValue::Bool(*number != 0)),
        (Scalar::Int(number), FieldKind::Int) => return Ok(FieldValue::Int(*number)),
        (_, FieldKind::Bool | FieldKind::Int) => return Err("it is no whole number"),
        (Scalar::Text(text), _) => &**text,
        _ => return Err("it is no text"),
    };
    Ok(match kind {
        FieldKind::Decimal => {
            FieldValue::Decimal(parse_decimal(text).ok_or("it is no decimal of at most 28 digits")?)
        }
        FieldKind::Date => FieldValue::Date(text.parse::<NaiveDate>().map_err(|_| "it is no day")?),
        FieldKind::Instant => FieldValue::Instant(parse_instant(text).ok_or("it is no instant")?),
        FieldKind::Json => {
            FieldValue::Json(serde_json::from_str(text).map_err(|_| "its JSON can't be read")?)
        }
        _ => FieldValue::Text(text.to_owned()),
    })
}

/// A field's number and description, for iterating over both.
pub(super) fn fields<T: Canonical>() -> impl Iterator<Item = (usize, &'static FieldDef)> {
    T::FIELDS.iter().enumerate()
}

fn kind_of(value: ValueRef<'_>) -> &'static str {
    match value {
        ValueRef::Null => "null",
        ValueRef::Bool(_) => "a bool",
        ValueRef::Int(_) => "a whole number",
        ValueRef::Decimal(_) => "a decimal",
        ValueRef::Text(_) => "text",
        ValueRef::Date(_) => "a date",
        ValueRef::Instant(_) => "an instant",
        ValueRef::Json(_) => "JSON",
    }
}
