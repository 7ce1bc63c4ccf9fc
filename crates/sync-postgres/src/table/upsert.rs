//! Writing a batch of rows.
//!
//! A batch of new rows is copied straight into the table. If another writer was faster with one of them, and
//! for every batch with known rows, one `insert … on conflict do update` takes the rows as arrays instead.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use sqlx::AssertSqlSafe;
use sync_core::{
    Canonical, ExternalId, FieldKind, FieldMismatch, FieldValue, LocalId, Scope, SinkError, Upsert, ValueRef,
    Version,
};
use uuid::Uuid;

use super::columns::Columns;
use super::links::{self, Resolved};
use super::{Plan, custom, merges};
use crate::copy::{self, Column, ColumnType, CopyRows, CopyTarget};
use crate::error::{is_unique_violation, sink_error};
use crate::tx::PgTx;

const DURING: &str = "writing rows";
/// Characters that one text field may have.
const LONGEST_TEXT: usize = 1_000_000;

/// Where new rows go.
pub(super) fn copy_target(columns: &Columns) -> CopyTarget {
    use ColumnType::{Instant, Int, Text, Uuid};
    let keys = [
        ("id", Uuid),
        ("tenant_id", Text),
        ("connection_id", Text),
        ("external_id", Text),
        ("provider", Text),
        ("remote_version", Int),
        ("created_at", Instant),
        ("updated_at", Instant),
    ];
    CopyTarget::new(&columns.table, keys.into_iter().chain(columns.contents()))
}

