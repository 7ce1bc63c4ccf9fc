//! The audit, written.

use std::sync::LazyLock;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{Postgres, Row};
use sync_core::{Counts, Cursor, NewRun, RunEnd, RunId, RunItem, RunRecorder, Scope, StoreError};

use crate::copy::{self, ColumnType, CopyRows, CopyTarget, storable};
use crate::error::store_error;
use crate::store::PgStore;
use crate::tx::PgTx;

const OPEN: &str = "insert into sync_runs (id, tenant_id, subscription_id, connection_id, provider, entity, \
     user_id, direction, action, status, cursor_before, cursor_after, started_at) \
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'running', $10, $10, $11)";

const CLOSE_STALE: &str = "with closed as ( \
     update sync_runs set status = 'failed', error = $4, finished_at = $3, \
     duration_ms = trunc(extract(epoch from $3 - started_at) * 1000)::bigint \
     where tenant_id = $1 and subscription_id = $2 and status = 'running' returning id, number) \
     select id from closed order by number";

static ITEMS: LazyLock<CopyTarget> = LazyLock::new(|| {
    use ColumnType::{Instant, Int, Json, Text, Uuid};
    let columns = [
        ("run_id", Uuid),
        ("seq", Int),
        ("tenant_id", Text),
        ("external_id", Text),
        ("operation", Text),
        ("status", Text),
        ("local_id", Text),
        ("changed_fields", Json),
        ("title", Text),
        ("error", Text),
        ("reason", Text),
        ("last_image", Json),
        ("recorded_at", Instant),
    ];
    CopyTarget::new("sync_run_items", columns)
});

const PROGRESS: &str = "update sync_runs set found = $3, created = $4, updated = $5, deleted = $6, restored = $7, \
     noop = $8, skipped = $9, parked = $10, cursor_after = coalesce($11, cursor_after), batches = $12 \
     where tenant_id = $1 and id = $2 and status = 'running' and batches < $12";

const CLOSE: &str = "update sync_runs set found = $3, created = $4, updated = $5, deleted = $6, restored = $7, \
     noop = $8, skipped = $9, parked = $10, cursor_after = coalesce($11, cursor_after), status = $12, \
     finished_at = $13, duration_ms = trunc(extract(epoch from $13 - started_at) * 1000)::bigint, error = $14, \
     degraded = $15 \
     where tenant_id = $1 and id = $2 and status = 'running'";

const STATUS: &str = "select status = 'running' from sync_runs where tenant_id = $1 and id = $2";

/// Bytes of a usual item.
const ROW_SIZE: usize = 512;

