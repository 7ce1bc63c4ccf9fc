//! One refresh of a connection at a time.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::Row;
use sync_core::{
    ConnectionKey, GrantEnd, HolderId, RefreshLease, RefreshStore, RefreshTurn, Refreshed, StoreError,
};

use crate::connections::{execute, of};
use crate::error::store_error;
use crate::store::PgStore;
use crate::tx::PgTx;

/// Grants, or touches nothing. Two requests meet at the row: the second waits for the first to end, and then looks
/// at what it left. `was` is the row as the statement found it: it tells what was unresolved before.
const TAKE: &str = "with was as (select unresolved_since from sync_connections \
     where tenant_id = $1 and connection_id = $2 for update) \
     update sync_connections c set refresh_holder = $3, refresh_token_no = refresh_token_no + 1, \
     refresh_until = $4, unresolved_since = coalesce(c.unresolved_since, $5) from was \
     where tenant_id = $1 and connection_id = $2 and (refresh_until is null or refresh_until <= $5) \
     returning refresh_token_no, was.unresolved_since";

const HOLDER: &str = "select refresh_holder, refresh_until from sync_connections \
     where tenant_id = $1 and connection_id = $2";

const SAVE: &str = "update sync_connections set status = 'active', end_cause = null, end_code = null, \
     end_detail = null, ended_at = null, key_id = $5, secrets = $6, generation = generation + 1, expires_at = $7, \
     instance_url = coalesce($8, instance_url), refresh_holder = null, refresh_until = null, \
     unresolved_since = null, updated_at = $9 \
     where tenant_id = $1 and connection_id = $2 and refresh_holder = $3 and refresh_token_no = $4";

const END: &str = "update sync_connections set status = 'dead', end_cause = $5, end_code = $6, end_detail = $7, \
     ended_at = $8, refresh_holder = null, refresh_until = null, unresolved_since = null, updated_at = $8 \
     where tenant_id = $1 and connection_id = $2 and refresh_holder = $3 and refresh_token_no = $4";

const RELEASE: &str = "update sync_connections set refresh_holder = null, refresh_until = null, \
     unresolved_since = $5 \
     where tenant_id = $1 and connection_id = $2 and refresh_holder = $3 and refresh_token_no = $4";

#[async_trait]
impl RefreshStore<PgTx> for PgStore {
    #[tracing::instrument(name = "pg.refresh.take", skip_all, fields(connection = %key), err)]
    async fn take_refresh(
        &self,
        tx: &mut PgTx,
        key: &ConnectionKey,
        holder: &HolderId,
        now: DateTime<Utc>,
        ttl: Duration,
    ) -> Result<RefreshTurn, StoreError> {
        const DURING: &str = "taking the right to refresh";
        self.require_tenant_of(key)?;
        let take = of(TAKE, key).bind(holder.as_str()).bind(end(now, ttl)).bind(now);
        let granted = take.fetch_optional(tx.connection()).await.map_err(store_error(DURING))?;
        if let Some(row) = granted {
            let token = row.try_get(0).map_err(store_error(DURING))?;
            let unresolved_since = row.try_get(1).map_err(store_error(DURING))?;
            let lease = RefreshLease { holder: holder.clone(), token };
            return Ok(RefreshTurn::Held { lease, unresolved_since });
        }
        let other = of(HOLDER, key).fetch_optional(tx.connection()).await.map_err(store_error(DURING))?;
        let other = other.ok_or_else(|| StoreError::NotFound { what: "connection", id: key.to_string() })?;
        let holder: Option<String> = other.try_get(0).map_err(store_error(DURING))?;
        let until: Option<DateTime<Utc>> = other.try_get(1).map_err(store_error(DURING))?;
        // Given up between the two statements: busy until now, so that the caller asks again.
        Ok(RefreshTurn::Busy { holder: holder.unwrap_or_default().into(), until: until.unwrap_or(now) })
    }

    #[tracing::instrument(name = "pg.refresh.save", skip_all, fields(connection = %key), err)]
    async fn save_refreshed(
        &self,
        tx: &mut PgTx,
        key: &ConnectionKey,
        lease: &RefreshLease,
        refreshed: &Refreshed,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.require_tenant_of(key)?;
        let save = of(SAVE, key)
            .bind(lease.holder.as_str())
            .bind(lease.token)
            .bind(&refreshed.sealed.key_id)
            .bind(&refreshed.sealed.bytes)
            .bind(refreshed.expires_at)
            .bind(&refreshed.instance_url)
            .bind(now);
        fenced(execute(tx, save, "keeping refreshed tokens").await?)
    }

    #[tracing::instrument(name = "pg.refresh.end", skip_all, fields(connection = %key), err)]
    async fn end_grant(
        &self,
        tx: &mut PgTx,
        key: &ConnectionKey,
        lease: &RefreshLease,
        end: &GrantEnd,
    ) -> Result<(), StoreError> {
        self.require_tenant_of(key)?;
        let end = of(END, key)
            .bind(lease.holder.as_str())
            .bind(lease.token)
            .bind(end.cause.as_str())
            .bind(&end.code)
            .bind(&end.detail)
            .bind(end.at);
        fenced(execute(tx, end, "noting the end of a grant").await?)
    }

    async fn release_refresh(
        &self,
        tx: &mut PgTx,
        key: &ConnectionKey,
        lease: &RefreshLease,
        unresolved_since: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        self.require_tenant_of(key)?;
        let release = of(RELEASE, key).bind(lease.holder.as_str()).bind(lease.token).bind(unresolved_since);
        execute(tx, release, "giving up the right to refresh").await.map(drop)
    }
}

fn fenced(n_rows: u64) -> Result<(), StoreError> {
    if n_rows == 0 { Err(StoreError::Fenced) } else { Ok(()) }
}

/// The end of a right; one too long for a date lasts a century.
fn end(now: DateTime<Utc>, ttl: Duration) -> DateTime<Utc> {
    const CENTURY: TimeDelta = TimeDelta::days(36_500);
    let ttl = TimeDelta::from_std(ttl).unwrap_or(CENTURY).min(CENTURY);
    now.checked_add_signed(ttl).unwrap_or(now)
}
