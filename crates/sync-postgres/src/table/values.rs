//! Values of custom fields in their table: which column holds which kind, how they are read, and the two ways in
//! which they are written.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use futures::TryStreamExt;
use sqlx::postgres::PgRow;
use sync_core::{Canonical, FieldKind, FieldValue, Scope, SinkError, StoreError, Upsert};
use uuid::Uuid;

use super::find;
use crate::copy::{self, Column, ColumnType, CopyRows, CopyTarget};
use crate::decode;
use crate::error::{sink_error, store_error};
use crate::tx::PgTx;

const READING: &str = "reading custom fields";
const WRITING: &str = "writing custom fields";
/// The kind of a value that was sent as empty.
const EMPTY: &str = "null";

/// The columns of a value, from its definition's number on.
macro_rules! value_columns {
    () => {
        "definition_id, kind, bool_value, number_value, text_value, date_value, instant_value, json_value"
    };
}

/// The values of rows by their places from 1, one descent of the key per row whatever the server knows of the table.
macro_rules! values_of {
    ($ids:literal) => {
        concat!(
            "select w.n, v.* from unnest(",
            $ids,
            "::uuid[]) with ordinality as w (id, n) cross join lateral (select ",
            value_columns!(),
            " from custom_field_values where row_id = w.id offset 0) as v"
        )
    };
}

const VALUES: &str = values_of!("$1");

/// As before, with each definition's name sent once: as a text of no row.
const NAMED_VALUES: &str = concat!(
    "select null::bigint, id, null::text, null::boolean, null::numeric, name, null::date, null::timestamptz, \
     null::jsonb from custom_field_definitions where tenant_id = $1 and connection_id = $2 and entity = $3 \
     union all ",
    values_of!("$4")
);

static TARGET: LazyLock<CopyTarget> = LazyLock::new(|| {
    let keys = [("row_id", ColumnType::Uuid), ("definition_id", ColumnType::Int), ("kind", ColumnType::Text)];
    let values = ["bool_value", "number_value", "text_value", "date_value", "instant_value", "json_value"];
    CopyTarget::new("custom_field_values", keys.into_iter().chain(values.into_iter().zip(VALUE_TYPES)))
});

const PUT: &str = concat!(
    "insert into custom_field_values (row_id, ",
    value_columns!(),
    ") select * from unnest($1::uuid[], $2::bigint[], $3::text[], $4::boolean[], $5::numeric[], $6::text[], \
     $7::date[], $8::timestamptz[], $9::jsonb[]) on conflict (row_id, definition_id) do update set \
     kind = excluded.kind, bool_value = excluded.bool_value, number_value = excluded.number_value, \
     text_value = excluded.text_value, date_value = excluded.date_value, \
     instant_value = excluded.instant_value, json_value = excluded.json_value"
);

/// The columns of which one holds the value.
const VALUE_TYPES: [ColumnType; 6] = [
    ColumnType::Bool,
    ColumnType::Decimal,
    ColumnType::Text,
    ColumnType::Date,
    ColumnType::Instant,
    ColumnType::Jsonb,
];
/// Columns of [`VALUES`] before them: place, definition, kind.
const FIRST_VALUE: usize = 3;

/// The values of rows, and what they are called.
pub(super) struct Named {
    /// Each with its row's place and its definition's number.
    pub(super) values: Vec<(usize, i64, FieldValue)>,
    /// The names of definitions, by their numbers.
    pub(super) names: HashMap<i64, Arc<str>>,
}

/// The values of rows with their names.
pub(super) async fn named<T: Canonical>(
    tx: &mut PgTx,
    scope: &Scope,
    ids: &[Uuid],
) -> Result<Named, StoreError> {
    let mut named = Named { values: Vec::with_capacity(ids.len() * 8), names: HashMap::new() };
    let mut wanted = Column::new(ColumnType::Uuid, ids.len());
    ids.iter().for_each(|id| copy::uuid(wanted.next(), *id));
    let mut answers = sqlx::query(NAMED_VALUES)
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(T::ENTITY)
        .bind(wanted)
        .fetch(tx.connection());
    while let Some(row) = answers.try_next().await.map_err(store_error(READING))? {
        match read(&row)? {
            (Some(place), definition, value) => named.values.push((place, definition, value)),
            (None, definition, FieldValue::Text(name)) => drop(named.names.insert(definition, name.into())),
            (None, ..) => {}
        }
    }
    Ok(named)
}

/// The values of rows, in their order.
pub(super) async fn stored(
    tx: &mut PgTx,
    ids: impl ExactSizeIterator<Item = Uuid>,
) -> Result<Vec<HashMap<i64, FieldValue>>, StoreError> {
    let mut stored = vec![HashMap::new(); ids.len()];
    if stored.is_empty() {
        return Ok(stored);
    }
    let mut wanted = Column::new(ColumnType::Uuid, ids.len());
    ids.for_each(|id| copy::uuid(wanted.next(), id));
    let mut answers = sqlx::query(VALUES).bind(wanted).fetch(tx.connection());
    while let Some(row) = answers.try_next().await.map_err(store_error(READING))? {
        if let (Some(place), definition, value) = read(&row)? {
            stored[place].insert(definition, value);
        }
    }
    Ok(stored)
}

