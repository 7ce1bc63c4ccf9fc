//! Listing live rows, in the order of their external ids.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use sync_core::{ExternalId, ListedRow, Scope, StoreError, Version};

use super::columns::Columns;
use super::{Plan, Sql};
use crate::error::store_error;
use crate::tx::SqliteTx;

const DURING: &str = "listing rows";

/// Every row, or those after an external id.
pub(super) fn statement(columns: &Columns, after: bool) -> Sql {
    let after = if after { "and external_id > ?4 " } else { "" };
    Sql::new(format!(
        "select external_id, remote_version from {} \
         where tenant_id = ?1 and connection_id = ?2 and deleted_at is null {after}\
         order by external_id limit ?3",
        columns.table
    ))
}

pub(super) async fn list_live(
    plan: &Plan,
    tx: &mut SqliteTx,
    scope: &Scope,
    after: Option<&ExternalId>,
    limit: u32,
) -> Result<Vec<ListedRow>, StoreError> {
    let sql = if after.is_some() { &plan.list_after } else { &plan.list };
    let mut select = sql.query().bind(scope.tenant_key()).bind(scope.connection.as_str()).bind(limit);
    if let Some(after) = after {
        select = select.bind(after.as_str());
    }
    let rows = tx.fetch_all(select).await.map_err(store_error(DURING))?;
    rows.iter().map(|row| read(row).map_err(store_error(DURING))).collect()
}

fn read(row: &SqliteRow) -> Result<ListedRow, sqlx::Error> {
    let external_id: &str = row.try_get(0)?;
    let version: Option<i64> = row.try_get(1)?;
    Ok(ListedRow { external_id: external_id.into(), version: version.map(Version) })
}
