//! Ordering values of rows in which nothing else changed.

use sync_core::{ExternalId, Scope, StoreError, Version};

use super::columns::Columns;
use super::{Plan, Sql};
use crate::error::store_error;
use crate::json::JsonRows;
use crate::tx::SqliteTx;

/// Rows are found as in `find`, and that first: joined with the table as it is, every row of it would be compared with
/// every one that is wanted.
pub(super) fn statement(columns: &Columns) -> Sql {
    let table = &columns.table;
    Sql::new(format!(
        "with found as materialized (select own.rowid as at, wanted.value ->> 1 as version \
         from jsonb_each(?3) as wanted cross join {table} as own \
         where own.tenant_id = ?1 and own.connection_id = ?2 and own.external_id = wanted.value ->> 0) \
         update {table} as t set remote_version = found.version from found where t.rowid = found.at"
    ))
}

pub(super) async fn touch(
    plan: &Plan,
    tx: &mut SqliteTx,
    scope: &Scope,
    versions: &[(ExternalId, Version)],
) -> Result<(), StoreError> {
    if versions.is_empty() {
        return Ok(());
    }
    let mut rows = JsonRows::new(versions.len(), 40);
    for (id, Version(version)) in versions {
        rows.row(|out| {
            out.text(id.as_str());
            out.int(*version);
        });
    }
    let update =
        plan.touch.query().bind(scope.tenant_key()).bind(scope.connection.as_str()).bind(rows.finish());
    tx.execute(update).await.map(drop).map_err(store_error("noting versions"))
}
