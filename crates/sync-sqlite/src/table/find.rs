//! Finding the rows of a batch.
//!
//! The answer is one JSON array of arrays: handing thousands of rows, value by value, from SQLite's thread to the
//! caller's costs more than reading them.

use sqlx::Row as _;
use sync_core::{Canonical, ExternalId, LocalRow, Scope, StoreError, Version};

use super::columns::{self, Columns, fields};
use super::{Plan, Sql, custom};
use crate::error::{is_too_big, store_error};
use crate::json::{JsonRows, Scalar};
use crate::tx::SqliteTx;

const DURING: &str = "reading rows";

/// `cross join` takes the ids in turn and looks up each by the unique key.
/// With `document`, also what a column for custom fields holds that are kept elsewhere now.
pub(super) fn statement(columns: &Columns, document: bool) -> Sql {
    let contents = columns.contents().chain(document.then_some("custom_fields"));
    let contents: String = contents.map(|column| format!(", t.{column}")).collect();
    Sql::new(format!(
        "select json_group_array(json_array(wanted.key, t.id, t.remote_version, t.deleted_at is not null{contents})) \
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
    let (find, _) = custom::statements(plan, tx).await?;
    let mut pending = vec![(0, ids.len())];
    while let Some((start, end)) = pending.pop().filter(|(start, end)| start < end) {
        let wanted = JsonRows::texts(ids[start..end].iter().map(ExternalId::as_str)).finish();
        let select = find.query().bind(scope.tenant_key()).bind(scope.connection.as_str()).bind(wanted);
        match tx.fetch_optional(select).await {
            Ok(Some(answer)) => {
                let rows: &str = answer.try_get(0).map_err(store_error(DURING))?;
                place(&plan.columns, rows, &mut found[start..end])?;
            }
            Ok(None) => {}
            // Rows of megabytes each: half of them at a time.
            Err(error) if end - start > 1 && is_too_big(&error) => {
                let middle = start.midpoint(end);
                pending.extend([(middle, end), (start, middle)]);
            }
            Err(error) => return Err(store_error(DURING)(error)),
        }
    }
    if plan.eav.is_some() {
        custom::fill(tx, &mut found).await?;
    }
    Ok(found)
}

/// Puts each row in the place of its id.
fn place<T: Canonical>(
    columns: &Columns,
    rows: &str,
    found: &mut [Option<LocalRow<T>>],
) -> Result<(), StoreError> {
    let refused = |error: serde_json::Error| StoreError::Refused { during: DURING, source: error.into() };
    let rows: Vec<Vec<Scalar<'_>>> = serde_json::from_str(rows).map_err(refused)?;
    for row in rows {
        if let Some((Scalar::Int(place), row)) = row.split_first()
            && let Some(place) = usize::try_from(*place).ok().and_then(|place| found.get_mut(place))
        {
            *place = Some(read(columns, row)?);
        }
    }
    Ok(())
}

fn read<T: Canonical>(columns: &Columns, row: &[Scalar<'_>]) -> Result<LocalRow<T>, StoreError> {
    let corrupt = |row: &str, column, reason: String| StoreError::Corrupt {
        table: columns.name,
        column,
        row: row.to_owned(),
        reason,
    };
    let [Scalar::Text(id), version, Scalar::Int(deleted), contents @ ..] = row else {
        return Err(corrupt("?", "id", "it is no text".to_owned()));
    };
    let version = match version {
        Scalar::Null => None,
        Scalar::Int(version) => Some(Version(*version)),
        Scalar::Text(_) => return Err(corrupt(id, "remote_version", "it is no whole number".to_owned())),
    };
    let mut record = T::default();
    for ((i, field), stored) in fields::<T>().zip(contents) {
        let value =
            columns::read(stored, field.kind).map_err(|reason| corrupt(id, field.name, reason.to_owned()))?;
        record.set(i, value).map_err(|mismatch| corrupt(id, field.name, mismatch.to_string()))?;
    }
    if let (Some(Scalar::Text(json)), Some(custom)) = (contents.get(T::FIELDS.len()), record.custom_mut())
        && json != "{}"
    {
        *custom = serde_json::from_str(json)
            .map_err(|_| corrupt(id, "custom_fields", "its JSON can't be read".to_owned()))?;
    }
    Ok(LocalRow { local_id: (&**id).into(), record, deleted: *deleted != 0, version })
}
