//! The outbox: events of applied changes, in the transaction that applied them.

use async_trait::async_trait;
use sync_core::{ChangeEmitter, ChangeEvent, Scope, StoreError};

use crate::error::store_error;
use crate::json::JsonRows;
use crate::store::SqliteStore;
use crate::tx::SqliteTx;

/// `position` follows the order of the rows.
const EMIT: &str = "insert into sync_outbox (tenant_id, subscription_id, id, kind, external_id, local_id, operation, \
     changed_fields, run_id, source, at) \
     select ?1, ?2, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, \
     value ->> 7, value ->> 8 from jsonb_each(?3) order by key";

/// Bytes of a usual event.
const ROW_SIZE: usize = 512;

#[async_trait]
impl ChangeEmitter<SqliteTx> for SqliteStore {
    #[tracing::instrument(name = "sqlite.outbox.emit", skip_all, fields(n_events = events.len()), err)]
    async fn emit(&self, tx: &mut SqliteTx, scope: &Scope, events: &[ChangeEvent]) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        if events.is_empty() {
            return Ok(());
        }
        let mut rows = JsonRows::new(events.len(), ROW_SIZE);
        for event in events {
            rows.row(|row| write_event(row, event));
        }
        let emit = sqlx::query(EMIT)
            .bind(scope.tenant_key())
            .bind(scope.subscription.to_string())
            .bind(rows.finish());
        tx.execute(emit).await.map(drop).map_err(store_error("publishing events"))
    }
}

fn write_event(row: &mut JsonRows, event: &ChangeEvent) {
    row.uuid(event.id.0);
    row.text(&event.kind);
    row.text(event.external_id.as_str());
    row.text(event.local_id.as_str());
    row.text(event.operation.as_str());
    row.object(&event.changed_fields);
    row.uuid(event.run.0);
    row.text(event.source);
    row.instant(event.at);
}
