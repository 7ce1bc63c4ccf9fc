//! Notices of webhooks, between the answer to the call and the run that applies them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;
use sync_core::{
    Backlog, Channel, ConnectionKey, Notice, NoticeKind, Scope, StoreError, SubscriptionId, TenantId,
    WaitingNotice, WebhookInbox,
};

use crate::decode::Stored;
use crate::error::store_error;
use crate::json::{JsonRows, instant};
use crate::store::SqliteStore;
use crate::subscriptions::{tenant, tenant_key};
use crate::tx::SqliteTx;

const COLUMNS: [&str; 10] = [
    "position",
    "tenant_id",
    "connection_id",
    "dedup_key",
    "external_id",
    "kind",
    "merged_into",
    "occurred_at",
    "received_at",
    "body",
];

/// `position` follows the order of the rows.
const STAGE: &str = "insert into sync_webhook_inbox (tenant_id, connection_id, subscription_id, dedup_key, \
     external_id, kind, merged_into, occurred_at, body, received_at) \
     select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, \
     value ->> 8, ?2 from jsonb_each(?1) where true order by key \
     on conflict (tenant_id, connection_id, subscription_id, dedup_key) do nothing";

const WAITING: &str = "select position, tenant_id, connection_id, dedup_key, external_id, kind, merged_into, \
     occurred_at, received_at, body from sync_webhook_inbox \
     where tenant_id = ?1 and subscription_id = ?2 and settled_at is null order by position limit ?3";

const SETTLE: &str = "update sync_webhook_inbox set settled_at = ?5, body = null \
     where tenant_id = ?1 and connection_id = ?2 and subscription_id = ?3 \
     and dedup_key in (select value from json_each(?4)) and settled_at is null";

const BACKLOG: &str = "select subscription_id, count(*), min(received_at) from sync_webhook_inbox \
     where tenant_id = ?1 and settled_at is null group by subscription_id order by 3, 1";

const PURGE: &str = "delete from sync_webhook_inbox where tenant_id = ?1 and settled_at < ?2";

/// Bytes of a usual notice.
const ROW_SIZE: usize = 256;

#[async_trait]
impl WebhookInbox<SqliteTx> for SqliteStore {
    #[tracing::instrument(name = "sqlite.inbox.stage", skip_all, fields(n_notices = notices.len()), err)]
    async fn stage(
        &self,
        tx: &mut SqliteTx,
        notices: &[Notice],
        at: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        if notices.is_empty() {
            return Ok(0);
        }
        let mut rows = JsonRows::new(notices.len(), ROW_SIZE);
        for notice in notices {
            tx.require_named(notice.key.tenant.as_ref())?;
            rows.row(|row| write_notice(row, notice));
        }
        let stage = sqlx::query(STAGE).bind(rows.finish()).bind(instant(at));
        let n_new = tx.execute(stage).await.map_err(store_error("staging notices"))?;
        if n_new > 0 {
            tx.tell_at_commit(Channel::Inbox);
        }
        Ok(n_new)
    }

    async fn waiting<'a>(
        &self,
        tx: &mut SqliteTx,
        tenant: Option<&'a TenantId>,
        subscription: SubscriptionId,
        limit: u32,
    ) -> Result<Vec<WaitingNotice>, StoreError> {
        tx.require_named(tenant)?;
        let select = sqlx::query(WAITING).bind(tenant_key(tenant)).bind(subscription.to_string()).bind(limit);
        let rows = tx.fetch_all(select).await.map_err(store_error("reading notices"))?;
        rows.iter().map(|row| read(row, subscription)).collect()
    }

    #[tracing::instrument(name = "sqlite.inbox.settle", skip_all, fields(n_notices = dedup_keys.len()), err)]
    async fn settle(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        dedup_keys: &[Box<str>],
        at: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        tx.require_tenant(scope)?;
        if dedup_keys.is_empty() {
            return Ok(0);
        }
        let settle = sqlx::query(SETTLE)
            .bind(scope.tenant_key())
            .bind(scope.connection.as_str())
            .bind(scope.subscription.to_string())
            .bind(JsonRows::texts(dedup_keys.iter().map(AsRef::as_ref)).finish())
            .bind(instant(at));
        tx.execute(settle).await.map_err(store_error("settling notices"))
    }

    async fn backlog<'a>(
        &self,
        tx: &mut SqliteTx,
        tenant: Option<&'a TenantId>,
    ) -> Result<Vec<Backlog>, StoreError> {
        const OF_BACKLOG: [&str; 3] = ["subscription_id", "position", "received_at"];
        tx.require_named(tenant)?;
        let select = sqlx::query(BACKLOG).bind(tenant_key(tenant));
        let rows = tx.fetch_all(select).await.map_err(store_error("counting notices"))?;
        let read = |row| {
            let row = Stored::new(row, "sync_webhook_inbox", &OF_BACKLOG);
            Ok(Backlog {
                subscription: SubscriptionId(row.uuid(0)?),
                n_waiting: row.count(1)?,
                oldest: row.instant(2)?,
            })
        };
        rows.iter().map(read).collect()
    }

    #[tracing::instrument(name = "sqlite.inbox.purge", skip_all, err)]
    async fn purge_settled<'a>(
        &self,
        tx: &mut SqliteTx,
        tenant: Option<&'a TenantId>,
        before: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        tx.require_named(tenant)?;
        let purge = sqlx::query(PURGE).bind(tenant_key(tenant)).bind(instant(before));
        tx.execute(purge).await.map_err(store_error("removing notices"))
    }
}

fn write_notice(row: &mut JsonRows, notice: &Notice) {
    row.text(notice.key.tenant_key());
    row.text(notice.key.connection.as_str());
    row.uuid(notice.subscription.0);
    row.shown(&notice.dedup_key);
    row.shown(notice.external_id.as_str());
    row.text(notice.kind.as_str());
    row.opt(notice.merged_into.as_ref(), |row, id| row.shown(id.as_str()));
    row.instant(notice.occurred_at);
    row.opt(notice.body.as_deref(), JsonRows::shown);
}

fn read(row: &SqliteRow, subscription: SubscriptionId) -> Result<WaitingNotice, StoreError> {
    let row = Stored::new(row, "sync_webhook_inbox", &COLUMNS);
    Ok(WaitingNotice {
        position: row.int(0)?,
        received_at: row.instant(8)?,
        notice: Notice {
            key: ConnectionKey::new(tenant(row.text(1)?), row.text(2)?),
            subscription,
            dedup_key: row.text(3)?.into(),
            external_id: row.text(4)?.into(),
            kind: row.name(5, NoticeKind::parse)?,
            merged_into: row.opt_text(6)?.map(Into::into),
            occurred_at: row.instant(7)?,
            body: row.opt_text(9)?.map(Into::into),
        },
    })
}
