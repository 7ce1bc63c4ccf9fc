//! One refresh of a connection at a time.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sync_core::{
    ConnectionKey, GrantEnd, HolderId, RefreshLease, RefreshStore, RefreshTurn, Refreshed, StoreError,
};

use crate::connections::of;
use crate::decode::Stored;
use crate::error::store_error;
use crate::json::instant;
use crate::store::SqliteStore;
use crate::tx::{Bound, SqliteTx};

const HOLDER: &str = "select connection_id, refresh_holder, refresh_until, refresh_token_no, unresolved_since \
     from sync_connections where tenant_id = ?1 and connection_id = ?2";

/// The transaction has the database for itself, so what was read before still holds.
const TAKE: &str = "update sync_connections set refresh_holder = ?3, refresh_token_no = ?4, refresh_until = ?5, \
     unresolved_since = coalesce(unresolved_since, ?6) where tenant_id = ?1 and connection_id = ?2";

const SAVE: &str = "update sync_connections set status = 'active', end_cause = null, end_code = null, \
     end_detail = null, ended_at = null, key_id = ?5, secrets = ?6, generation = generation + 1, expires_at = ?7, \
     instance_url = coalesce(?8, instance_url), refresh_holder = null, refresh_until = null, \
     unresolved_since = null, updated_at = ?9 \
     where tenant_id = ?1 and connection_id = ?2 and refresh_holder = ?3 and refresh_token_no = ?4";

const END: &str = "update sync_connections set status = 'dead', end_cause = ?5, end_code = ?6, end_detail = ?7, \
     ended_at = ?8, refresh_holder = null, refresh_until = null, unresolved_since = null, updated_at = ?8 \
     where tenant_id = ?1 and connection_id = ?2 and refresh_holder = ?3 and refresh_token_no = ?4";

const RELEASE: &str = "update sync_connections set refresh_holder = null, refresh_until = null, \
     unresolved_since = ?5 \
     where tenant_id = ?1 and connection_id = ?2 and refresh_holder = ?3 and refresh_token_no = ?4";

#[async_trait]
impl RefreshStore<SqliteTx> for SqliteStore {
    #[tracing::instrument(name = "sqlite.refresh.take", skip_all, fields(connection = %key), err)]
    async fn take_refresh(
        &self,
        tx: &mut SqliteTx,
        key: &ConnectionKey,
        holder: &HolderId,
        now: DateTime<Utc>,
        ttl: Duration,
    ) -> Result<RefreshTurn, StoreError> {
        const DURING: &str = "taking the right to refresh";
        const COLUMNS: [&str; 5] =
            ["connection_id", "refresh_holder", "refresh_until", "refresh_token_no", "unresolved_since"];
        tx.require_named(key.tenant.as_ref())?;
        let row = tx.fetch_optional(of(HOLDER, key)).await.map_err(store_error(DURING))?;
        let row = row.ok_or_else(|| StoreError::NotFound { what: "connection", id: key.to_string() })?;
        let found = Stored::new(&row, "sync_connections", &COLUMNS);
        if let Some(until) = found.opt_instant(2)?.filter(|until| *until > now) {
            return Ok(RefreshTurn::Busy { holder: found.text(1)?.into(), until });
        }
        let (token, unresolved_since) = (found.int(3)? + 1, found.opt_instant(4)?);
        let take =
            of(TAKE, key).bind(holder.as_str()).bind(token).bind(instant(end(now, ttl))).bind(instant(now));
        tx.execute(take).await.map_err(store_error(DURING))?;
        Ok(RefreshTurn::Held { lease: RefreshLease { holder: holder.clone(), token }, unresolved_since })
    }

    #[tracing::instrument(name = "sqlite.refresh.save", skip_all, fields(connection = %key), err)]
    async fn save_refreshed(
        &self,
        tx: &mut SqliteTx,
        key: &ConnectionKey,
        lease: &RefreshLease,
        refreshed: &Refreshed,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let save = of(SAVE, key)
            .bind(lease.holder.as_str())
            .bind(lease.token)
            .bind(&refreshed.sealed.key_id)
            .bind(&refreshed.sealed.bytes)
            .bind(refreshed.expires_at.map(instant))
            .bind(&refreshed.instance_url)
            .bind(instant(now));
        fenced(tx, key, save, "keeping refreshed tokens").await
    }

    #[tracing::instrument(name = "sqlite.refresh.end", skip_all, fields(connection = %key), err)]
    async fn end_grant(
        &self,
        tx: &mut SqliteTx,
        key: &ConnectionKey,
        lease: &RefreshLease,
        end: &GrantEnd,
    ) -> Result<(), StoreError> {
        let ending = of(END, key)
            .bind(lease.holder.as_str())
            .bind(lease.token)
            .bind(end.cause.as_str())
            .bind(&end.code)
            .bind(&end.detail)
            .bind(instant(end.at));
        fenced(tx, key, ending, "noting the end of a grant").await
    }

    async fn release_refresh(
        &self,
        tx: &mut SqliteTx,
        key: &ConnectionKey,
        lease: &RefreshLease,
        unresolved_since: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        tx.require_named(key.tenant.as_ref())?;
        let release = of(RELEASE, key)
            .bind(lease.holder.as_str())
            .bind(lease.token)
            .bind(unresolved_since.map(instant));
        tx.execute(release).await.map(drop).map_err(store_error("giving up the right to refresh"))
    }
}

/// Carries out what only the holder may do.
async fn fenced(
    tx: &mut SqliteTx,
    key: &ConnectionKey,
    statement: Bound<'_>,
    during: &'static str,
) -> Result<(), StoreError> {
    tx.require_named(key.tenant.as_ref())?;
    let n_rows = tx.execute(statement).await.map_err(store_error(during))?;
    if n_rows == 0 { Err(StoreError::Fenced) } else { Ok(()) }
}

/// The end of a right; one too long for a date lasts a century.
fn end(now: DateTime<Utc>, ttl: Duration) -> DateTime<Utc> {
    const CENTURY: TimeDelta = TimeDelta::days(36_500);
    let ttl = TimeDelta::from_std(ttl).unwrap_or(CENTURY).min(CENTURY);
    now.checked_add_signed(ttl).unwrap_or(now)
}
