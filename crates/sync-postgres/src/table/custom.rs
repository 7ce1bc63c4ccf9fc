//! Custom fields as definitions and values, of tables with `CustomFieldStore::Eav`.
//!
//! Values are compared here with those that are stored, and only what differs is written. A table whose custom
//! fields used to be in its own column `custom_fields` may keep that column: what it still holds is newer than the
//! values of its row, or was never projected, and counts until the row is written or projected anew.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgRow;
use sync_core::{
    Canonical, CustomFields, FieldKind, FieldValue, LocalRow, Scope, SinkError, StoreError, Upsert,
};
use uuid::Uuid;

use super::columns::Columns;
use super::upsert::{self, record_error};
use super::{Plan, find};
use crate::copy::{self, Column, ColumnType, CopyRows};
use crate::decode;
use crate::error::{sink_error, store_error};
use crate::tx::PgTx;

const DEFINING: &str = "defining custom fields";
const READING: &str = "reading custom fields";
const WRITING: &str = "writing custom fields";
/// Bytes that a custom field's name may have.
const LONGEST_NAME: usize = 1_000;
/// The kind of a value that was sent as empty.
const EMPTY: &str = "null";

const HAS_DOCUMENT: &str = "select exists (select from pg_attribute \
     where attrelid = to_regclass($1) and attname = 'custom_fields' and not attisdropped)";

const DEFINED: &str = "select name, id, kind from custom_field_definitions \
     where tenant_id = $1 and connection_id = $2 and entity = $3 and name = any($4)";

/// In the order of names, so that two writers can't wait for each other.
const DEFINE: &str = "insert into custom_field_definitions \
     (tenant_id, connection_id, entity, name, kind, first_seen_at) \
     select $1, $2, $3, w.name, w.kind, $6 from unnest($4::text[], $5::text[]) as w (name, kind) order by w.name \
     on conflict (tenant_id, connection_id, entity, name) do update set kind = excluded.kind returning name, id";

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

const COPY: &str =
    concat!("copy custom_field_values (row_id, ", value_columns!(), ") from stdin (format binary)");

const PUT: &str = concat!(
    "insert into custom_field_values (row_id, ",
    value_columns!(),
    ") select * from unnest($1::uuid[], $2::bigint[], $3::text[], $4::boolean[], $5::numeric[], $6::text[], \
     $7::date[], $8::timestamptz[], $9::jsonb[]) on conflict (row_id, definition_id) do update set \
     kind = excluded.kind, bool_value = excluded.bool_value, number_value = excluded.number_value, \
     text_value = excluded.text_value, date_value = excluded.date_value, \
     instant_value = excluded.instant_value, json_value = excluded.json_value"
);

const REMOVE: &str = "delete from custom_field_values where ctid = any(array( \
     select found.place from unnest($1::uuid[], $2::bigint[]) as w (row_id, definition_id) cross join lateral \
     (select ctid as place from custom_field_values \
     where row_id = w.row_id and definition_id = w.definition_id offset 0) as found))";

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

/// The statements of a table that keeps custom fields as values.
pub(super) struct Eav {
    /// Whether the table still has a column for them; found out when the table is first used.
    has_document: OnceLock<bool>,
    pub(super) find_with_document: String,
    pub(super) upsert_over_document: String,
    drain: String,
}

impl Eav {
    pub(super) fn of(columns: &Columns) -> Self {
        Self {
            has_document: OnceLock::new(),
            find_with_document: find::statement(columns, true),
            upsert_over_document: upsert::upsert_statement(columns, true),
            drain: format!(
                "update {} set custom_fields = '{{}}' where id = any($1) and custom_fields <> '{{}}' returning id",
                columns.table
            ),
        }
    }
}

/// The table's statements if it has custom fields as values and a column that may still hold some.
pub(super) async fn with_document<'p>(plan: &'p Plan, tx: &mut PgTx) -> Result<Option<&'p Eav>, StoreError> {
    let Some(eav) = &plan.eav else { return Ok(None) };
    let has = match eav.has_document.get() {
        Some(known) => *known,
        None => {
            let select = sqlx::query_scalar(HAS_DOCUMENT).bind(&plan.columns.table);
            let found = select.fetch_one(tx.connection()).await.map_err(store_error(READING))?;
            *eav.has_document.get_or_init(|| found)
        }
    };
    Ok(has.then_some(eav))
}

