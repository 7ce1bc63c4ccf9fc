//! Custom fields as definitions and values, of tables with `CustomFieldStore::Eav`.
//!
//! Values are compared here with those that are stored, and only what differs is written. A table whose custom
//! fields used to be in its own column `custom_fields` may keep that column: what it still holds is newer than the
//! values of its row, or was never projected, and counts until the row is written or projected anew.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use sqlx::Row as _;
use sync_core::{
    Canonical, CustomFields, FieldKind, FieldValue, LocalId, LocalRow, Scope, SinkError, StoreError, Upsert,
};

use super::check::record_error;
use super::columns::{self, Columns};
use super::links::Link;
use super::{Plan, Sql, find, upsert};
use crate::error::{is_too_big, sink_error, store_error};
use crate::json::{JsonRows, Scalar, instant};
use crate::tx::SqliteTx;

const DEFINING: &str = "defining custom fields";
const READING: &str = "reading custom fields";
const WRITING: &str = "writing custom fields";
/// Bytes that a custom field's name may have.
const LONGEST_NAME: usize = 1_000;
/// The kind of a value that was sent as empty.
const EMPTY: &str = "null";

const HAS_DOCUMENT: &str = "select exists (select 1 from pragma_table_info(?1) where name = 'custom_fields')";

const DEFINED: &str = "select name, id, kind from custom_field_definitions \
     where tenant_id = ?1 and connection_id = ?2 and entity = ?3 and name in (select value from jsonb_each(?4))";

const DEFINE: &str = "insert into custom_field_definitions \
     (tenant_id, connection_id, entity, name, kind, first_seen_at) \
     select ?1, ?2, ?3, value ->> 0, value ->> 1, ?5 from jsonb_each(?4) where true \
     on conflict (tenant_id, connection_id, entity, name) do update set kind = excluded.kind \
     returning name, id";

/// The values of rows in turn, each row's by the key.
const SELECT: &str = "select json_group_array(json_array(wanted.key, d.id, d.name, v.kind, v.value)) \
     from jsonb_each(?1) as wanted cross join custom_field_values as v on v.row_id = wanted.value \
     cross join custom_field_definitions as d on d.id = v.definition_id";

const PUT: &str = "insert into custom_field_values (row_id, definition_id, kind, value) \
     select value ->> 0, value ->> 1, value ->> 2, value ->> 3 from jsonb_each(?1) where true \
     on conflict (row_id, definition_id) do update set kind = excluded.kind, value = excluded.value";

const REMOVE: &str = "delete from custom_field_values \
     where (row_id, definition_id) in (select value ->> 0, value ->> 1 from jsonb_each(?1))";

/// The statements of a table that keeps custom fields as values.
pub(super) struct Eav {
    /// Whether the table still has a column for them; found out when the table is first used.
    has_document: OnceLock<bool>,
    find_with_document: Sql,
    upsert_over_document: Sql,
    drain: Sql,
}

impl Eav {
    pub(super) fn of(columns: &Columns, links: &[Link]) -> Self {
        Self {
            has_document: OnceLock::new(),
            find_with_document: find::statement(columns, true),
            upsert_over_document: upsert::statement(columns, links, true),
            drain: Sql::new(format!(
                "update {} set custom_fields = '{{}}' \
                 where id in (select value from jsonb_each(?1)) and custom_fields <> '{{}}' returning id",
                columns.table
            )),
        }
    }

    pub(super) async fn has_document(&self, plan: &Plan, tx: &mut SqliteTx) -> Result<bool, StoreError> {
        if let Some(known) = self.has_document.get() {
            return Ok(*known);
        }
        let answer = tx.fetch_optional(sqlx::query(HAS_DOCUMENT).bind(plan.columns.name)).await;
        let answer = answer.map_err(store_error(READING))?;
        let has = answer.map_or(Ok(0), |row| row.try_get::<i64, _>(0)).map_err(store_error(READING))? != 0;
        Ok(*self.has_document.get_or_init(|| has))
    }
}

/// The statement that finds rows, and that writes them.
pub(super) async fn statements<'p>(
    plan: &'p Plan,
    tx: &mut SqliteTx,
) -> Result<(&'p Sql, &'p Sql), StoreError> {
    match &plan.eav {
        Some(eav) if eav.has_document(plan, tx).await? => {
            Ok((&eav.find_with_document, &eav.upsert_over_document))
        }
        _ => Ok((&plan.find, &plan.upsert)),
    }
}

