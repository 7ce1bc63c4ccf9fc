//! The types a canonical field can have.

use chrono::{DateTime, NaiveDate, SubsecRound, Utc};
use rust_decimal::Decimal;
use serde_json::Value as Json;

use crate::value::{parse_decimal, parse_instant};
use crate::{ExternalId, FieldKind, FieldValue, ValueRef};

/// A type that a field of a canonical record can have. Implement it for an enum of your own to keep it in
/// a record; `Option<F>` comes with it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a field of a canonical record",
    label = "not a field type",
    note = "fields are bool, i64, Decimal, String, NaiveDate, DateTime<Utc>, serde_json::Value, an Option of these, or Option<ExternalId>",
    note = "to keep a type of your own, implement `FieldType` for it"
)]
pub trait FieldType: Clone {
    /// What kind of column and JSON value it is.
    const KIND: FieldKind;
    /// Whether it can be empty.
    const NULLABLE: bool;

    /// The value, borrowed.
    fn as_value(&self) -> ValueRef<'_>;

    /// The inverse of [`as_value`](Self::as_value), also from the value's JSON form (a decimal or an
    /// instant as text). `None` when the value does not fit.
    fn from_value(value: FieldValue) -> Option<Self>;

    /// Whether both mean the same; see [`ValueRef::same`].
    fn same(&self, other: &Self) -> bool {
        self.as_value().same(other.as_value())
    }
}

impl<F: FieldType> FieldType for Option<F> {
    const KIND: FieldKind = F::KIND;
    const NULLABLE: bool = true;

    fn as_value(&self) -> ValueRef<'_> {
        self.as_ref().map_or(ValueRef::Null, F::as_value)
    }

    fn from_value(value: FieldValue) -> Option<Self> {
        if value.is_null() { Some(None) } else { F::from_value(value).map(Some) }
    }

    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (None, None) => true,
            (Some(a), Some(b)) => a.same(b),
            _ => false,
        }
    }
}

macro_rules! field_type {
    ($type:ty, $kind:ident, |$this:ident| $as:expr, $from:expr, |$a:ident, $b:ident| $same:expr) => {
        impl FieldType for $type {
            const KIND: FieldKind = FieldKind::$kind;
            const NULLABLE: bool = false;

            fn as_value(&self) -> ValueRef<'_> {
                let $this = self;
                $as
            }

            fn from_value(value: FieldValue) -> Option<Self> {
                let from: fn(FieldValue) -> Option<Self> = $from;
                from(value)
            }

            fn same(&self, other: &Self) -> bool {
                let ($a, $b) = (self, other);
                $same
            }
        }
    };
}

field_type!(
    bool,
    Bool,
    |b| ValueRef::Bool(*b),
    |v| match v {
        FieldValue::Bool(b) => Some(b),
        _ => None,
    },
    |a, b| a == b
);

field_type!(
    i64,
    Int,
    |n| ValueRef::Int(*n),
    |v| match v {
        FieldValue::Int(n) => Some(n),
        FieldValue::Decimal(d) if d.is_integer() => d.try_into().ok(),
        _ => None,
    },
    |a, b| a == b
);

field_type!(
    Decimal,
    Decimal,
    |d| ValueRef::Decimal(*d),
    |v| match v {
        FieldValue::Decimal(d) => Some(d),
        FieldValue::Int(n) => Some(n.into()),
        FieldValue::Text(t) => parse_decimal(&t),
        _ => None,
    },
    |a, b| a == b
);

field_type!(
    String,
    Text,
    |t| ValueRef::Text(t),
    |v| match v {
        FieldValue::Text(t) => Some(t),
        _ => None,
    },
    |a, b| a == b
);

field_type!(
    ExternalId,
    Link,
    |id| ValueRef::Text(id.as_str()),
    |v| match v {
        FieldValue::Text(t) => Some(t.into()),
        _ => None,
    },
    |a, b| a == b
);

field_type!(
    NaiveDate,
    Date,
    |d| ValueRef::Date(*d),
    |v| match v {
        FieldValue::Date(d) => Some(d),
        FieldValue::Text(t) => t.parse().ok(),
        _ => None,
    },
    |a, b| a == b
);

field_type!(
    DateTime<Utc>,
    Instant,
    |i| ValueRef::Instant(*i),
    |v| match v {
        FieldValue::Instant(i) => Some(i),
        FieldValue::Text(t) => parse_instant(&t),
        _ => None,
    },
    |a, b| a.trunc_subsecs(6) == b.trunc_subsecs(6)
);

field_type!(Json, Json, |j| ValueRef::Json(j), |v| Some(v.to_json()), |a, b| {
    ValueRef::Json(a).same(ValueRef::Json(b))
});
