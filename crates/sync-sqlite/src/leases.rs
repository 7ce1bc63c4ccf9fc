//! One run of a subscription at a time.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sync_core::{Acquired, HolderId, Lease, LeaseStore, Scope, StoreError};

use crate::decode::Stored;
use crate::error::store_error;
use crate::json::instant;
use crate::store::SqliteStore;
use crate::tx::SqliteTx;

/// Grants, or touches nothing.
const ACQUIRE: &str = "insert into sync_leases as held (subscription_id, tenant_id, holder, token, expires_at) \
     values (?1, ?2, ?3, 1, ?4) \
     on conflict (subscription_id) do update \
     set holder = excluded.holder, token = held.token + 1, expires_at = excluded.expires_at \
     where held.tenant_id = excluded.tenant_id and (held.expires_at is null or held.expires_at <= ?5) \
     returning subscription_id, token";

const SELECT: &str = "select subscription_id, holder, expires_at from sync_leases where subscription_id = ?1 and tenant_id = ?2";

/// The transaction holds the database's write lock, so a takeover waits for its end.
const RENEW: &str = "update sync_leases set expires_at = ?5 \
     where subscription_id = ?1 and tenant_id = ?2 and holder = ?3 and token = ?4 and expires_at is not null";

const RELEASE: &str = "update sync_leases set expires_at = null \
     where subscription_id = ?1 and tenant_id = ?2 and holder = ?3 and token = ?4";

#[async_trait]
impl LeaseStore<SqliteTx> for SqliteStore {
    #[tracing::instrument(name = "sqlite.lease.acquire", skip_all, fields(subscription = %scope.subscription), err)]
    async fn acquire(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        holder: &HolderId,
        now: DateTime<Utc>,
        ttl: Duration,
    ) -> Result<Acquired, StoreError> {
        const DURING: &str = "taking the lease";
        tx.require_tenant(scope)?;
        let acquire = sqlx::query(ACQUIRE)
            .bind(scope.subscription.to_string())
            .bind(scope.tenant_key())
            .bind(holder.as_str())
            .bind(instant(end(now, ttl)))
            .bind(instant(now));
        let granted = tx.fetch_optional(acquire).await.map_err(store_error(DURING))?;
        if let Some(row) = granted {
            let token = Stored::new(&row, "sync_leases", &["subscription_id", "token"]).int(1)?;
            return Ok(Acquired::Held(Lease { holder: holder.clone(), token, ttl }));
        }
        let select = sqlx::query(SELECT).bind(scope.subscription.to_string()).bind(scope.tenant_key());
        let other = tx.fetch_optional(select).await.map_err(store_error(DURING))?;
        let other = other
            .ok_or_else(|| StoreError::NotFound { what: "lease", id: scope.subscription.to_string() })?;
        let other = Stored::new(&other, "sync_leases", &["subscription_id", "holder", "expires_at"]);
        Ok(Acquired::Busy { holder: other.text(1)?.into(), until: other.instant(2)? })
    }

    #[tracing::instrument(name = "sqlite.lease.renew", skip_all, fields(subscription = %scope.subscription), err)]
    async fn renew(
        &self,
        tx: &mut SqliteTx,
        scope: &Scope,
        lease: &Lease,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        let renew = sqlx::query(RENEW)
            .bind(scope.subscription.to_string())
            .bind(scope.tenant_key())
            .bind(lease.holder.as_str())
            .bind(lease.token)
            .bind(instant(end(now, lease.ttl)));
        let renewed = tx.execute(renew).await.map_err(store_error("renewing the lease"))?;
        if renewed == 0 { Err(StoreError::Fenced) } else { Ok(()) }
    }

    #[tracing::instrument(name = "sqlite.lease.release", skip_all, fields(subscription = %scope.subscription), err)]
    async fn release(&self, tx: &mut SqliteTx, scope: &Scope, lease: &Lease) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        let release = sqlx::query(RELEASE)
            .bind(scope.subscription.to_string())
            .bind(scope.tenant_key())
            .bind(lease.holder.as_str())
            .bind(lease.token);
        tx.execute(release).await.map(drop).map_err(store_error("giving up the lease"))
    }
}

/// The end of a lease; one too long for a date lasts a century.
fn end(now: DateTime<Utc>, ttl: Duration) -> DateTime<Utc> {
    const CENTURY: TimeDelta = TimeDelta::days(36_500);
    let ttl = TimeDelta::from_std(ttl).unwrap_or(CENTURY).min(CENTURY);
    now.checked_add_signed(ttl).unwrap_or(now)
}