/// Fills in the values of rows that were found, except those that have them in their own column.
pub(super) async fn fill<T: Canonical>(
    tx: &mut SqliteTx,
    rows: &mut [Option<LocalRow<T>>],
) -> Result<(), StoreError> {
    let mut wanted: Vec<&mut LocalRow<T>> = rows
        .iter_mut()
        .flatten()
        .filter(|row| row.record.custom().is_some_and(CustomFields::is_empty))
        .collect();
    let ids: Vec<LocalId> = wanted.iter().map(|row| row.local_id.clone()).collect();
    let mut names: HashMap<String, Arc<str>> = HashMap::new();
    select(tx, &ids, |place, _, name, value| {
        if let Some(custom) = wanted[place].record.custom_mut() {
            let name = names.entry(name.to_owned()).or_insert_with(|| name.into());
            custom.set(Arc::clone(name), value);
        }
    })
    .await
}

/// Brings the values of rows just written up to their records.
pub(super) async fn write<T: Canonical>(
    tx: &mut SqliteTx,
    scope: &Scope,
    rows: &[Upsert<T>],
    ids: &[LocalId],
    at: DateTime<Utc>,
) -> Result<(), SinkError> {
    let rows: Vec<_> =
        rows.iter().zip(ids).filter_map(|(row, id)| Some((row, id, row.record.custom()?))).collect();
    let definitions = define::<T>(tx, scope, &CustomFields::kinds(rows.iter().map(|row| row.2)), at).await?;

    // Rows that are new have no values yet.
    let known: Vec<usize> =
        (0..rows.len()).filter(|n| rows[*n].0.exists || rows[*n].0.local_id != *rows[*n].1).collect();
    let mut stored: Vec<HashMap<i64, FieldValue>> = vec![HashMap::new(); rows.len()];
    let known_ids: Vec<LocalId> = known.iter().map(|n| rows[*n].1.clone()).collect();
    select(tx, &known_ids, |place, definition, _, value| {
        stored[known[place]].insert(definition, value);
    })
    .await?;

    let (mut put, mut removed) = (JsonRows::new(rows.len(), 512), JsonRows::new(0, 0));
    let (mut n_put, mut n_removed) = (0, 0);
    for ((_, id, custom), stored) in rows.iter().zip(stored) {
        let steps = custom.steps_from(stored, |name| definitions.get(name).copied());
        for (definition, value) in &steps.put {
            put.row(|out| write_value(out, id, *definition, value));
        }
        for definition in &steps.removed {
            removed.row(|out| {
                out.text(id.as_str());
                out.int(*definition);
            });
        }
        n_put += steps.put.len();
        n_removed += steps.removed.len();
    }
    for (sql, n, values) in [(REMOVE, n_removed, removed), (PUT, n_put, put)] {
        if n > 0 {
            let statement = sqlx::query(sql).bind(values.finish());
            tx.execute(statement).await.map(drop).map_err(sink_error(WRITING))?;
        }
    }
    Ok(())
}

/// Projects rows whose values are still in their own column.
pub(super) async fn reproject<T: Canonical>(
    plan: &Plan,
    tx: &mut SqliteTx,
    scope: &Scope,
    rows: &[Upsert<T>],
    at: DateTime<Utc>,
) -> Result<(), SinkError> {
    let Some(eav) = &plan.eav else { return Ok(()) };
    if rows.is_empty() || !eav.has_document(plan, tx).await? {
        return Ok(());
    }
    let ids = JsonRows::texts(rows.iter().map(|row| row.local_id.as_str())).finish();
    let drained = tx.fetch_all(eav.drain.query().bind(ids)).await.map_err(store_error(WRITING))?;
    let drained: HashSet<&str> =
        drained.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(store_error(WRITING))?;
    if drained.is_empty() {
        return Ok(());
    }
    let rows: Vec<Upsert<T>> =
        rows.iter().filter(|row| drained.contains(row.local_id.as_str())).cloned().collect();
    let ids: Vec<LocalId> = rows.iter().map(|row| row.local_id.clone()).collect();
    write(tx, scope, &rows, &ids, at).await
}

