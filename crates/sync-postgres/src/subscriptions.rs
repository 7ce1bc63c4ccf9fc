//! Subscriptions.

use async_trait::async_trait;
use sqlx::Row;
use sqlx::postgres::PgRow;
use sync_core::{
    Cursor, StoreError, Subscription, SubscriptionId, SubscriptionStore, TenantId, require_tenant,
};

use crate::error::store_error;
use crate::store::PgStore;
use crate::tx::PgTx;

const INSERT: &str = "insert into sync_subscriptions \
     (id, tenant_id, connection_id, adapter, domain, external_ref, paused, cursor, created_at, updated_at) \
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) \
     on conflict (tenant_id, connection_id, adapter, domain, coalesce(external_ref, '')) do nothing";

const SELECT_BY_KEY: &str = "select id, tenant_id, connection_id, adapter, domain, external_ref, paused, cursor, \
     created_at from sync_subscriptions where tenant_id = $1 and connection_id = $2 and adapter = $3 \
     and domain = $4 and coalesce(external_ref, '') = coalesce($5, '')";

const SELECT_ONE: &str = "select id, tenant_id, connection_id, adapter, domain, external_ref, paused, cursor, \
     created_at from sync_subscriptions where tenant_id = $1 and id = $2";

const SELECT_ALL: &str = "select id, tenant_id, connection_id, adapter, domain, external_ref, paused, cursor, \
     created_at from sync_subscriptions where tenant_id = $1 order by created_at, id";

#[async_trait]
impl SubscriptionStore<PgTx> for PgStore {
    async fn add_subscription(
        &self,
        tx: &mut PgTx,
        subscription: &Subscription,
    ) -> Result<Subscription, StoreError> {
        const DURING: &str = "adding a subscription";
        require_tenant(subscription.tenant.as_ref(), self.multi_tenant())?;
        let tenant = tenant_key(subscription.tenant.as_ref());
        let inserted = sqlx::query(INSERT)
            .bind(subscription.id.0)
            .bind(tenant)
            .bind(subscription.connection.as_str())
            .bind(&subscription.adapter)
            .bind(&subscription.domain)
            .bind(&subscription.external_ref)
            .bind(subscription.paused)
            .bind(subscription.cursor.as_ref().map(Cursor::as_str))
            .bind(subscription.created_at)
            .execute(tx.connection())
            .await
            .map_err(store_error(DURING))?;
        if inserted.rows_affected() == 1 {
            return Ok(subscription.clone());
        }
        // A statement of its own sees the row even where another transaction added it a moment ago.
        sqlx::query(SELECT_BY_KEY)
            .bind(tenant)
            .bind(subscription.connection.as_str())
            .bind(&subscription.adapter)
            .bind(&subscription.domain)
            .bind(&subscription.external_ref)
            .fetch_one(tx.connection())
            .await
            .and_then(|row| read(&row))
            .map_err(store_error(DURING))
    }

    async fn subscription<'a>(
        &self,
        tx: &mut PgTx,
        tenant: Option<&'a TenantId>,
        id: SubscriptionId,
    ) -> Result<Option<Subscription>, StoreError> {
        require_tenant(tenant, self.multi_tenant())?;
        sqlx::query(SELECT_ONE)
            .bind(tenant_key(tenant))
            .bind(id.0)
            .fetch_optional(tx.connection())
            .await
            .and_then(|row| row.as_ref().map(read).transpose())
            .map_err(store_error("reading a subscription"))
    }

    async fn subscriptions<'a>(
        &self,
        tx: &mut PgTx,
        tenant: Option<&'a TenantId>,
    ) -> Result<Vec<Subscription>, StoreError> {
        require_tenant(tenant, self.multi_tenant())?;
        sqlx::query(SELECT_ALL)
            .bind(tenant_key(tenant))
            .fetch_all(tx.connection())
            .await
            .and_then(|rows| rows.iter().map(read).collect())
            .map_err(store_error("listing subscriptions"))
    }

    async fn set_paused<'a>(
        &self,
        tx: &mut PgTx,
        tenant: Option<&'a TenantId>,
        id: SubscriptionId,
        paused: bool,
    ) -> Result<(), StoreError> {
        require_tenant(tenant, self.multi_tenant())?;
        let updated =
            sqlx::query("update sync_subscriptions set paused = $3 where tenant_id = $1 and id = $2")
                .bind(tenant_key(tenant))
                .bind(id.0)
                .bind(paused)
                .execute(tx.connection())
                .await
                .map_err(store_error("pausing a subscription"))?;
        if updated.rows_affected() == 0 { Err(not_found(id)) } else { Ok(()) }
    }
}

pub(crate) fn not_found(id: SubscriptionId) -> StoreError {
    StoreError::NotFound { what: "subscription", id: id.to_string() }
}

pub(crate) fn tenant(key: String) -> Option<TenantId> {
    (!key.is_empty()).then(|| key.into())
}

pub(crate) fn tenant_key(tenant: Option<&TenantId>) -> &str {
    tenant.map_or("", TenantId::as_str)
}

fn read(row: &PgRow) -> Result<Subscription, sqlx::Error> {
    Ok(Subscription {
        id: SubscriptionId(row.try_get(0)?),
        tenant: tenant(row.try_get(1)?),
        connection: row.try_get::<String, _>(2)?.into(),
        adapter: row.try_get(3)?,
        domain: row.try_get(4)?,
        external_ref: row.try_get(5)?,
        paused: row.try_get(6)?,
        cursor: row.try_get::<Option<String>, _>(7)?.map(Cursor::new),
        created_at: row.try_get(8)?,
    })
}
