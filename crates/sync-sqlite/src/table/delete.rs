//! Marking rows as deleted.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::Row as _;
use sync_core::{ExternalId, LocalId, Scope, SinkError};

use super::columns::Columns;
use super::{Plan, Sql};
use crate::error::{sink_error, store_error};
use crate::json::{JsonRows, instant};
use crate::tx::SqliteTx;

const DURING: &str = "deleting rows";

/// A row that is deleted already stays as it is, and is answered all the same.
pub(super) fn statement(columns: &Columns) -> Sql {
    Sql::new(format!(
        "update {} set updated_at = iif(deleted_at is null, ?4, updated_at), \
         deleted_at = coalesce(deleted_at, ?4) \
         where tenant_id = ?1 and connection_id = ?2 and external_id in (select value from jsonb_each(?3)) \
         returning external_id, id",
        columns.table
    ))
}

pub(super) async fn soft_delete_many(
    plan: &Plan,
    tx: &mut SqliteTx,
    scope: &Scope,
    ids: &[ExternalId],
    at: DateTime<Utc>,
) -> Result<Vec<Option<LocalId>>, SinkError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = JsonRows::texts(ids.iter().map(ExternalId::as_str)).finish();
    let delete = plan
        .delete
        .query()
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(wanted)
        .bind(instant(at));
    let rows = tx.fetch_all(delete).await.map_err(sink_error(DURING))?;
    let mut deleted: HashMap<&str, LocalId> = HashMap::with_capacity(rows.len());
    for row in &rows {
        let text = |column: usize| row.try_get::<&str, _>(column).map_err(store_error(DURING));
        deleted.insert(text(0)?, text(1)?.into());
    }
    Ok(ids.iter().map(|id| deleted.remove(id.as_str())).collect())
}