/// A row's place from 0, the definition's number, the value; or no place, and the definition's name as the value.
fn read(row: &PgRow) -> Result<(Option<usize>, i64, FieldValue), StoreError> {
    let column = |column| find::bytes(row, column);
    let corrupt = |definition: i64, reason: &str| StoreError::Corrupt {
        table: "custom_field_values",
        column: "kind",
        row: format!("definition {definition}"),
        reason: reason.to_owned(),
    };
    let definition = column(1)?.ok_or("it is null").and_then(decode::int).map_err(|r| corrupt(0, r))?;
    let value = |n: usize| {
        let bytes = column(FIRST_VALUE + n)?.ok_or_else(|| corrupt(definition, "its column is null"))?;
        decode::value(VALUE_TYPES[n], bytes).map_err(|reason| corrupt(definition, reason))
    };
    let Some(place) = column(0)? else { return Ok((None, definition, value(2)?)) };
    let place = decode::int(place).map_err(|reason| corrupt(definition, reason))?;
    let place = usize::try_from(place - 1).map_err(|_| corrupt(definition, "its row was not asked for"))?;
    let kind = column(2)?.ok_or("it is null").and_then(decode::text).map_err(|r| corrupt(definition, r))?;
    let value = match FieldKind::parse(kind) {
        None if kind == EMPTY => FieldValue::Null,
        Some(FieldKind::Bool) => value(0)?,
        Some(FieldKind::Int) => match value(1)? {
            FieldValue::Decimal(number) => {
                let number =
                    i64::try_from(number).map_err(|_| corrupt(definition, "it is no whole number"))?;
                FieldValue::Int(number)
            }
            other => other,
        },
        Some(FieldKind::Decimal) => value(1)?,
        Some(FieldKind::Text) => value(2)?,
        Some(FieldKind::Date) => value(3)?,
        Some(FieldKind::Instant) => value(4)?,
        Some(FieldKind::Json) => value(5)?,
        Some(FieldKind::Link) | None => return Err(corrupt(definition, "it is unknown")),
    };
    Ok((Some(place), definition, value))
}

/// Writes a value, or null, in its n-th column.
fn cell(out: &mut Vec<u8>, n: usize, value: &FieldValue) {
    match (n, value) {
        (0, FieldValue::Bool(b)) => copy::bool(out, *b),
        (1, FieldValue::Int(number)) => copy::decimal(out, (*number).into()),
        (1, FieldValue::Decimal(number)) => copy::decimal(out, *number),
        (2, FieldValue::Text(text)) => copy::text(out, text),
        (3, FieldValue::Date(day)) => copy::date(out, *day),
        (4, FieldValue::Instant(at)) => copy::instant(out, *at),
        (5, FieldValue::Json(json)) => copy::jsonb(out, json),
        _ => copy::null(out),
    }
}

fn kind_of(value: &FieldValue) -> &'static str {
    value.kind().map_or(EMPTY, FieldKind::as_str)
}

/// Values of rows that have none yet, for COPY.
pub(super) struct Copied {
    out: CopyRows,
    /// Whose value stands in which line.
    rows: Vec<usize>,
}

impl Copied {
    pub(super) fn new(n_values: usize) -> Self {
        Self { out: CopyRows::new(9, n_values, 64), rows: Vec::new() }
    }

    pub(super) fn add(&mut self, row: usize, id: Uuid, definition: i64, value: &FieldValue) {
        let out = self.out.row();
        copy::uuid(out, id);
        copy::int(out, definition);
        copy::text(out, kind_of(value));
        (0..VALUE_TYPES.len()).for_each(|n| cell(out, n, value));
        self.rows.push(row);
    }

    /// Writes them; `rows` are those whose places were given.
    pub(super) async fn send<T>(self, tx: &mut PgTx, rows: &[Upsert<T>]) -> Result<(), SinkError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let Self { out, rows: of_lines } = self;
        let name = |line: usize| Some(&rows[*of_lines.get(line.checked_sub(1)?)?].external_id);
        tx.copy(&TARGET, out).await.map_err(sink_error(WRITING, name))
    }
}

/// Values of rows that may have some already, for one insert.
pub(super) struct Put {
    keys: [Column; 3],
    values: [Column; VALUE_TYPES.len()],
    n_values: usize,
}

impl Put {
    pub(super) fn new() -> Self {
        let column = |r#type| Column::new(r#type, 0);
        let keys = [ColumnType::Uuid, ColumnType::Int, ColumnType::Text].map(column);
        Self { keys, values: VALUE_TYPES.map(column), n_values: 0 }
    }

    pub(super) fn add(&mut self, id: Uuid, definition: i64, value: &FieldValue) {
        self.n_values += 1;
        copy::uuid(self.keys[0].next(), id);
        copy::int(self.keys[1].next(), definition);
        copy::text(self.keys[2].next(), kind_of(value));
        (0..).zip(&mut self.values).for_each(|(n, column)| cell(column.next(), n, value));
    }

    pub(super) async fn send(self, tx: &mut PgTx) -> Result<(), SinkError> {
        if self.n_values == 0 {
            return Ok(());
        }
        let columns = self.keys.into_iter().chain(self.values);
        let insert = columns.fold(sqlx::query(PUT), |query, column| query.bind(column));
        insert.execute(tx.connection()).await.map(drop).map_err(sink_error(WRITING, |_| None))
    }
}
