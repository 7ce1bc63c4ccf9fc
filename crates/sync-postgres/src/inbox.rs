//! Notices of webhooks, between the answer to the call and the run that applies them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;
use sync_core::{
    Backlog, ConnectionKey, Notice, NoticeKind, Scope, StoreError, SubscriptionId, TenantId, WaitingNotice,
    WebhookInbox, require_tenant,
};

use crate::copy::{self, Column, ColumnType};
use crate::error::store_error;
use crate::store::PgStore;
use crate::subscriptions::{tenant, tenant_key};
use crate::tx::PgTx;

/// `position` follows the order of the rows. Rows are inserted in the order of the call: where two calls stage the
/// same notices in different orders, one of them may be undone by the server, and is then tried again.
const STAGE: &str = "insert into sync_webhook_inbox (tenant_id, connection_id, subscription_id, dedup_key, \
     external_id, kind, merged_into, occurred_at, body, received_at) \
     select n.tenant, n.connection, n.subscription, n.dedup_key, n.external_id, n.kind, n.merged_into, n.occurred_at, \
     n.body, $10 from unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], \
     $8::timestamptz[], $9::text[]) with ordinality as n (tenant, connection, subscription, dedup_key, external_id, \
     kind, merged_into, occurred_at, body, nth) order by n.nth \
     on conflict (tenant_id, connection_id, subscription_id, dedup_key) do nothing";

const WAITING: &str = "select position, tenant_id, connection_id, dedup_key, external_id, kind, merged_into, \
     occurred_at, received_at, body from sync_webhook_inbox \
     where tenant_id = $1 and subscription_id = $2 and settled_at is null order by position limit $3";

const SETTLE: &str = "update sync_webhook_inbox set settled_at = $5, body = null \
     where tenant_id = $1 and connection_id = $2 and subscription_id = $3 and dedup_key = any($4) \
     and settled_at is null";

const BACKLOG: &str = "select subscription_id, count(*), min(received_at) from sync_webhook_inbox \
     where tenant_id = $1 and settled_at is null group by subscription_id order by 3, 1";

const PURGE: &str = "delete from sync_webhook_inbox where tenant_id = $1 and settled_at < $2";

const READING: &str = "reading notices";

#[async_trait]
impl WebhookInbox<PgTx> for PgStore {
    #[tracing::instrument(name = "pg.inbox.stage", skip_all, fields(n_notices = notices.len()), err)]
    async fn stage(&self, tx: &mut PgTx, notices: &[Notice], at: DateTime<Utc>) -> Result<u64, StoreError> {
        if notices.is_empty() {
            return Ok(0);
        }
        for notice in notices {
            require_tenant(notice.key.tenant.as_ref(), self.multi_tenant())?;
        }
        let mut query = sqlx::query(STAGE);
        for column in columns(notices) {
            query = query.bind(column);
        }
        let staged = query.bind(at).execute(tx.connection()).await.map_err(store_error("staging notices"))?;
        Ok(staged.rows_affected())
    }