#[async_trait]
impl RunRecorder<PgTx> for PgStore {
    #[tracing::instrument(name = "pg.run.open", skip_all, fields(run = %run.id), err)]
    async fn open_run(&self, tx: &mut PgTx, scope: &Scope, run: &NewRun) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        sqlx::query(OPEN)
            .bind(run.id.0)
            .bind(scope.tenant_key())
            .bind(scope.subscription.0)
            .bind(scope.connection.as_str())
            .bind(scope.provider.as_str())
            .bind(scope.entity)
            .bind(scope.user.as_str())
            .bind(run.direction.as_str())
            .bind(run.action.as_str())
            .bind(run.cursor_before.as_ref().map(Cursor::as_str))
            .bind(run.started_at)
            .execute(tx.connection())
            .await
            .map_err(store_error("opening a run"))?;
        Ok(())
    }

    #[tracing::instrument(name = "pg.run.close_stale", skip_all, fields(subscription = %scope.subscription), err)]
    async fn close_stale_runs(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        at: DateTime<Utc>,
        error: &str,
    ) -> Result<Vec<RunId>, StoreError> {
        tx.require_tenant(scope)?;
        sqlx::query(CLOSE_STALE)
            .bind(scope.tenant_key())
            .bind(scope.subscription.0)
            .bind(at)
            .bind(storable(error))
            .fetch_all(tx.connection())
            .await
            .and_then(|rows| rows.iter().map(|row| row.try_get(0).map(RunId)).collect())
            .map_err(store_error("closing stale runs"))
    }

    #[tracing::instrument(name = "pg.items.record", skip_all, fields(run = %run, n_items = items.len()), err)]
    async fn record_items(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        run: RunId,
        items: &[RunItem],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        if items.is_empty() {
            return Ok(());
        }
        let mut rows = CopyRows::new(13, items.len(), ROW_SIZE);
        for item in items {
            write_item(rows.row(), scope, run, item, at);
        }
        tx.copy(&ITEMS, rows).await.map_err(store_error("recording items"))
    }

    #[tracing::instrument(name = "pg.run.progress", skip_all, fields(run = %run, batch), err)]
    async fn record_progress<'a>(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        run: RunId,
        batch: i64,
        counts: &Counts,
        cursor: Option<&'a Cursor>,
    ) -> Result<bool, StoreError> {
        const DURING: &str = "recording progress";
        tx.require_tenant(scope)?;
        let updated = bind_counts(sqlx::query(PROGRESS).bind(scope.tenant_key()).bind(run.0), counts)
            .bind(cursor.map(Cursor::as_str))
            .bind(batch)
            .execute(tx.connection())
            .await
            .map_err(store_error(DURING))?;
        if updated.rows_affected() == 1 {
            return Ok(true);
        }
        // The run is there and open, so its batch number was what kept the update from matching.
        if is_running(tx, scope, run, DURING).await? { Ok(false) } else { Err(StoreError::Fenced) }
    }

    #[tracing::instrument(name = "pg.run.close", skip_all, fields(run = %run, status = end.status.as_str()), err)]
    async fn close_run(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        run: RunId,
        end: &RunEnd,
    ) -> Result<(), StoreError> {
        const DURING: &str = "closing a run";
        tx.require_tenant(scope)?;
        let closed = bind_counts(sqlx::query(CLOSE).bind(scope.tenant_key()).bind(run.0), &end.counts)
            .bind(end.cursor_after.as_ref().map(Cursor::as_str))
            .bind(end.status.as_str())
            .bind(end.finished_at)
            .bind(end.error.as_deref().map(storable))
            .bind(end.degraded.as_deref().map(storable))
            .execute(tx.connection())
            .await
            .map_err(store_error(DURING))?;
        if closed.rows_affected() == 1 {
            return Ok(());
        }
        is_running(tx, scope, run, DURING).await?;
        Err(StoreError::Fenced)
    }
}

async fn is_running(
    tx: &mut PgTx,
    scope: &Scope,
    run: RunId,
    during: &'static str,
) -> Result<bool, StoreError> {
    let running: Option<bool> = sqlx::query_scalar(STATUS)
        .bind(scope.tenant_key())
        .bind(run.0)
        .fetch_optional(tx.connection())
        .await
        .map_err(store_error(during))?;
    running.ok_or_else(|| StoreError::NotFound { what: "run", id: run.to_string() })
}

type Bound<'q> = Query<'q, Postgres, PgArguments>;

fn bind_counts<'q>(query: Bound<'q>, counts: &Counts) -> Bound<'q> {
    let Counts { found, created, updated, deleted, restored, noop, skipped, parked } = *counts;
    [found, created, updated, deleted, restored, noop, skipped, parked]
        .into_iter()
        .fold(query, |query, count| query.bind(count.cast_signed()))
}

fn write_item(row: &mut Vec<u8>, scope: &Scope, run: RunId, item: &RunItem, at: DateTime<Utc>) {
    copy::uuid(row, run.0);
    copy::int(row, item.seq);
    copy::text(row, scope.tenant_key());
    copy::audit_text(row, item.external_id.as_str());
    copy::text(row, item.operation.as_str());
    copy::text(row, item.status.as_str());
    copy::opt(row, item.local_id.as_ref(), |row, id| copy::audit_text(row, id.as_str()));
    let changed = (!item.changed_fields.is_empty()).then_some(&item.changed_fields);
    copy::opt(row, changed, copy::json);
    copy::opt(row, item.title.as_deref(), copy::audit_text);
    copy::opt(row, item.error.as_deref(), copy::audit_text);
    copy::opt(row, item.reason.as_deref(), copy::audit_text);
    copy::opt(row, item.last_image.as_ref(), copy::json);
    copy::instant(row, at);
}