/// Fills in the values of rows that were found, except those that have them in their own column.
pub(super) async fn fill<T: Canonical>(
    tx: &mut PgTx,
    scope: &Scope,
    rows: &mut [Option<LocalRow<T>>],
) -> Result<(), StoreError> {
    let mut wanted: Vec<&mut LocalRow<T>> = rows
        .iter_mut()
        .flatten()
        .filter(|row| row.record.custom().is_some_and(CustomFields::is_empty))
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let mut ids = Column::new(ColumnType::Uuid, wanted.len());
    for row in &wanted {
        // Read from a column of UUIDs just now.
        copy::uuid(ids.next(), Uuid::parse_str(row.local_id.as_str()).unwrap_or_default());
    }
    let mut names: HashMap<i64, Arc<str>> = HashMap::new();
    let mut values: Vec<(usize, i64, FieldValue)> = Vec::with_capacity(wanted.len() * 8);
    let mut answers = sqlx::query(NAMED_VALUES)
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(T::ENTITY)
        .bind(ids)
        .fetch(tx.connection());
    while let Some(row) = answers.try_next().await.map_err(store_error(READING))? {
        match read(&row)? {
            (Some(place), definition, value) => values.push((place, definition, value)),
            (None, definition, FieldValue::Text(name)) => drop(names.insert(definition, name.into())),
            (None, ..) => {}
        }
    }
    for (place, definition, value) in values {
        if let (Some(name), Some(custom)) = (names.get(&definition), wanted[place].record.custom_mut()) {
            custom.set(Arc::clone(name), value);
        }
    }
    Ok(())
}

/// Brings the values of rows just written up to their records.
pub(super) async fn write<T: Canonical>(
    tx: &mut PgTx,
    scope: &Scope,
    rows: &[Upsert<T>],
    ids: &[Uuid],
    fresh: impl Fn(usize) -> bool,
    at: DateTime<Utc>,
) -> Result<(), SinkError> {
    let customs = || rows.iter().enumerate().filter_map(|(n, row)| Some((n, row.record.custom()?)));
    let kinds = CustomFields::kinds(customs().map(|(_, custom)| custom));
    let definitions = define::<T>(tx, scope, &kinds, at).await?;
    let known: Vec<usize> = (0..rows.len()).filter(|n| !fresh(*n)).collect();
    let mut stored = stored(tx, known.iter().map(|n| ids[*n])).await?;

    let mut copied = Copied { out: CopyRows::new(9, kinds.len() * rows.len(), 64), rows: Vec::new() };
    let (mut put, mut removed) = (Put::new(), [ColumnType::Uuid, ColumnType::Int].map(|t| Column::new(t, 0)));
    let (mut n_put, mut n_removed) = (0, 0);
    let mut place = 0;
    for (n, custom) in customs() {
        let is_known = known.get(place) == Some(&n);
        let own = if is_known { std::mem::take(&mut stored[place]) } else { HashMap::new() };
        place += usize::from(is_known);
        let steps = custom.steps_from(own, |name| definitions.get(name).copied());
        for (definition, value) in steps.put {
            if is_known {
                put.add(ids[n], definition, value);
                n_put += 1;
            } else {
                copied.add(n, ids[n], definition, value);
            }
        }
        for definition in steps.removed {
            copy::uuid(removed[0].next(), ids[n]);
            copy::int(removed[1].next(), definition);
            n_removed += 1;
        }
    }
    if n_removed > 0 {
        let [row_ids, definitions] = removed;
        let delete = sqlx::query(REMOVE).bind(row_ids).bind(definitions);
        delete.execute(tx.connection()).await.map_err(sink_error(WRITING, |_| None))?;
    }
    if n_put > 0 {
        put.send(tx).await?;
    }
    if !copied.rows.is_empty() {
        let name = |line: usize| Some(&rows[*copied.rows.get(line.checked_sub(1)?)?].external_id);
        tx.copy(COPY, copied.out.finish()).await.map_err(sink_error(WRITING, name))?;
    }
    Ok(())
}

/// Projects rows whose values are still in their own column.
pub(super) async fn reproject<T: Canonical>(
    plan: &Plan,
    tx: &mut PgTx,
    scope: &Scope,
    rows: &[Upsert<T>],
    at: DateTime<Utc>,
) -> Result<(), SinkError> {
    let Some(eav) = with_document(plan, tx).await?.filter(|_| !rows.is_empty()) else { return Ok(()) };
    let mut wanted = Column::new(ColumnType::Uuid, rows.len());
    for row in rows {
        copy::uuid(wanted.next(), upsert::local_id(row)?);
    }
    let drain = sqlx::query_scalar(AssertSqlSafe(eav.drain.as_str())).bind(wanted);
    let drained: Vec<Uuid> = drain.fetch_all(tx.connection()).await.map_err(sink_error(WRITING, |_| None))?;
    if drained.is_empty() {
        return Ok(());
    }
    let drained: HashSet<Uuid> = drained.into_iter().collect();
    let (mut unprojected, mut ids) = (Vec::new(), Vec::new());
    for row in rows {
        let id = upsert::local_id(row)?;
        if drained.contains(&id) {
            unprojected.push(row.clone());
            ids.push(id);
        }
    }
    write(tx, scope, &unprojected, &ids, |_| false, at).await
}

