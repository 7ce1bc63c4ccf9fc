//! Ordering values of rows in which nothing else changed.

use sync_core::{ExternalId, Scope, StoreError, Version};

use super::columns::Columns;
use super::{Plan, Sql};
use crate::error::store_error;
use crate::json::JsonRows;
use crate::tx::SqliteTx;

/// Each row is looked up by the unique key.
pub(super) fn statement(columns: &Columns) -> Sql {
    Sql::new(format!(
        "update {} as t set remote_version = wanted.value ->> 1 from jsonb_each(?3) as wanted \
         where t.tenant_id = ?1 and t.connection_id = ?2 and t.external_id = wanted.value ->> 0",
        columns.table
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
