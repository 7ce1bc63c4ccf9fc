//! Rows that take the ids the CRM gave to their records.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sync_core::{Adoption, Scope, StoreError};

use super::columns::Columns;
use super::{Plan, Sql};
use crate::decode::Stored;
use crate::error::store_error;
use crate::json::{JsonRows, instant};
use crate::tx::SqliteTx;

pub(super) fn statement(columns: &Columns) -> Sql {
    let table = &columns.table;
    Sql::new(format!(
        "with wanted as materialized (select own.rowid as at, w.value ->> 1 as id from jsonb_each(?3) as w \
         cross join {table} as own where own.tenant_id = ?1 and own.connection_id = ?2 \
         and own.external_id = w.value ->> 0 and not exists (select 1 from {table} as taken \
         where taken.tenant_id = ?1 and taken.connection_id = ?2 and taken.external_id = w.value ->> 1)) \
         update {table} as t set external_id = wanted.id, updated_at = ?4 from wanted where t.rowid = wanted.at \
         returning external_id"
    ))
}

pub(super) async fn adopt(
    plan: &Plan,
    tx: &mut SqliteTx,
    scope: &Scope,
    adoptions: &[Adoption],
    at: DateTime<Utc>,
) -> Result<Vec<bool>, StoreError> {
    let mut rows = JsonRows::new(adoptions.len(), 80);
    for Adoption { placeholder, external_id } in adoptions {
        rows.row(|row| {
            row.text(placeholder.as_str());
            row.text(external_id.as_str());
        });
    }
    let update = plan
        .adopt
        .query()
        .bind(scope.tenant_key())
        .bind(scope.connection.as_str())
        .bind(rows.finish())
        .bind(instant(at));
    let renamed = tx.fetch_all(update).await.map_err(store_error("adopting ids of rows"))?;
    let renamed: HashSet<String> = renamed
        .iter()
        .map(|row| Stored::new(row, "rows", &["external_id"]).text(0).map(str::to_owned))
        .collect::<Result<_, _>>()?;
    Ok(adoptions.iter().map(|adoption| renamed.contains(adoption.external_id.as_str())).collect())
}
