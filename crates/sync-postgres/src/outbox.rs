//! The outbox: events wait here, in the transaction that made them, until a relay takes them on.

use async_trait::async_trait;
use sync_core::{ChangeEmitter, ChangeEvent, Scope, StoreError};

use crate::copy::{self, CopyRows};
use crate::error::store_error;
use crate::store::PgStore;
use crate::tx::PgTx;

const COPY: &str = "copy sync_outbox (id, tenant_id, subscription_id, kind, external_id, local_id, operation, \
     changed_fields, run_id, source, at) from stdin (format binary)";

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
        tx.copy(COPY, rows.finish()).await.map_err(store_error("publishing events"))
    }
}
