//! Positions: a column of the subscription.

use async_trait::async_trait;
use sync_core::{Cursor, CursorStore, Scope, StoreError};

use crate::error::store_error;
use crate::store::PgStore;
use crate::subscriptions::not_found;
use crate::tx::PgTx;

const SELECT: &str = "select cursor from sync_subscriptions where tenant_id = $1 and id = $2";

const UPDATE: &str = "update sync_subscriptions set cursor = $3 where tenant_id = $1 and id = $2";

#[async_trait]
impl CursorStore<PgTx> for PgStore {
    #[tracing::instrument(name = "pg.cursor.get", skip_all, fields(subscription = %scope.subscription), err)]
    async fn cursor(&self, tx: &mut PgTx, scope: &Scope) -> Result<Option<Cursor>, StoreError> {
        tx.require_tenant(scope)?;
        let row: Option<Option<String>> = sqlx::query_scalar(SELECT)
            .bind(scope.tenant_key())
            .bind(scope.subscription.0)
            .fetch_optional(tx.connection())
            .await
            .map_err(store_error("reading the cursor"))?;
        row.map(|text| text.map(Cursor::new)).ok_or_else(|| not_found(scope.subscription))
    }

    #[tracing::instrument(name = "pg.cursor.put", skip_all, fields(subscription = %scope.subscription), err)]
    async fn put_cursor(&self, tx: &mut PgTx, scope: &Scope, cursor: &Cursor) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        let updated = sqlx::query(UPDATE)
            .bind(scope.tenant_key())
            .bind(scope.subscription.0)
            .bind(cursor.as_str())
            .execute(tx.connection())
            .await
            .map_err(store_error("moving the cursor"))?;
        if updated.rows_affected() == 0 { Err(not_found(scope.subscription)) } else { Ok(()) }
    }
}