/// Names that can't be looked up, before anything is sent.
pub(super) fn check<T: Canonical>(row: &Upsert<T>) -> Result<(), SinkError> {
    let names = row.record.custom().into_iter().flat_map(CustomFields::iter);
    for (name, _) in names {
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
    tx: &mut SqliteTx,
    scope: &Scope,
    kinds: &BTreeMap<&'k str, Option<FieldKind>>,
    at: DateTime<Utc>,
) -> Result<HashMap<&'k str, i64>, SinkError> {
    let mut numbers = HashMap::with_capacity(kinds.len());
    if kinds.is_empty() {
        return Ok(numbers);
    }
    let read = store_error;
    let bound = |sql: &'static str, names: JsonRows| {
        let query = sqlx::query(sql).bind(scope.tenant_key()).bind(scope.connection.as_str());
        query.bind(T::ENTITY).bind(names.finish())
    };
    let names = JsonRows::texts(kinds.keys().copied());
    let defined = tx.fetch_all(bound(DEFINED, names)).await.map_err(store_error(DEFINING))?;
    let mut changed = kinds.clone();
    for row in &defined {
        let (name, number): (&str, i64) =
            (row.try_get(0).map_err(read(DEFINING))?, row.try_get(1).map_err(read(DEFINING))?);
        let stored: Option<&str> = row.try_get(2).map_err(read(DEFINING))?;
        if let Some((name, kind)) = kinds.get_key_value(name) {
            let stored = stored.and_then(FieldKind::parse);
            let kind = CustomFields::wider_kind(stored, *kind);
            numbers.insert(*name, number);
            if kind == stored {
                changed.remove(*name)
            } else {
                changed.insert(*name, kind)
            };
        }
    }
    if changed.is_empty() {
        return Ok(numbers);
    }
    let mut rows = JsonRows::new(changed.len(), 64);
    for (name, kind) in &changed {
        rows.row(|out| {
            out.text(name);
            out.opt(*kind, |out, kind| out.text(kind.as_str()));
        });
    }
    let added = tx.fetch_all(bound(DEFINE, rows).bind(instant(at))).await.map_err(sink_error(DEFINING))?;
    for row in &added {
        let name: &str = row.try_get(0).map_err(read(DEFINING))?;
        if let Some((name, _)) = kinds.get_key_value(name) {
            numbers.insert(*name, row.try_get(1).map_err(read(DEFINING))?);
        }
    }
    Ok(numbers)
}

/// Hands each value of these rows over: the row's place among them, the definition's number and name, the value.
async fn select(
    tx: &mut SqliteTx,
    ids: &[LocalId],
    mut each: impl FnMut(usize, i64, &str, FieldValue),
) -> Result<(), StoreError> {
    let mut pending = vec![(0, ids.len())];
    while let Some((start, end)) = pending.pop().filter(|(start, end)| start < end) {
        let wanted = JsonRows::texts(ids[start..end].iter().map(LocalId::as_str)).finish();
        match tx.fetch_optional(sqlx::query(SELECT).bind(wanted)).await {
            Ok(Some(answer)) => {
                let answer: &str = answer.try_get(0).map_err(store_error(READING))?;
                for (place, definition, name, kind, value) in parse(answer)? {
                    let id = &ids[start + place];
                    let value = read_value(&kind, &value).map_err(|reason| StoreError::Corrupt {
                        table: "custom_field_values",
                        column: "value",
                        row: format!("{id}/{definition}"),
                        reason: reason.to_owned(),
                    })?;
                    each(start + place, definition, &name, value);
                }
            }
            Ok(None) => {}
            // Values of megabytes each: half of the rows at a time.
            Err(error) if end - start > 1 && is_too_big(&error) => {
                let middle = start.midpoint(end);
                pending.extend([(middle, end), (start, middle)]);
            }
            Err(error) => return Err(store_error(READING)(error)),
        }
    }
    Ok(())
}

/// The place of a row among those asked for, its definition's number and name, its kind, itself.
type Answer<'a> = (usize, i64, Cow<'a, str>, Cow<'a, str>, Scalar<'a>);

fn parse(json: &str) -> Result<Vec<Answer<'_>>, StoreError> {
    serde_json::from_str(json).map_err(|error| StoreError::Refused { during: READING, source: error.into() })
}

fn write_value(out: &mut JsonRows, id: &LocalId, definition: i64, value: &FieldValue) {
    out.text(id.as_str());
    out.int(definition);
    out.text(value.kind().map_or(EMPTY, FieldKind::as_str));
    match value {
        FieldValue::Null => out.null(),
        FieldValue::Bool(value) => out.bool(*value),
        FieldValue::Int(number) => out.int(*number),
        FieldValue::Decimal(number) => out.text(&number.to_string()),
        FieldValue::Text(text) => out.text(text),
        FieldValue::Date(day) => out.text(&day.to_string()),
        FieldValue::Instant(at) => out.instant(*at),
        FieldValue::Json(json) => out.quoted(json),
    }
}

fn read_value(kind: &str, stored: &Scalar<'_>) -> Result<FieldValue, &'static str> {
    if kind == EMPTY {
        return Ok(FieldValue::Null);
    }
    let kind = FieldKind::parse(kind).ok_or("its kind is unknown")?;
    match stored {
        Scalar::Null => Err("it is null, and its kind says it is not"),
        stored => columns::read(stored, kind),
    }
}
