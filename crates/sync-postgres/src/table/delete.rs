//! Marking rows as deleted.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
use sync_core::{ExternalId, LocalId, Scope, SinkError};
use uuid::Uuid;

use super::Plan;
use super::columns::{Columns, keys};
use crate::error::sink_error;
use crate::tx::PgTx;

/// A row that is deleted already keeps the time of its first deletion. Rows are found as in `find`.
pub(super) fn statement(columns: &Columns) -> String {
    let table = &columns.table;
    format!(
        "update {table} set deleted_at = coalesce(deleted_at, $4), \
         updated_at = case when deleted_at is null then $4 else updated_at end \
         where id = any(array(select found.id from unnest($3::text[]) as wanted (id) cross join lateral \
         (select id from {table} where tenant_id = $1 and connection_id = $2 and external_id = wanted.id offset 0) \
         as found)) returning external_id, id"
    )
}

pub(super) async fn soft_delete_many(
    plan: &Plan,
    tx: &mut PgTx,
    scope: &Scope,
    ids: &[ExternalId],
    at: DateTime<Utc>,
) -> Result<Vec<Option<LocalId>>, SinkError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let deleted: Vec<(String, Uuid)> = sqlx::query_as(AssertSqlSafe(plan.delete.as_str()))
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(keys(ids.iter()))
        .bind(at)
        .fetch_all(tx.connection())
        .await
        .map_err(sink_error("deleting rows", |_| None))?;
    let deleted: HashMap<String, Uuid> = deleted.into_iter().collect();
    Ok(ids.iter().map(|id| deleted.get(id.as_str()).copied().map(LocalId::from)).collect())
}
