//! The audit, read.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sync_core::{
    Action, AuditLog, Counts, Cursor, Direction, ExternalId, ItemStatus, Operation, RecordedItem, Run, RunId,
    RunItem, RunStatus, Scope, StoreError, SubscriptionId,
};

use crate::decode::Stored;
use crate::error::store_error;
use crate::store::SqliteStore;
use crate::subscriptions::tenant;
use crate::tx::SqliteTx;

const RUN_COLUMNS: [&str; 22] = [
    "id",
    "subscription_id",
    "tenant_id",
    "entity",
    "direction",
    "action",
    "status",
    "found",
    "created",
    "updated",
    "deleted",
    "restored",
    "noop",
    "skipped",
    "parked",
    "cursor_before",
    "cursor_after",
    "started_at",
    "finished_at",
    "duration_ms",
    "error",
    "degraded",
];

const RUNS: &str = "select id, subscription_id, tenant_id, entity, direction, action, status, found, created, \
     updated, deleted, restored, noop, skipped, parked, cursor_before, cursor_after, started_at, finished_at, \
     duration_ms, error, degraded from sync_runs where tenant_id = ?1 and subscription_id = ?2 order by number desc limit ?3";

const ITEM_COLUMNS: [&str; 12] = [
    "run_id",
    "seq",
    "external_id",
    "operation",
    "status",
    "local_id",
    "changed_fields",
    "title",
    "error",
    "reason",
    "last_image",
    "recorded_at",
];

const ITEMS: &str = "select run_id, seq, external_id, operation, status, local_id, changed_fields, title, error, \
     reason, last_image, recorded_at from sync_run_items \
     where run_id = ?2 and tenant_id = ?1 and seq > ?3 order by seq limit ?4";

/// The conditions on status and operation are those of the index on history. `cross join` looks up the record's
/// items first, and then the run of each.
const HISTORY: &str = "select i.run_id, i.seq, i.external_id, i.operation, i.status, i.local_id, i.changed_fields, \
     i.title, i.error, i.reason, i.last_image, i.recorded_at \
     from sync_run_items as i cross join sync_runs as r \
     where i.external_id = ?4 and i.status = 'success' and i.operation <> 'noop' and i.tenant_id = ?1 \
     and r.id = i.run_id and r.tenant_id = ?1 and r.connection_id = ?2 and r.entity = ?3 \
     order by r.number, i.seq";

#[async_trait]
impl AuditLog<SqliteTx> for SqliteStore {
    async fn runs(&self, tx: &mut SqliteTx, scope: &Scope, limit: u32) -> Result<Vec<Run>, StoreError> {
        tx.require_tenant(scope)?;
        let select =
            sqlx::query(RUNS).bind(scope.tenant_key()).bind(scope.subscription.to_string()).bind(limit);
        let rows = tx.fetch_all(select).await.map_err(store_error("listing runs"))?;
        rows.iter().map(read_run).collect()
    }

    async fn items(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        run: RunId,
        after_seq: i64,
        limit: u32,
    ) -> Result<Vec<RecordedItem>, StoreError> {
        tx.require_tenant(scope)?;
        let select =
            sqlx::query(ITEMS).bind(scope.tenant_key()).bind(run.to_string()).bind(after_seq).bind(limit);
        let rows = tx.fetch_all(select).await.map_err(store_error("listing items"))?;
        rows.iter().map(read_item).collect()
    }

    async fn history(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        external_id: &ExternalId,
    ) -> Result<Vec<RecordedItem>, StoreError> {
        tx.require_tenant(scope)?;
        let select = sqlx::query(HISTORY)
            .bind(scope.tenant_key())
            .bind(scope.connection.as_str())
            .bind(scope.entity)
            .bind(external_id.as_str());
        let rows = tx.fetch_all(select).await.map_err(store_error("reading a record's history"))?;
        rows.iter().map(read_item).collect()
    }
}

fn read_run(row: &SqliteRow) -> Result<Run, StoreError> {
    let row = Stored::new(row, "sync_runs", &RUN_COLUMNS);
    Ok(Run {
        id: RunId(row.uuid(0)?),
        subscription: SubscriptionId(row.uuid(1)?),
        tenant: tenant(row.text(2)?),
        entity: row.text(3)?.to_owned(),
        direction: row.name(4, Direction::parse)?,
        action: row.name(5, Action::parse)?,
        status: row.name(6, RunStatus::parse)?,
        counts: Counts {
            found: row.count(7)?,
            created: row.count(8)?,
            updated: row.count(9)?,
            deleted: row.count(10)?,
            restored: row.count(11)?,
            noop: row.count(12)?,
            skipped: row.count(13)?,
            parked: row.count(14)?,
        },
        cursor_before: row.opt_text(15)?.map(Cursor::new),
        cursor_after: row.opt_text(16)?.map(Cursor::new),
        started_at: row.instant(17)?,
        finished_at: row.opt_instant(18)?,
        duration_ms: row.opt_int(19)?,
        error: row.opt_text(20)?.map(str::to_owned),
        degraded: row.opt_text(21)?.map(str::to_owned),
    })
}

fn read_item(row: &SqliteRow) -> Result<RecordedItem, StoreError> {
    let row = Stored::new(row, "sync_run_items", &ITEM_COLUMNS);
    Ok(RecordedItem {
        run: RunId(row.uuid(0)?),
        item: RunItem {
            seq: row.int(1)?,
            external_id: row.text(2)?.into(),
            operation: row.name(3, Operation::parse)?,
            status: row.name(4, ItemStatus::parse)?,
            local_id: row.opt_text(5)?.map(Into::into),
            changed_fields: row.opt_json(6)?.unwrap_or_default(),
            title: row.opt_text(7)?.map(Into::into),
            error: row.opt_text(8)?.map(str::to_owned),
            reason: row.opt_text(9)?.map(|reason| reason.to_owned().into()),
            last_image: row.opt_json(10)?,
        },
        recorded_at: row.instant(11)?,
    })
}
