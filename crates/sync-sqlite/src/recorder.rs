//! The audit, written.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sync_core::{Counts, Cursor, NewRun, RunEnd, RunId, RunItem, RunRecorder, Scope, StoreError};

use crate::decode::Stored;
use crate::error::store_error;
use crate::json::{JsonRows, instant, storable};
use crate::store::SqliteStore;
use crate::tx::{Bound, SqliteTx};

const OPEN: &str = "insert into sync_runs (id, tenant_id, subscription_id, connection_id, provider, entity, \
     user_id, direction, action, status, cursor_before, cursor_after, started_at) \
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'running', ?10, ?10, ?11)";

const SELECT_STALE: &str = "select id, started_at from sync_runs \
     where tenant_id = ?1 and subscription_id = ?2 and status = 'running' order by number";

/// The durations come from outside: SQLite's own reckoning of time is in binary floats.
const CLOSE_STALE: &str = "update sync_runs set status = 'failed', error = ?4, finished_at = ?3, \
     duration_ms = stale.value ->> 1 from jsonb_each(?2) as stale \
     where sync_runs.tenant_id = ?1 and sync_runs.id = stale.value ->> 0";

const ADD_ITEMS: &str = "insert into sync_run_items (run_id, seq, tenant_id, external_id, operation, status, \
     local_id, changed_fields, title, error, reason, last_image, recorded_at) \
     select ?1, value ->> 0, ?2, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, \
     value ->> 7, value ->> 8, value ->> 9, ?3 from jsonb_each(?4)";

const PROGRESS: &str = "update sync_runs set found = ?3, created = ?4, updated = ?5, deleted = ?6, restored = ?7, \
     noop = ?8, skipped = ?9, parked = ?10, cursor_after = coalesce(?11, cursor_after), batches = ?12 \
     where tenant_id = ?1 and id = ?2 and status = 'running' and batches < ?12";

const CLOSE: &str = "update sync_runs set found = ?3, created = ?4, updated = ?5, deleted = ?6, restored = ?7, \
     noop = ?8, skipped = ?9, parked = ?10, cursor_after = coalesce(?11, cursor_after), status = ?12, \
     finished_at = ?13, duration_ms = ?14, error = ?15, degraded = ?16 \
     where tenant_id = ?1 and id = ?2 and status = 'running'";

const STATUS: &str = "select id, started_at, status from sync_runs where tenant_id = ?1 and id = ?2";
const STATUS_COLUMNS: [&str; 3] = ["id", "started_at", "status"];

/// Bytes of a usual item.
const ROW_SIZE: usize = 512;