    async fn waiting<'a>(
        &self,
        tx: &mut PgTx,
        tenant: Option<&'a TenantId>,
        subscription: SubscriptionId,
        limit: u32,
    ) -> Result<Vec<WaitingNotice>, StoreError> {
        require_tenant(tenant, self.multi_tenant())?;
        let rows = sqlx::query(WAITING)
            .bind(tenant_key(tenant))
            .bind(subscription.0)
            .bind(i64::from(limit))
            .fetch_all(tx.connection())
            .await
            .map_err(store_error(READING))?;
        rows.iter().map(|row| read(row, subscription)).collect()
    }

    #[tracing::instrument(name = "pg.inbox.settle", skip_all, fields(n_notices = dedup_keys.len()), err)]
    async fn settle(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        dedup_keys: &[Box<str>],
        at: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        tx.require_tenant(scope)?;
        if dedup_keys.is_empty() {
            return Ok(0);
        }
        let mut keys = Column::new(ColumnType::Text, dedup_keys.len());
        for key in dedup_keys {
            copy::audit_text(keys.next(), key);
        }
        let settled = sqlx::query(SETTLE)
            .bind(scope.tenant_key())
            .bind(scope.connection.as_str())
            .bind(scope.subscription.0)
            .bind(keys)
            .bind(at)
            .execute(tx.connection())
            .await
            .map_err(store_error("settling notices"))?;
        Ok(settled.rows_affected())
    }

    async fn backlog<'a>(
        &self,
        tx: &mut PgTx,
        tenant: Option<&'a TenantId>,
    ) -> Result<Vec<Backlog>, StoreError> {
        require_tenant(tenant, self.multi_tenant())?;
        let rows = sqlx::query(BACKLOG)
            .bind(tenant_key(tenant))
            .fetch_all(tx.connection())
            .await
            .map_err(store_error("counting notices"))?;
        let read = |row| {
            Ok(Backlog {
                subscription: SubscriptionId(get(row, 0)?),
                n_waiting: get::<i64>(row, 1)?.cast_unsigned(),
                oldest: get(row, 2)?,
            })
        };
        rows.iter().map(read).collect()
    }

    #[tracing::instrument(name = "pg.inbox.purge", skip_all, err)]
    async fn purge_settled<'a>(
        &self,
        tx: &mut PgTx,
        tenant: Option<&'a TenantId>,
        before: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        require_tenant(tenant, self.multi_tenant())?;
        let purged = sqlx::query(PURGE)
            .bind(tenant_key(tenant))
            .bind(before)
            .execute(tx.connection())
            .await
            .map_err(store_error("removing notices"))?;
        Ok(purged.rows_affected())
    }
}

/// The notices as columns of `STAGE`.
fn columns(notices: &[Notice]) -> [Column; 9] {
    use ColumnType::{Instant, Text, Uuid};
    let mut columns = [Text, Text, Uuid, Text, Text, Text, Text, Instant, Text]
        .map(|r#type| Column::new(r#type, notices.len()));
    let [tenant, connection, subscription, dedup_key, external_id, kind, merged_into, occurred_at, body] =
        &mut columns;
    for notice in notices {
        copy::text(tenant.next(), notice.key.tenant_key());
        copy::text(connection.next(), notice.key.connection.as_str());
        copy::uuid(subscription.next(), notice.subscription.0);
        copy::audit_text(dedup_key.next(), &notice.dedup_key);
        copy::audit_text(external_id.next(), notice.external_id.as_str());
        copy::text(kind.next(), notice.kind.as_str());
        copy::opt(merged_into.next(), notice.merged_into.as_ref(), |out, id| {
            copy::audit_text(out, id.as_str());
        });
        copy::instant(occurred_at.next(), notice.occurred_at);
        copy::opt(body.next(), notice.body.as_deref(), copy::audit_text);
    }
    columns
}

fn read(row: &PgRow, subscription: SubscriptionId) -> Result<WaitingNotice, StoreError> {
    let position: i64 = get(row, 0)?;
    let kind = NoticeKind::parse(get(row, 5)?).ok_or_else(|| StoreError::Corrupt {
        table: "sync_webhook_inbox",
        column: "kind",
        row: position.to_string(),
        reason: "its name is not known".to_owned(),
    })?;
    Ok(WaitingNotice {
        position,
        received_at: get(row, 8)?,
        notice: Notice {
            key: ConnectionKey::new(tenant(get(row, 1)?), get::<&str>(row, 2)?),
            subscription,
            dedup_key: get::<&str>(row, 3)?.into(),
            external_id: get::<&str>(row, 4)?.into(),
            kind,
            merged_into: get::<Option<&str>>(row, 6)?.map(Into::into),
            occurred_at: get(row, 7)?,
            body: get::<Option<&str>>(row, 9)?.map(Into::into),
        },
    })
}

fn get<'r, V>(row: &'r PgRow, column: usize) -> Result<V, StoreError>
where
    V: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    row.try_get(column).map_err(store_error(READING))
}
