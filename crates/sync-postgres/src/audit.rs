//! The audit, read.

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use sqlx::postgres::PgRow;
use sqlx::{Row, ValueRef as _};
use sync_core::{
    AuditLog, Counts, Cursor, ExternalId, RecordedItem, Run, RunId, RunItem, Scope, StoreError,
    SubscriptionId,
};

use crate::copy::storable;
use crate::error::store_error;
use crate::store::PgStore;
use crate::subscriptions::tenant;
use crate::tx::PgTx;

const RUNS: &str = "select id, subscription_id, tenant_id, entity, direction, action, status, found, created, \
     updated, deleted, restored, noop, skipped, parked, cursor_before, cursor_after, started_at, finished_at, \
     duration_ms, error, degraded from sync_runs where tenant_id = $1 and subscription_id = $2 \
     order by number desc limit $3";

const ITEMS: &str = "select run_id, recorded_at, seq, external_id, operation, status, local_id, changed_fields, \
     title, error, reason, last_image from sync_run_items \
     where tenant_id = $1 and run_id = $2 and seq > $3 order by seq limit $4";

const HISTORY: &str = "select i.run_id, i.recorded_at, i.seq, i.external_id, i.operation, i.status, i.local_id, \
     i.changed_fields, i.title, i.error, i.reason, i.last_image \
     from sync_run_items i join sync_runs r on r.id = i.run_id \
     where i.external_id = $4 and i.status = 'success' and i.operation <> 'noop' \
     and r.tenant_id = $1 and r.connection_id = $2 and r.entity = $3 order by r.number, i.seq";

#[async_trait]
impl AuditLog<PgTx> for PgStore {
    #[tracing::instrument(name = "pg.audit.runs", skip_all, fields(subscription = %scope.subscription), err)]
    async fn runs(&self, tx: &mut PgTx, scope: &Scope, limit: u32) -> Result<Vec<Run>, StoreError> {
        const DURING: &str = "reading runs";
        tx.require_tenant(scope)?;
        let rows = sqlx::query(RUNS)
            .bind(scope.tenant_key())
            .bind(scope.subscription.0)
            .bind(i64::from(limit))
            .fetch_all(tx.connection())
            .await
            .map_err(store_error(DURING))?;
        rows.iter().map(|row| read_run(row, DURING)).collect()
    }

    #[tracing::instrument(name = "pg.audit.items", skip_all, fields(run = %run), err)]
    async fn items(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        run: RunId,
        after_seq: i64,
        limit: u32,
    ) -> Result<Vec<RecordedItem>, StoreError> {
        const DURING: &str = "reading items";
        tx.require_tenant(scope)?;
        let rows = sqlx::query(ITEMS)
            .bind(scope.tenant_key())
            .bind(run.0)
            .bind(after_seq)
            .bind(i64::from(limit))
            .fetch_all(tx.connection())
            .await
            .map_err(store_error(DURING))?;
        rows.iter().map(|row| read_item(row, DURING)).collect()
    }

    #[tracing::instrument(name = "pg.audit.history", skip_all, fields(%external_id), err)]
    async fn history(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        external_id: &ExternalId,
    ) -> Result<Vec<RecordedItem>, StoreError> {
        const DURING: &str = "reading a record's history";
        tx.require_tenant(scope)?;
        let rows = sqlx::query(HISTORY)
            .bind(scope.tenant_key())
            .bind(scope.connection.as_str())
            .bind(scope.entity)
            .bind(storable(external_id.as_str()))
            .fetch_all(tx.connection())
            .await
            .map_err(store_error(DURING))?;
        rows.iter().map(|row| read_item(row, DURING)).collect()
    }
}

fn read_run(row: &PgRow, during: &'static str) -> Result<Run, StoreError> {
    let id = RunId(get(row, 0, during)?);
    let count = |column| get::<i64>(row, column, during).map(i64::cast_unsigned);
    Ok(Run {
        id,
        subscription: SubscriptionId(get(row, 1, during)?),
        tenant: tenant(get(row, 2, during)?),
        entity: get(row, 3, during)?,
        direction: name(row, 4, "sync_runs", "direction", &id, sync_core::Direction::parse)?,
        action: name(row, 5, "sync_runs", "action", &id, sync_core::Action::parse)?,
        status: name(row, 6, "sync_runs", "status", &id, sync_core::RunStatus::parse)?,
        counts: Counts {
            found: count(7)?,
            created: count(8)?,
            updated: count(9)?,
            deleted: count(10)?,
            restored: count(11)?,
            noop: count(12)?,
            skipped: count(13)?,
            parked: count(14)?,
        },
        cursor_before: get::<Option<String>>(row, 15, during)?.map(Cursor::new),
        cursor_after: get::<Option<String>>(row, 16, during)?.map(Cursor::new),
        started_at: get(row, 17, during)?,
        finished_at: get(row, 18, during)?,
        duration_ms: get(row, 19, during)?,
        error: get(row, 20, during)?,
        degraded: get(row, 21, during)?,
    })
}

fn read_item(row: &PgRow, during: &'static str) -> Result<RecordedItem, StoreError> {
    const TABLE: &str = "sync_run_items";
    let run = RunId(get(row, 0, during)?);
    let seq: i64 = get(row, 2, during)?;
    let at = format!("{run}/{seq}");
    Ok(RecordedItem {
        run,
        recorded_at: get(row, 1, during)?,
        item: RunItem {
            seq,
            external_id: get::<String>(row, 3, during)?.into(),
            operation: name(row, 4, TABLE, "operation", &at, sync_core::Operation::parse)?,
            status: name(row, 5, TABLE, "status", &at, sync_core::ItemStatus::parse)?,
            local_id: get::<Option<String>>(row, 6, during)?.map(Into::into),
            changed_fields: json(row, 7, "changed_fields", &at)?.unwrap_or_default(),
            title: get::<Option<String>>(row, 8, during)?.map(Into::into),
            error: get(row, 9, during)?,
            reason: get::<Option<String>>(row, 10, during)?.map(Into::into),
            last_image: json(row, 11, "last_image", &at)?,
        },
    })
}

fn get<'r, V>(row: &'r PgRow, column: usize, during: &'static str) -> Result<V, StoreError>
where
    V: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    row.try_get(column).map_err(store_error(during))
}

fn name<V>(
    row: &PgRow,
    index: usize,
    table: &'static str,
    column: &'static str,
    id: &impl ToString,
    parse: fn(&str) -> Option<V>,
) -> Result<V, StoreError> {
    let corrupt =
        |reason: &str| StoreError::Corrupt { table, column, row: id.to_string(), reason: reason.to_owned() };
    let text: &str = row.try_get(index).map_err(|_| corrupt("it is no text"))?;
    parse(text).ok_or_else(|| corrupt("this release does not know the name"))
}

/// A `json` column as it is stored, without a detour over an untyped value.
fn json<V: DeserializeOwned>(
    row: &PgRow,
    index: usize,
    column: &'static str,
    id: &str,
) -> Result<Option<V>, StoreError> {
    let corrupt =
        |reason: String| StoreError::Corrupt { table: "sync_run_items", column, row: id.to_owned(), reason };
    let raw = row.try_get_raw(index).map_err(|error| corrupt(error.to_string()))?;
    if raw.is_null() {
        return Ok(None);
    }
    let bytes = raw.as_bytes().map_err(|error| corrupt(error.to_string()))?;
    serde_json::from_slice(bytes).map(Some).map_err(|error| corrupt(error.to_string()))
}
