//! Rows that take the ids the CRM gave to their records.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
use sync_core::{Adoption, Scope, StoreError};

use super::Plan;
use super::columns::Columns;
use crate::local_changes::{fetch, get, texts};
use crate::tx::PgTx;

pub(super) fn statement(columns: &Columns) -> String {
    let table = &columns.table;
    format!(
        "update {table} as t set external_id = w.id, updated_at = $5 \
         from unnest($3::text[], $4::text[]) as w (placeholder, id) \
         where t.tenant_id = $1 and t.connection_id = $2 and t.external_id = w.placeholder \
         and not exists (select 1 from {table} as taken where taken.tenant_id = $1 and taken.connection_id = $2 \
         and taken.external_id = w.id) returning t.external_id"
    )
}

pub(super) async fn adopt(
    plan: &Plan,
    tx: &mut PgTx,
    scope: &Scope,
    adoptions: &[Adoption],
    at: DateTime<Utc>,
) -> Result<Vec<bool>, StoreError> {
    let update = sqlx::query(AssertSqlSafe(plan.adopt.as_str()))
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(texts(adoptions.iter().map(|adoption| adoption.placeholder.as_str())))
        .bind(texts(adoptions.iter().map(|adoption| adoption.external_id.as_str())))
        .bind(at);
    let rows = fetch(tx, update, "adopting ids of rows").await?;
    let renamed: HashSet<String> = rows.iter().map(|row| get(row, 0)).collect::<Result<_, _>>()?;
    Ok(adoptions.iter().map(|adoption| renamed.contains(adoption.external_id.as_str())).collect())
}