/// Names that can't be in an index, found before anything is sent.
pub(super) fn check<T: Canonical>(row: &Upsert<T>) -> Result<(), SinkError> {
    for (name, _) in row.record.custom().into_iter().flat_map(CustomFields::iter) {
        if name.len() > LONGEST_NAME {
            let start: String = name.chars().take(80).collect();
            let reason = format!("custom field `{start}…` has a name of more than {LONGEST_NAME} bytes");
            return Err(record_error(row, "text", reason));
        }
    }
    Ok(())
}

/// The numbers of these fields, of which those that are new are added.
async fn define<'k, T: Canonical>(
    tx: &mut PgTx,
    scope: &Scope,
    kinds: &BTreeMap<&'k str, Option<FieldKind>>,
    at: DateTime<Utc>,
) -> Result<HashMap<&'k str, i64>, SinkError> {
    let mut numbers = HashMap::with_capacity(kinds.len());
    if kinds.is_empty() {
        return Ok(numbers);
    }
    let mut names = Column::new(ColumnType::Text, kinds.len());
    kinds.keys().for_each(|name| copy::text(names.next(), name));
    let defined: Vec<(String, i64, Option<String>)> = sqlx::query_as(DEFINED)
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(T::ENTITY)
        .bind(names)
        .fetch_all(tx.connection())
        .await
        .map_err(store_error(DEFINING))?;
    let mut changed = kinds.clone();
    for (name, number, stored) in defined {
        let Some((name, kind)) = kinds.get_key_value(name.as_str()) else { continue };
        let stored = stored.as_deref().and_then(FieldKind::parse);
        let kind = CustomFields::wider_kind(stored, *kind);
        numbers.insert(*name, number);
        if kind == stored {
            changed.remove(*name)
        } else {
            changed.insert(*name, kind)
        };
    }
    if changed.is_empty() {
        return Ok(numbers);
    }
    let [mut names, mut kind_names] = [ColumnType::Text; 2].map(|t| Column::new(t, changed.len()));
    for (name, kind) in changed {
        copy::text(names.next(), name);
        copy::opt(kind_names.next(), kind, |out, kind| copy::text(out, kind.as_str()));
    }
    let added: Vec<(String, i64)> = sqlx::query_as(DEFINE)
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(T::ENTITY)
        .bind(names)
        .bind(kind_names)
        .bind(at)
        .fetch_all(tx.connection())
        .await
        .map_err(sink_error(DEFINING, |_| None))?;
    let added =
        added.iter().filter_map(|(name, number)| Some((*kinds.get_key_value(name.as_str())?.0, *number)));
    numbers.extend(added);
    Ok(numbers)
}

/// The values of rows, in their order.
async fn stored(
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
struct Copied {
    out: CopyRows,
    /// Whose value stands in which line.
    rows: Vec<usize>,
}

impl Copied {
    fn add(&mut self, row: usize, id: Uuid, definition: i64, value: &FieldValue) {
        let out = self.out.row();
        copy::uuid(out, id);
        copy::int(out, definition);
        copy::text(out, kind_of(value));
        (0..VALUE_TYPES.len()).for_each(|n| cell(out, n, value));
        self.rows.push(row);
    }
}

/// Values of rows that may have some already, for one insert.
struct Put {
    keys: [Column; 3],
    values: [Column; VALUE_TYPES.len()],
}

impl Put {
    fn new() -> Self {
        let column = |r#type| Column::new(r#type, 0);
        let keys = [ColumnType::Uuid, ColumnType::Int, ColumnType::Text].map(column);
        Self { keys, values: VALUE_TYPES.map(column) }
    }

    fn add(&mut self, id: Uuid, definition: i64, value: &FieldValue) {
        copy::uuid(self.keys[0].next(), id);
        copy::int(self.keys[1].next(), definition);
        copy::text(self.keys[2].next(), kind_of(value));
        (0..).zip(&mut self.values).for_each(|(n, column)| cell(column.next(), n, value));
    }

    async fn send(self, tx: &mut PgTx) -> Result<(), SinkError> {
        let columns = self.keys.into_iter().chain(self.values);
        let insert = columns.fold(sqlx::query(PUT), |query, column| query.bind(column));
        insert.execute(tx.connection()).await.map(drop).map_err(sink_error(WRITING, |_| None))
    }
}
