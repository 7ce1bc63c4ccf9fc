//! Where subscriptions stopped reading.

use async_trait::async_trait;
use sync_core::{Cursor, CursorStore, Scope, StoreError};

use crate::decode::Stored;
use crate::error::store_error;
use crate::store::SqliteStore;
use crate::subscriptions::not_found;
use crate::tx::SqliteTx;

const SELECT: &str = "select id, cursor from sync_subscriptions where tenant_id = ?1 and id = ?2";

const PUT: &str = "update sync_subscriptions set cursor = ?3 where tenant_id = ?1 and id = ?2";

#[async_trait]
impl CursorStore<SqliteTx> for SqliteStore {
    #[tracing::instrument(name = "sqlite.cursor.get", skip_all, fields(subscription = %scope.subscription), err)]
    async fn cursor(&self, tx: &mut SqliteTx, scope: &Scope) -> Result<Option<Cursor>, StoreError> {
        tx.require_tenant(scope)?;
        let select = sqlx::query(SELECT).bind(scope.tenant_key()).bind(scope.subscription.to_string());
        let row = tx.fetch_optional(select).await.map_err(store_error("reading the cursor"))?;
        let row = row.ok_or_else(|| not_found(scope.subscription))?;
        let row = Stored::new(&row, "sync_subscriptions", &["id", "cursor"]);
        Ok(row.opt_text(1)?.map(Cursor::new))
    }

    #[tracing::instrument(name = "sqlite.cursor.put", skip_all, fields(subscription = %scope.subscription), err)]
    async fn put_cursor(&self, tx: &mut SqliteTx, scope: &Scope, cursor: &Cursor) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        let put = sqlx::query(PUT)
            .bind(scope.tenant_key())
            .bind(scope.subscription.to_string())
            .bind(cursor.as_str());
        let updated = tx.execute(put).await.map_err(store_error("moving the cursor"))?;
        if updated == 0 { Err(not_found(scope.subscription)) } else { Ok(()) }
    }
}