#[async_trait]
impl RunRecorder<SqliteTx> for SqliteStore {
    #[tracing::instrument(name = "sqlite.run.open", skip_all, fields(run = %run.id), err)]
    async fn open_run(&self, tx: &mut SqliteTx, scope: &Scope, run: &NewRun) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        let open = sqlx::query(OPEN)
            .bind(run.id.to_string())
            .bind(scope.tenant_key())
            .bind(scope.subscription.to_string())
            .bind(scope.connection.as_str())
            .bind(scope.provider.as_str())
            .bind(scope.entity)
            .bind(scope.user.as_str())
            .bind(run.direction.as_str())
            .bind(run.action.as_str())
            .bind(run.cursor_before.as_ref().map(Cursor::as_str))
            .bind(instant(run.started_at));
        tx.execute(open).await.map(drop).map_err(store_error("opening a run"))
    }

    #[tracing::instrument(
        name = "sqlite.run.close_stale",
        skip_all,
        fields(subscription = %scope.subscription),
        err
    )]
    async fn close_stale_runs(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        at: DateTime<Utc>,
        error: &str,
    ) -> Result<Vec<RunId>, StoreError> {
        const DURING: &str = "closing stale runs";
        tx.require_tenant(scope)?;
        let select = sqlx::query(SELECT_STALE).bind(scope.tenant_key()).bind(scope.subscription.to_string());
        let rows = tx.fetch_all(select).await.map_err(store_error(DURING))?;
        let mut closed = Vec::with_capacity(rows.len());
        let mut durations = JsonRows::new(rows.len(), 64);
        for row in &rows {
            let row = Stored::new(row, "sync_runs", &["id", "started_at"]);
            let (id, started_at) = (row.uuid(0)?, row.instant(1)?);
            durations.row(|row| {
                row.uuid(id);
                row.int((at - started_at).num_milliseconds());
            });
            closed.push(RunId(id));
        }
        if !closed.is_empty() {
            let close = sqlx::query(CLOSE_STALE)
                .bind(scope.tenant_key())
                .bind(durations.finish())
                .bind(instant(at))
                .bind(storable(error).into_owned());
            tx.execute(close).await.map_err(store_error(DURING))?;
        }
        Ok(closed)
    }

    #[tracing::instrument(name = "sqlite.items.record", skip_all, fields(run = %run, n_items = items.len()), err)]
    async fn record_items(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        run: RunId,
        items: &[RunItem],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        if items.is_empty() {
            return Ok(());
        }
        let mut rows = JsonRows::new(items.len(), ROW_SIZE);
        for item in items {
            rows.row(|row| write_item(row, item));
        }
        let add = sqlx::query(ADD_ITEMS)
            .bind(run.to_string())
            .bind(scope.tenant_key())
            .bind(instant(at))
            .bind(rows.finish());
        tx.execute(add).await.map(drop).map_err(store_error("recording items"))
    }

    #[tracing::instrument(name = "sqlite.run.progress", skip_all, fields(run = %run, batch), err)]
    async fn record_progress<'a>(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        run: RunId,
        batch: i64,
        counts: &Counts,
        cursor: Option<&'a Cursor>,
    ) -> Result<bool, StoreError> {
        const DURING: &str = "recording progress";
        tx.require_tenant(scope)?;
        let progress = sqlx::query(PROGRESS).bind(scope.tenant_key()).bind(run.to_string());
        let progress = bind_counts(progress, counts).bind(cursor.map(Cursor::as_str)).bind(batch);
        if tx.execute(progress).await.map_err(store_error(DURING))? == 1 {
            return Ok(true);
        }
        // The run is there and open, so its batch number was what kept the update from matching.
        running_since(tx, scope, run, DURING).await.map(|_| false)
    }

    #[tracing::instrument(
        name = "sqlite.run.close",
        skip_all,
        fields(run = %run, status = end.status.as_str()),
        err
    )]
    async fn close_run(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        run: RunId,
        end: &RunEnd,
    ) -> Result<(), StoreError> {
        const DURING: &str = "closing a run";
        tx.require_tenant(scope)?;
        let started_at = running_since(tx, scope, run, DURING).await?;
        let close = sqlx::query(CLOSE).bind(scope.tenant_key()).bind(run.to_string());
        let close = bind_counts(close, &end.counts)
            .bind(end.cursor_after.as_ref().map(Cursor::as_str))
            .bind(end.status.as_str())
            .bind(instant(end.finished_at))
            .bind((end.finished_at - started_at).num_milliseconds())
            .bind(end.error.as_deref().map(|error| storable(error).into_owned()))
            .bind(end.degraded.as_deref().map(|degraded| storable(degraded).into_owned()));
        tx.execute(close).await.map(drop).map_err(store_error(DURING))
    }
}

/// When a run started that has not ended. Nobody ends it meanwhile: there is one writer.
async fn running_since(
    tx: &mut SqliteTx,
    scope: &Scope,
    run: RunId,
    during: &'static str,
) -> Result<DateTime<Utc>, StoreError> {
    let select = sqlx::query(STATUS).bind(scope.tenant_key()).bind(run.to_string());
    let row = tx.fetch_optional(select).await.map_err(store_error(during))?;
    let row = row.ok_or_else(|| StoreError::NotFound { what: "run", id: run.to_string() })?;
    let row = Stored::new(&row, "sync_runs", &STATUS_COLUMNS);
    if row.text(2)? == "running" { row.instant(1) } else { Err(StoreError::Fenced) }
}

fn bind_counts<'q>(query: Bound<'q>, counts: &Counts) -> Bound<'q> {
    let Counts { found, created, updated, deleted, restored, noop, skipped, parked } = *counts;
    [found, created, updated, deleted, restored, noop, skipped, parked]
        .into_iter()
        .fold(query, |query, count| query.bind(count.cast_signed()))
}

fn write_item(row: &mut JsonRows, item: &RunItem) {
    row.int(item.seq);
    row.shown(item.external_id.as_str());
    row.text(item.operation.as_str());
    row.text(item.status.as_str());
    row.opt(item.local_id.as_ref(), |row, id| row.shown(id.as_str()));
    row.opt((!item.changed_fields.is_empty()).then_some(&item.changed_fields), JsonRows::object);
    row.opt(item.title.as_deref(), JsonRows::shown);
    row.opt(item.error.as_deref(), JsonRows::shown);
    row.opt(item.reason.as_deref(), JsonRows::shown);
    row.opt(item.last_image.as_ref(), JsonRows::object);
}
