//! One run of a subscription at a time.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sync_core::{Acquired, HolderId, Lease, LeaseStore, Scope, StoreError};

use crate::error::store_error;
use crate::store::PgStore;
use crate::tx::PgTx;

/// Grants, or touches nothing. Two first requests meet at the primary key: the second waits for the first to
/// end, and then looks at what it left.
const ACQUIRE: &str = "insert into sync_leases as held (subscription_id, tenant_id, holder, token, expires_at) \
     values ($1, $2, $3, 1, $4) \
     on conflict (subscription_id) do update \
     set holder = excluded.holder, token = held.token + 1, expires_at = excluded.expires_at \
     where held.tenant_id = excluded.tenant_id and (held.expires_at is null or held.expires_at <= $5) \
     returning token";

const SELECT: &str =
    "select holder, expires_at from sync_leases where subscription_id = $1 and tenant_id = $2";

/// The update locks the row until the transaction ends, so a takeover waits for it.
const RENEW: &str = "update sync_leases set expires_at = $5 \
     where subscription_id = $1 and tenant_id = $2 and holder = $3 and token = $4 and expires_at is not null";

const RELEASE: &str = "update sync_leases set expires_at = null \
     where subscription_id = $1 and tenant_id = $2 and holder = $3 and token = $4";

#[async_trait]
impl LeaseStore<PgTx> for PgStore {
    #[tracing::instrument(name = "pg.lease.acquire", skip_all, fields(subscription = %scope.subscription), err)]
    async fn acquire(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        holder: &HolderId,
        now: DateTime<Utc>,
        ttl: Duration,
    ) -> Result<Acquired, StoreError> {
        const DURING: &str = "taking the lease";
        tx.require_tenant(scope)?;
        let token: Option<i64> = sqlx::query_scalar(ACQUIRE)
            .bind(scope.subscription.0)
            .bind(scope.tenant_key())
            .bind(holder.as_str())
            .bind(end(now, ttl))
            .bind(now)
            .fetch_optional(tx.connection())
            .await
            .map_err(store_error(DURING))?;
        if let Some(token) = token {
            return Ok(Acquired::Held(Lease { holder: holder.clone(), token, ttl }));
        }
        let other: Option<(String, Option<DateTime<Utc>>)> = sqlx::query_as(SELECT)
            .bind(scope.subscription.0)
            .bind(scope.tenant_key())
            .fetch_optional(tx.connection())
            .await
            .map_err(store_error(DURING))?;
        let (holder, until) = other
            .ok_or_else(|| StoreError::NotFound { what: "lease", id: scope.subscription.to_string() })?;
        // Given up between the two statements: busy until now, so that the caller asks again.
        Ok(Acquired::Busy { holder: holder.into(), until: until.unwrap_or(now) })
    }

    #[tracing::instrument(name = "pg.lease.renew", skip_all, fields(subscription = %scope.subscription), err)]
    async fn renew(
        &self,
        tx: &mut PgTx,
        scope: &Scope,
        lease: &Lease,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        let renewed = sqlx::query(RENEW)
            .bind(scope.subscription.0)
            .bind(scope.tenant_key())
            .bind(lease.holder.as_str())
            .bind(lease.token)
            .bind(end(now, lease.ttl))
            .execute(tx.connection())
            .await
            .map_err(store_error("renewing the lease"))?;
        if renewed.rows_affected() == 0 { Err(StoreError::Fenced) } else { Ok(()) }
    }

    #[tracing::instrument(name = "pg.lease.release", skip_all, fields(subscription = %scope.subscription), err)]
    async fn release(&self, tx: &mut PgTx, scope: &Scope, lease: &Lease) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        sqlx::query(RELEASE)
            .bind(scope.subscription.0)
            .bind(scope.tenant_key())
            .bind(lease.holder.as_str())
            .bind(lease.token)
            .execute(tx.connection())
            .await
            .map_err(store_error("giving up the lease"))?;
        Ok(())
    }
}

/// The end of a lease; one too long for a date lasts a century.
fn end(now: DateTime<Utc>, ttl: Duration) -> DateTime<Utc> {
    let ttl = TimeDelta::from_std(ttl).unwrap_or(TimeDelta::days(36_500));
    now.checked_add_signed(ttl).unwrap_or(now + TimeDelta::days(36_500))
}
