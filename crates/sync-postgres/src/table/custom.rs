//! Custom fields as definitions and values, of tables with `CustomFieldStore::Eav`.
//!
//! Values are compared here with those that are stored, and only what differs is written. A table whose custom
//! fields used to be in its own column `custom_fields` may keep that column: what it still holds is newer than the
//! values of its row, or was never projected, and counts until the row is written or projected anew.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
use sync_core::{Canonical, CustomFields, FieldKind, LocalRow, Scope, SinkError, StoreError, Upsert};
use uuid::Uuid;

use super::columns::Columns;
use super::upsert::{self, record_error};
use super::values::{self, Copied, Named, Put};
use super::{Plan, find};
use crate::copy::{self, Column, ColumnType};
use crate::error::{sink_error, store_error};
use crate::tx::PgTx;

const DEFINING: &str = "defining custom fields";
const READING: &str = "reading custom fields";
const WRITING: &str = "writing custom fields";
/// Bytes that a custom field's name may have.
const LONGEST_NAME: usize = 1_000;

const HAS_DOCUMENT: &str = "select exists (select from pg_attribute \
     where attrelid = to_regclass($1) and attname = 'custom_fields' and not attisdropped)";

const DEFINED: &str = "select name, id, kind from custom_field_definitions \
     where tenant_id = $1 and connection_id = $2 and entity = $3 and name = any($4)";

/// In the order of names, so that two writers can't wait for each other.
const DEFINE: &str = "insert into custom_field_definitions \
     (tenant_id, connection_id, entity, name, kind, first_seen_at) \
     select $1, $2, $3, w.name, w.kind, $6 from unnest($4::text[], $5::text[]) as w (name, kind) order by w.name \
     on conflict (tenant_id, connection_id, entity, name) do update set kind = excluded.kind returning name, id";

const REMOVE: &str = "delete from custom_field_values where ctid = any(array( \
     select found.place from unnest($1::uuid[], $2::bigint[]) as w (row_id, definition_id) cross join lateral \
     (select ctid as place from custom_field_values \
     where row_id = w.row_id and definition_id = w.definition_id offset 0) as found))";

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
    // Read from a column of UUIDs just now.
    let id = |row: &&mut LocalRow<T>| Uuid::parse_str(row.local_id.as_str()).unwrap_or_default();
    let ids: Vec<Uuid> = wanted.iter().map(id).collect();
    let Named { values, names } = values::named::<T>(tx, scope, &ids).await?;
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
    let mut stored = values::stored(tx, known.iter().map(|n| ids[*n])).await?;

    let n_fresh = customs().filter(|(n, _)| fresh(*n)).map(|(_, custom)| custom.len()).sum();
    let mut copied = Copied::new(n_fresh);
    let (mut put, mut removed) = (Put::new(), [ColumnType::Uuid, ColumnType::Int].map(|t| Column::new(t, 0)));
    let mut n_removed = 0;
    let mut place = 0;
    for (n, custom) in customs() {
        let is_known = known.get(place) == Some(&n);
        let own = if is_known { std::mem::take(&mut stored[place]) } else { HashMap::new() };
        place += usize::from(is_known);
        let steps = custom.steps_from(own, |name| definitions.get(name).copied());
        for (definition, value) in steps.put {
            if is_known {
                put.add(ids[n], definition, value);
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
    put.send(tx).await?;
    copied.send(tx, rows).await
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
