//! The outbox: events wait here, in the transaction that made them, until a relay takes them on.

use std::sync::LazyLock;

use async_trait::async_trait;
use sync_core::{ChangeEmitter, ChangeEvent, Scope, StoreError};

use crate::copy::{self, ColumnType, CopyRows, CopyTarget};
use crate::error::store_error;
use crate::store::PgStore;
use crate::tx::PgTx;

static TARGET: LazyLock<CopyTarget> = LazyLock::new(|| {
    use ColumnType::{Instant, Json, Text, Uuid};
    let columns = [
        ("id", Uuid),
        ("tenant_id", Text),
        ("subscription_id", Uuid),
        ("kind", Text),
        ("external_id", Text),
        ("local_id", Text),
        ("operation", Text),
        ("changed_fields", Json),
        ("run_id", Uuid),
        ("source", Text),
        ("at", Instant),
    ];
    CopyTarget::new("sync_outbox", columns)
});

/// Bytes of a usual event.
const ROW_SIZE: usize = 512;

#[async_trait]
impl ChangeEmitter<PgTx> for PgStore {
    #[tracing::instrument(name = "pg.outbox.emit", skip_all, fields(n_events = events.len()), err)]
    async fn emit(&self, tx: &mut PgTx, scope: &Scope, events: &[ChangeEvent]) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        if events.is_empty() {
            return Ok(());
        }
        let mut rows = CopyRows::new(11, events.len(), ROW_SIZE);
        for event in events {
            let row = rows.row();
            copy::uuid(row, event.id.0);
            copy::text(row, scope.tenant_key());
            copy::uuid(row, scope.subscription.0);
            copy::text(row, &event.kind);
            copy::audit_text(row, event.external_id.as_str());
            copy::audit_text(row, event.local_id.as_str());
            copy::text(row, event.operation.as_str());
            copy::json(row, &event.changed_fields);
            copy::uuid(row, event.run.0);
            copy::text(row, event.source);
            copy::instant(row, event.at);
        }
        tx.copy(&TARGET, rows).await.map_err(store_error("publishing events"))
    }
}
