//! Finding the rows of a batch.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use sync_core::{Canonical, ExternalId, LocalRow, Scope, StoreError, Version};

use super::columns::{self, Columns, fields};
use super::{Plan, Sql};
use crate::error::store_error;
use crate::json::JsonRows;
use crate::tx::SqliteTx;

const DURING: &str = "reading rows";
/// The columns before those of the fields.
const LEADING: usize = 4;

/// `cross join` takes the ids in turn and looks up each by the unique key.
pub(super) fn statement(columns: &Columns) -> Sql {
    let contents: String = columns.contents().map(|column| format!(", t.{column}")).collect();
    Sql::new(format!(
        "select wanted.key, t.id, t.remote_version, t.deleted_at is not null{contents} \
         from jsonb_each(?3) as wanted cross join {} as t \
         on t.tenant_id = ?1 and t.connection_id = ?2 and t.external_id = wanted.value",
        columns.table
    ))
}

pub(super) async fn find_many<T: Canonical>(
    plan: &Plan,
    tx: &mut SqliteTx,
    scope: &Scope,
    ids: &[ExternalId],
) -> Result<Vec<Option<LocalRow<T>>>, StoreError> {
    let mut found: Vec<Option<LocalRow<T>>> = Vec::new();
    found.resize_with(ids.len(), || None);
    if ids.is_empty() {
        return Ok(found);
    }
    let wanted = JsonRows::texts(ids.iter().map(ExternalId::as_str)).finish();
    let select = plan.find.query().bind(scope.tenant_key()).bind(scope.connection.as_str()).bind(wanted);
    for row in tx.fetch_all(select).await.map_err(store_error(DURING))? {
        let place: i64 = row.try_get(0).map_err(store_error(DURING))?;
        if let Some(place) = usize::try_from(place).ok().and_then(|place| found.get_mut(place)) {
            *place = Some(read(&plan.columns, &row)?);
        }
    }
    Ok(found)
}

fn read<T: Canonical>(columns: &Columns, row: &SqliteRow) -> Result<LocalRow<T>, StoreError> {
    let id: &str = row.try_get(1).map_err(store_error(DURING))?;
    let version: Option<i64> = row.try_get(2).map_err(store_error(DURING))?;
    let deleted: bool = row.try_get(3).map_err(store_error(DURING))?;
    let corrupt =
        |column, reason| StoreError::Corrupt { table: columns.name, column, row: id.to_owned(), reason };
    let mut record = T::default();
    for (i, field) in fields::<T>() {
        let value = columns::read(row, LEADING + i, field.kind)
            .map_err(|reason| corrupt(field.name, reason.to_owned()))?;
        record.set(i, value).map_err(|mismatch| corrupt(field.name, mismatch.to_string()))?;
    }
    if columns.custom
        && let Some(custom) = record.custom_mut()
    {
        let json: &str = row.try_get(LEADING + T::FIELDS.len()).map_err(store_error(DURING))?;
        if json != "{}" {
            *custom = serde_json::from_str(json)
                .map_err(|_| corrupt("custom_fields", "its JSON can't be read".to_owned()))?;
        }
    }
    Ok(LocalRow { local_id: id.into(), record, deleted, version: version.map(Version) })
}
