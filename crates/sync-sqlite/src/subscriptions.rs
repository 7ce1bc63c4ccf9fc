//! The subscriptions of an installation.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sync_core::{Cursor, StoreError, Subscription, SubscriptionId, SubscriptionStore, TenantId};

use crate::decode::Stored;
use crate::error::store_error;
use crate::json::instant;
use crate::store::SqliteStore;
use crate::tx::SqliteTx;

const COLUMNS: [&str; 9] = [
    "id",
    "tenant_id",
    "connection_id",
    "adapter",
    "domain",
    "external_ref",
    "paused",
    "cursor",
    "created_at",
];

const ADD: &str = "insert into sync_subscriptions \
     (id, tenant_id, connection_id, adapter, domain, external_ref, paused, cursor, created_at, updated_at) \
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9) \
     on conflict (tenant_id, connection_id, adapter, domain, coalesce(external_ref, '')) do nothing";

const SELECT_BY_KEY: &str = "select id, tenant_id, connection_id, adapter, domain, external_ref, paused, cursor, \
     created_at from sync_subscriptions where tenant_id = ?1 and connection_id = ?2 and adapter = ?3 \
     and domain = ?4 and coalesce(external_ref, '') = coalesce(?5, '')";

const SELECT_ONE: &str = "select id, tenant_id, connection_id, adapter, domain, external_ref, paused, cursor, \
     created_at from sync_subscriptions where tenant_id = ?1 and id = ?2";

const SELECT_ALL: &str = "select id, tenant_id, connection_id, adapter, domain, external_ref, paused, cursor, \
     created_at from sync_subscriptions where tenant_id = ?1 order by created_at, id";

const PAUSE: &str = "update sync_subscriptions set paused = ?3 where tenant_id = ?1 and id = ?2";

#[async_trait]
impl SubscriptionStore<SqliteTx> for SqliteStore {
    async fn add_subscription(
        &self,
        tx: &mut SqliteTx,
        subscription: &Subscription,
    ) -> Result<Subscription, StoreError> {
        const DURING: &str = "adding a subscription";
        tx.require_named(subscription.tenant.as_ref())?;
        let tenant = tenant_key(subscription.tenant.as_ref());
        let add = sqlx::query(ADD)
            .bind(subscription.id.to_string())
            .bind(tenant)
            .bind(subscription.connection.as_str())
            .bind(&subscription.adapter)
            .bind(&subscription.domain)
            .bind(&subscription.external_ref)
            .bind(subscription.paused)
            .bind(subscription.cursor.as_ref().map(Cursor::as_str))
            .bind(instant(subscription.created_at));
        tx.execute(add).await.map_err(store_error(DURING))?;
        let by_key = sqlx::query(SELECT_BY_KEY)
            .bind(tenant)
            .bind(subscription.connection.as_str())
            .bind(&subscription.adapter)
            .bind(&subscription.domain)
            .bind(&subscription.external_ref);
        let row = tx.fetch_optional(by_key).await.map_err(store_error(DURING))?;
        row.as_ref().map(read).transpose()?.ok_or_else(|| not_found(subscription.id))
    }

    async fn subscription<'a>(
        &self,
        tx: &mut SqliteTx,
        tenant: Option<&'a TenantId>,
        id: SubscriptionId,
    ) -> Result<Option<Subscription>, StoreError> {
        tx.require_named(tenant)?;
        let select = sqlx::query(SELECT_ONE).bind(tenant_key(tenant)).bind(id.to_string());
        let row = tx.fetch_optional(select).await.map_err(store_error("reading a subscription"))?;
        row.as_ref().map(read).transpose()
    }

    async fn subscriptions<'a>(
        &self,
        tx: &mut SqliteTx,
        tenant: Option<&'a TenantId>,
    ) -> Result<Vec<Subscription>, StoreError> {
        tx.require_named(tenant)?;
        let select = sqlx::query(SELECT_ALL).bind(tenant_key(tenant));
        let rows = tx.fetch_all(select).await.map_err(store_error("listing subscriptions"))?;
        rows.iter().map(read).collect()
    }

    async fn set_paused<'a>(
        &self,
        tx: &mut SqliteTx,
        tenant: Option<&'a TenantId>,
        id: SubscriptionId,
        paused: bool,
    ) -> Result<(), StoreError> {
        tx.require_named(tenant)?;
        let pause = sqlx::query(PAUSE).bind(tenant_key(tenant)).bind(id.to_string()).bind(paused);
        let updated = tx.execute(pause).await.map_err(store_error("pausing a subscription"))?;
        if updated == 0 { Err(not_found(id)) } else { Ok(()) }
    }
}

pub(crate) fn not_found(id: SubscriptionId) -> StoreError {
    StoreError::NotFound { what: "subscription", id: id.to_string() }
}

pub(crate) fn tenant(key: &str) -> Option<TenantId> {
    (!key.is_empty()).then(|| key.into())
}

pub(crate) fn tenant_key(tenant: Option<&TenantId>) -> &str {
    tenant.map_or("", TenantId::as_str)
}

fn read(row: &SqliteRow) -> Result<Subscription, StoreError> {
    let row = Stored::new(row, "sync_subscriptions", &COLUMNS);
    Ok(Subscription {
        id: SubscriptionId(row.uuid(0)?),
        tenant: tenant(row.text(1)?),
        connection: row.text(2)?.into(),
        adapter: row.text(3)?.to_owned(),
        domain: row.text(4)?.to_owned(),
        external_ref: row.opt_text(5)?.map(str::to_owned),
        paused: row.int(6)? != 0,
        cursor: row.opt_text(7)?.map(Cursor::new),
        created_at: row.instant(8)?,
    })
}