/// Answers only the rows that got another id than the one given. With `document`, the column for custom fields that
/// are kept elsewhere now is emptied.
pub(super) fn upsert_statement(columns: &Columns, document: bool) -> String {
    let (mut names, mut sources, mut arrays, mut aliases, mut updates) =
        (String::new(), String::new(), String::new(), String::new(), String::new());
    for (i, (name, r#type)) in columns.contents().enumerate() {
        names += &format!(", {name}");
        sources += &format!(", r.c{i}");
        arrays += &format!(", ${}::{}[]", i + 8, r#type.sql());
        aliases += &format!(", c{i}");
        updates += &format!(", {name} = excluded.{name}");
    }
    if document {
        updates += ", custom_fields = '{}'";
    }
    format!(
        "with written as (insert into {} \
         (id, tenant_id, connection_id, external_id, provider, remote_version, created_at, updated_at{names}) \
         select r.id, $1, $2, r.external_id, $3, r.remote_version, $4, $4{sources} \
         from unnest($5::uuid[], $6::text[], $7::bigint[]{arrays}) as r (id, external_id, remote_version{aliases}) \
         on conflict (tenant_id, connection_id, external_id) do update set provider = excluded.provider, \
         remote_version = excluded.remote_version, updated_at = excluded.updated_at, deleted_at = null{updates} \
         returning id, external_id) \
         select external_id, id from written \
         where id not in (select unnest($5::uuid[]))",
        columns.table
    )
}

pub(super) async fn upsert_many<T: Canonical>(
    plan: &Plan,
    tx: &mut PgTx,
    scope: &Scope,
    rows: &[Upsert<T>],
    at: DateTime<Utc>,
) -> Result<Vec<LocalId>, SinkError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    rows.iter().try_for_each(check)?;
    if plan.eav.is_some() {
        rows.iter().try_for_each(custom::check)?;
    }
    let mut ids = rows.iter().map(local_id).collect::<Result<Vec<_>, _>>()?;
    let resolved = links::resolve(plan, tx, scope, rows, &ids).await?;

    let mut written = rows.iter().map(|row| row.local_id.clone()).collect::<Vec<_>>();
    let all_new = rows.iter().all(|row| !row.exists);
    if !(all_new && copy_rows(plan, tx, scope, rows, &ids, &resolved, at).await?) {
        let others = merge_rows(plan, tx, scope, rows, &ids, &resolved, at).await?;
        for (i, row) in rows.iter().enumerate().filter(|_| !others.is_empty()) {
            if let Some(id) = others.get(row.external_id.as_str()) {
                ids[i] = *id;
                written[i] = LocalId::from(*id);
            }
        }
    }

    let survivors = merges::follow(plan, tx, scope, rows, &ids, at).await?;
    links::note_pending(plan, tx, scope, rows, &ids, &resolved, &survivors).await?;
    let created = rows.iter().zip(&ids).filter(|(row, _)| !row.exists);
    let created: HashMap<&str, Uuid> = created.map(|(row, id)| (row.external_id.as_str(), *id)).collect();
    if !created.is_empty() {
        links::bind_waiting(tx, scope, T::ENTITY, &created).await?;
    }
    if plan.eav.is_some() {
        // A row that another writer created first has values of its own.
        let fresh = |n: usize| !rows[n].exists && written[n] == rows[n].local_id;
        custom::write(tx, scope, rows, &ids, fresh, at).await?;
    }
    Ok(written)
}

/// Copies new rows into the table; `false`, with nothing written, when one of them is there already.
async fn copy_rows<T: Canonical>(
    plan: &Plan,
    tx: &mut PgTx,
    scope: &Scope,
    rows: &[Upsert<T>],
    ids: &[Uuid],
    resolved: &Resolved<'_>,
    at: DateTime<Utc>,
) -> Result<bool, SinkError> {
    let n_columns = 8 + plan.columns.contents().count();
    let mut out = CopyRows::new(n_columns as i16, rows.len(), 128 + 24 * n_columns);
    for (row, id) in rows.iter().zip(ids) {
        let out = out.row();
        copy::uuid(out, *id);
        copy::text(out, scope.tenant_key());
        copy::text(out, scope.connection.as_str());
        copy::text(out, row.external_id.as_str());
        copy::text(out, scope.provider.as_str());
        copy::opt(out, row.version, |out, Version(version)| copy::int(out, version));
        copy::instant(out, at);
        copy::instant(out, at);
        for (i, field) in plan.columns.fields.iter().enumerate() {
            copy::value(out, field.r#type, row.record.value(i)).map_err(|found| unfit(row, i, found))?;
        }
        for link in 0..plan.links.len() {
            copy::opt(out, resolved.parent(plan, link, &row.record), copy::uuid);
        }
        if plan.columns.custom {
            write_custom(out, &row.record);
        }
    }

    tx.savepoint().await?;
    match tx.copy(&plan.copy, out).await {
        Ok(()) => {
            tx.release_savepoint().await?;
            Ok(true)
        }
        Err(error) => {
            tx.rollback_to_savepoint().await?;
            if is_unique_violation(&error) {
                return Ok(false);
            }
            let name = |line: usize| Some(&rows.get(line.checked_sub(1)?)?.external_id);
            Err(sink_error(DURING, name)(error))
        }
    }
}

/// Inserts or updates rows; answers those that another writer created first, with the ids they have.
async fn merge_rows<T: Canonical>(
    plan: &Plan,
    tx: &mut PgTx,
    scope: &Scope,
    rows: &[Upsert<T>],
    ids: &[Uuid],
    resolved: &Resolved<'_>,
    at: DateTime<Utc>,
) -> Result<HashMap<String, Uuid>, SinkError> {
    let column = |r#type| Column::new(r#type, rows.len());
    let [mut id_column, mut external_ids, mut versions] =
        [ColumnType::Uuid, ColumnType::Text, ColumnType::Int].map(column);
    let mut contents: Vec<Column> = plan.columns.contents().map(|(_, r#type)| column(r#type)).collect();
    for (row, id) in rows.iter().zip(ids) {
        copy::uuid(id_column.next(), *id);
        copy::text(external_ids.next(), row.external_id.as_str());
        copy::opt(versions.next(), row.version, |out, Version(version)| copy::int(out, version));
        let (fields, others) = contents.split_at_mut(plan.columns.fields.len());
        for (i, (out, field)) in fields.iter_mut().zip(&plan.columns.fields).enumerate() {
            copy::value(out.next(), field.r#type, row.record.value(i))
                .map_err(|found| unfit(row, i, found))?;
        }
        let (links, custom) = others.split_at_mut(plan.links.len());
        for (link, out) in links.iter_mut().enumerate() {
            copy::opt(out.next(), resolved.parent(plan, link, &row.record), copy::uuid);
        }
        for out in custom {
            write_custom(out.next(), &row.record);
        }
    }

    let document = custom::with_document(plan, tx).await?;
    let upsert = document.map_or(plan.upsert.as_str(), |eav| eav.upsert_over_document.as_str());
    let query = sqlx::query_as(AssertSqlSafe(upsert))
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(scope.provider.as_str())
        .bind(at)
        .bind(id_column)
        .bind(external_ids)
        .bind(versions);
    let query = contents.into_iter().fold(query, |query, column| query.bind(column));
    let others: Vec<(String, Uuid)> =
        query.fetch_all(tx.connection()).await.map_err(sink_error(DURING, |_| None))?;
    Ok(others.into_iter().collect())
}

fn write_custom<T: Canonical>(out: &mut Vec<u8>, record: &T) {
    match record.custom() {
        Some(custom) if !custom.is_empty() => copy::jsonb(out, custom),
        _ => copy::bytes(out, b"\x01{}"),
    }
}

/// What the table can't hold, found before anything is sent.
fn check<T: Canonical>(row: &Upsert<T>) -> Result<(), SinkError> {
    let refuse = |name: &str, words: &str| record_error(row, "text", format!("{name} {words}"));
    check_text(row.external_id.as_str()).map_err(|words| refuse("the external id", words))?;
    for (i, field) in T::FIELDS.iter().enumerate() {
        let checked = match row.record.value(i) {
            ValueRef::Text(text) => check_text(text),
            ValueRef::Json(json) => check_json(json),
            _ => Ok(()),
        };
        checked.map_err(|words| refuse(&format!("`{}`", field.name), words))?;
    }
    for (name, value) in row.record.custom().into_iter().flat_map(|custom| custom.iter()) {
        let checked = check_text(name).and_then(|()| match value {
            FieldValue::Text(text) => check_text(text),
            FieldValue::Json(json) => check_json(json),
            _ => Ok(()),
        });
        checked.map_err(|words| refuse(&format!("custom field `{}`", copy::storable(name)), words))?;
    }
    Ok(())
}

fn check_text(text: &str) -> Result<(), &'static str> {
    if text.as_bytes().contains(&0) {
        return Err("holds a NUL character, which PostgreSQL can't keep");
    }
    if text.len() > LONGEST_TEXT && text.chars().count() > LONGEST_TEXT {
        return Err("is longer than a million characters");
    }
    Ok(())
}

fn check_json(json: &Json) -> Result<(), &'static str> {
    match json {
        Json::String(text) => check_text(text),
        Json::Array(values) => values.iter().try_for_each(check_json),
        Json::Object(values) => {
            values.iter().try_for_each(|(name, value)| check_text(name).and_then(|()| check_json(value)))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => Ok(()),
    }
}

pub(super) fn local_id<T>(row: &Upsert<T>) -> Result<Uuid, SinkError> {
    Uuid::parse_str(row.local_id.as_str())
        .map_err(|_| record_error(row, "local_id", "the local id is no UUID; the table needs one".to_owned()))
}

/// A value of another kind than its field's: a defect of the entity's type.
fn unfit<T: Canonical>(row: &Upsert<T>, field: usize, found: &'static str) -> SinkError {
    let def = T::FIELDS[field];
    let expected: FieldKind = def.kind;
    record_error(row, "value", FieldMismatch { field: def.name, expected, found }.to_string())
}

pub(super) fn record_error<T>(row: &Upsert<T>, class: &'static str, reason: String) -> SinkError {
    let external_id: ExternalId = row.external_id.clone();
    SinkError::Record { external_id: Some(external_id), class, reason }
}
