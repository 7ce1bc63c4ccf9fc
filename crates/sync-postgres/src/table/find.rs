//! Reading the local rows of a batch.

use std::collections::HashMap;

use futures::TryStreamExt;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row, ValueRef as _};
use sync_core::{
    Canonical, CustomFields, ExternalId, FieldValue, LocalId, LocalRow, Scope, StoreError, Version,
};

use super::columns::{Columns, keys};
use super::{Plan, custom};
use crate::decode;
use crate::error::store_error;
use crate::tx::PgTx;

const DURING: &str = "finding rows";
/// Columns before the fields: id, external id, deleted, version.
const FIRST_FIELD: usize = 4;

/// One descent of the unique key's index per id, whatever the server knows of the table: the `offset` keeps the
/// inner query as it is, so nothing but the key can answer it. With `external_id = any(…)` the server may read
/// every row of the connection instead, and does when the table was empty, or without statistics, a moment ago.
/// With `document`, also what a column for custom fields holds that are kept elsewhere now.
pub(super) fn statement(columns: &Columns, document: bool) -> String {
    let mut names = "id, external_id, deleted_at is not null as deleted, remote_version".to_owned();
    for field in &columns.fields {
        names.push_str(", ");
        names.push_str(&field.column);
    }
    if columns.custom || document {
        names.push_str(", custom_fields");
    }
    format!(
        "select found.* from unnest($3::text[]) as wanted (id) cross join lateral (select {names} from {} \
         where tenant_id = $1 and connection_id = $2 and external_id = wanted.id offset 0) as found",
        columns.table
    )
}

pub(super) async fn find_many<T: Canonical>(
    plan: &Plan,
    tx: &mut PgTx,
    scope: &Scope,
    ids: &[ExternalId],
) -> Result<Vec<Option<LocalRow<T>>>, StoreError> {
    let mut found: Vec<Option<LocalRow<T>>> = vec![None; ids.len()];
    if ids.is_empty() {
        return Ok(found);
    }
    let document = custom::with_document(plan, tx).await?;
    let find = document.map_or(plan.find.as_str(), |eav| eav.find_with_document.as_str());
    let has_custom = plan.columns.custom || document.is_some();
    let mut rows = sqlx::query(AssertSqlSafe(find))
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(keys(ids.iter()))
        .fetch(tx.connection());
    // Most answers of a first load are empty, so the map is made when it is needed.
    let mut positions: HashMap<&str, usize> = HashMap::new();
    while let Some(row) = rows.try_next().await.map_err(store_error(DURING))? {
        if positions.is_empty() {
            positions = ids.iter().enumerate().map(|(i, id)| (id.as_str(), i)).collect();
        }
        let external_id = text(&plan.columns, &row, 1)?;
        if let Some(position) = positions.get(external_id) {
            found[*position] = Some(read(&plan.columns, has_custom, &row)?);
        }
    }
    drop(rows);
    if plan.eav.is_some() {
        custom::fill(tx, scope, &mut found).await?;
    }
    Ok(found)
}

fn read<T: Canonical>(columns: &Columns, has_custom: bool, row: &PgRow) -> Result<LocalRow<T>, StoreError> {
    let corrupt = |column: &'static str, reason: &str| corrupt(columns, row, column, reason);
    let mut record = T::default();
    for (i, field) in columns.fields.iter().enumerate() {
        let value = match bytes(row, FIRST_FIELD + i)? {
            None if field.nullable => continue, // as in the default
            None => FieldValue::Null,
            Some(bytes) => {
                decode::value(field.r#type, bytes).map_err(|reason| corrupt(field.field, reason))?
            }
        };
        record.set(i, value).map_err(|mismatch| corrupt(field.field, &mismatch.to_string()))?;
    }
    if has_custom
        && let Some(custom) = record.custom_mut()
        && let Some(bytes) = bytes(row, FIRST_FIELD + columns.fields.len())?
    {
        *custom = read_custom(bytes).map_err(|reason| corrupt("custom_fields", &reason))?;
    }
    let id =
        bytes(row, 0)?.ok_or("it is null").and_then(decode::uuid).map_err(|reason| corrupt("id", reason))?;
    let deleted = bytes(row, 2)?.is_some_and(|flag| flag == [1]);
    let version =
        bytes(row, 3)?.map(decode::int).transpose().map_err(|reason| corrupt("remote_version", reason))?;
    Ok(LocalRow { local_id: LocalId::from(id), record, deleted, version: version.map(Version) })
}

fn read_custom(bytes: &[u8]) -> Result<CustomFields, String> {
    let json = decode::jsonb(bytes)?;
    if json == b"{}" {
        return Ok(CustomFields::default());
    }
    serde_json::from_slice(json).map_err(|error| error.to_string())
}

/// A column as it was sent; `None` when it is null.
pub(super) fn bytes(row: &PgRow, column: usize) -> Result<Option<&[u8]>, StoreError> {
    let raw = row.try_get_raw(column).map_err(store_error(DURING))?;
    if raw.is_null() {
        return Ok(None);
    }
    raw.as_bytes().map(Some).map_err(|source| StoreError::Refused { during: DURING, source })
}

fn text<'r>(columns: &Columns, row: &'r PgRow, column: usize) -> Result<&'r str, StoreError> {
    bytes(row, column)?
        .ok_or("it is null")
        .and_then(decode::text)
        .map_err(|reason| corrupt(columns, row, "external_id", reason))
}

fn corrupt(columns: &Columns, row: &PgRow, column: &'static str, reason: &str) -> StoreError {
    let id = bytes(row, 0).ok().flatten().and_then(|id| decode::uuid(id).ok());
    StoreError::Corrupt {
        table: columns.name,
        column,
        row: id.map_or_else(|| "?".to_owned(), |id| id.to_string()),
        reason: reason.to_owned(),
    }
}
