//! Ordering values of rows in which nothing else changed.

use sqlx::AssertSqlSafe;
use sync_core::{ExternalId, Scope, StoreError, Version};

use super::Plan;
use super::columns::Columns;
use crate::copy::{self, Column, ColumnType};
use crate::error::store_error;
use crate::tx::PgTx;

/// Rows are found as in `find`.
pub(super) fn statement(columns: &Columns) -> String {
    let table = &columns.table;
    format!(
        "update {table} as t set remote_version = found.version from (select wanted.version, own.id \
         from unnest($3::text[], $4::bigint[]) as wanted (id, version) cross join lateral \
         (select id from {table} where tenant_id = $1 and connection_id = $2 and external_id = wanted.id offset 0) \
         as own) as found where t.id = found.id"
    )
}

pub(super) async fn touch(
    plan: &Plan,
    tx: &mut PgTx,
    scope: &Scope,
    versions: &[(ExternalId, Version)],
) -> Result<(), StoreError> {
    if versions.is_empty() {
        return Ok(());
    }
    let [mut ids, mut numbers] = [ColumnType::Text, ColumnType::Int].map(|t| Column::new(t, versions.len()));
    for (id, Version(version)) in versions {
        copy::text(ids.next(), &copy::storable(id.as_str()));
        copy::int(numbers.next(), *version);
    }
    sqlx::query(AssertSqlSafe(plan.touch.as_str()))
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(ids)
        .bind(numbers)
        .execute(tx.connection())
        .await
        .map(drop)
        .map_err(store_error("noting versions"))
}
