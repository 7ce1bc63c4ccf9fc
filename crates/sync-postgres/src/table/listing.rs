//! Listing the live rows of a table by external id.

use async_trait::async_trait;
use sqlx::AssertSqlSafe;
use sync_core::{Canonical, ExternalId, ListedRow, LocalListing, Scope, StoreError, Version};

use super::PgTableSink;
use super::columns::Columns;
use crate::copy::storable;
use crate::error::store_error;
use crate::tx::PgTx;

/// In the order of the unique key's index, so that a page costs its own rows only.
pub(super) fn statement(columns: &Columns, after: bool) -> String {
    let table = &columns.table;
    let after = if after { " and external_id > $4" } else { "" };
    format!(
        "select external_id, remote_version from {table} \
         where tenant_id = $1 and connection_id = $2 and deleted_at is null{after} order by external_id limit $3"
    )
}

#[async_trait]
impl<T: Canonical> LocalListing<PgTx> for PgTableSink<T> {
    async fn list_live<'a>(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        after: Option<&'a ExternalId>,
        limit: u32,
    ) -> Result<Vec<ListedRow>, StoreError> {
        tx.require_tenant(scope)?;
        let sql = if after.is_some() { &self.plan.list_after } else { &self.plan.list };
        let mut query = sqlx::query_as(AssertSqlSafe(sql.as_str()))
            .bind(scope.tenant_key())
            .bind(scope.connection.as_str())
            .bind(i64::from(limit));
        if let Some(after) = after {
            query = query.bind(storable(after.as_str()));
        }
        let rows: Vec<(String, Option<i64>)> =
            query.fetch_all(tx.connection()).await.map_err(store_error("listing rows"))?;
        let listed = |(id, version): (String, Option<i64>)| ListedRow {
            external_id: id.into(),
            version: version.map(Version),
        };
        Ok(rows.into_iter().map(listed).collect())
    }
}
