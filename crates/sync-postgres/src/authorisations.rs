//! Authorisations that somebody began in a browser.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;
use sync_core::{
    AuthorisationStore, ConnectionKey, PendingAuthorisation, Sealed, StoreError, TakenAuthorisation,
    TenantId, require_tenant,
};

use crate::connections::{execute, of};
use crate::error::store_error;
use crate::store::PgStore;
use crate::tx::PgTx;

const BEGIN: &str = "insert into sync_authorisations (tenant_id, connection_id, state_hash, provider, user_id, \
     binding_hash, key_id, secrets, return_to, created_at, expires_at) \
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

/// Of two that ask at once, the second waits for the first and finds it used.
const TAKE: &str = "update sync_authorisations set used_at = $3 \
     where tenant_id = $1 and state_hash = $2 and used_at is null \
     returning connection_id, provider, user_id, binding_hash, key_id, secrets, return_to, created_at, expires_at";

const IS_KNOWN: &str =
    "select exists (select from sync_authorisations where tenant_id = $1 and state_hash = $2)";

const CLEAR: &str = "delete from sync_authorisations where tenant_id = $1 and expires_at < $2";

#[async_trait]
impl AuthorisationStore<PgTx> for PgStore {
    async fn begin_authorisation(
        &self,
        tx: &mut PgTx,
        pending: &PendingAuthorisation,
    ) -> Result<(), StoreError> {
        self.require_tenant_of(&pending.key)?;
        let begin = of(BEGIN, &pending.key)
            .bind(&pending.state_hash)
            .bind(pending.provider.as_str())
            .bind(pending.user.as_str())
            .bind(&pending.binding_hash)
            .bind(&pending.sealed.key_id)
            .bind(&pending.sealed.bytes)
            .bind(&pending.return_to)
            .bind(pending.created_at)
            .bind(pending.expires_at);
        execute(tx, begin, "beginning an authorisation").await.map(drop)
    }

    async fn take_authorisation<'a>(
        &self,
        tx: &mut PgTx,
        tenant: Option<&'a TenantId>,
        state_hash: &[u8],
        at: DateTime<Utc>,
    ) -> Result<TakenAuthorisation, StoreError> {
        const DURING: &str = "finishing an authorisation";
        require_tenant(tenant, self.multi_tenant())?;
        let tenant_key = tenant.map_or("", TenantId::as_str);
        let take = sqlx::query(TAKE).bind(tenant_key).bind(state_hash).bind(at);
        let taken = take.fetch_optional(tx.connection()).await.map_err(store_error(DURING))?;
        if let Some(row) = taken {
            let pending = read(&row, tenant, state_hash).map_err(store_error(DURING))?;
            return Ok(TakenAuthorisation::Fresh(Box::new(pending)));
        }
        let ask = sqlx::query(IS_KNOWN).bind(tenant_key).bind(state_hash).fetch_one(tx.connection()).await;
        let is_known = ask.and_then(|row| row.try_get(0)).map_err(store_error(DURING))?;
        Ok(if is_known { TakenAuthorisation::Used } else { TakenAuthorisation::Unknown })
    }

    async fn clear_authorisations<'a>(
        &self,
        tx: &mut PgTx,
        tenant: Option<&'a TenantId>,
        before: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        require_tenant(tenant, self.multi_tenant())?;
        let clear = sqlx::query(CLEAR).bind(tenant.map_or("", TenantId::as_str)).bind(before);
        execute(tx, clear, "clearing away authorisations").await
    }
}

fn read(
    row: &PgRow,
    tenant: Option<&TenantId>,
    state_hash: &[u8],
) -> Result<PendingAuthorisation, sqlx::Error> {
    Ok(PendingAuthorisation {
        state_hash: state_hash.to_vec(),
        key: ConnectionKey::new(tenant.cloned(), row.try_get::<String, _>(0)?),
        provider: row.try_get::<String, _>(1)?.into(),
        user: row.try_get::<String, _>(2)?.into(),
        binding_hash: row.try_get(3)?,
        sealed: Sealed { key_id: row.try_get(4)?, bytes: row.try_get(5)? },
        return_to: row.try_get(6)?,
        created_at: row.try_get(7)?,
        expires_at: row.try_get(8)?,
    })
}
