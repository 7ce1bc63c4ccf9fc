//! Authorisations that somebody began in a browser.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;
use sync_core::{
    AuthorisationStore, ConnectionKey, PendingAuthorisation, Sealed, StoreError, TakenAuthorisation, TenantId,
};

use crate::connections::of;
use crate::decode::Stored;
use crate::error::store_error;
use crate::json::instant;
use crate::store::SqliteStore;
use crate::tx::SqliteTx;

const COLUMNS: [&str; 9] = [
    "connection_id",
    "provider",
    "user_id",
    "binding_hash",
    "key_id",
    "secrets",
    "return_to",
    "created_at",
    "expires_at",
];

const BEGIN: &str = "insert into sync_authorisations (tenant_id, connection_id, state_hash, provider, user_id, \
     binding_hash, key_id, secrets, return_to, created_at, expires_at) \
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

const TAKE: &str = "update sync_authorisations set used_at = ?3 \
     where tenant_id = ?1 and state_hash = ?2 and used_at is null \
     returning connection_id, provider, user_id, binding_hash, key_id, secrets, return_to, created_at, expires_at";

const KNOWN: &str = "select connection_id from sync_authorisations where tenant_id = ?1 and state_hash = ?2";

const CLEAR: &str = "delete from sync_authorisations where tenant_id = ?1 and expires_at < ?2";

#[async_trait]
impl AuthorisationStore<SqliteTx> for SqliteStore {
    async fn begin_authorisation(
        &self,
        tx: &mut SqliteTx,
        pending: &PendingAuthorisation,
    ) -> Result<(), StoreError> {
        tx.require_named(pending.key.tenant.as_ref())?;
        let begin = of(BEGIN, &pending.key)
            .bind(&pending.state_hash)
            .bind(pending.provider.as_str())
            .bind(pending.user.as_str())
            .bind(&pending.binding_hash)
            .bind(&pending.sealed.key_id)
            .bind(&pending.sealed.bytes)
            .bind(&pending.return_to)
            .bind(instant(pending.created_at))
            .bind(instant(pending.expires_at));
        tx.execute(begin).await.map(drop).map_err(store_error("beginning an authorisation"))
    }

    async fn take_authorisation<'a>(
        &self,
        tx: &mut SqliteTx,
        tenant: Option<&'a TenantId>,
        state_hash: &[u8],
        at: DateTime<Utc>,
    ) -> Result<TakenAuthorisation, StoreError> {
        const DURING: &str = "finishing an authorisation";
        tx.require_named(tenant)?;
        let tenant_key = tenant.map_or("", TenantId::as_str);
        let take = sqlx::query(TAKE).bind(tenant_key).bind(state_hash).bind(instant(at));
        if let Some(row) = tx.fetch_optional(take).await.map_err(store_error(DURING))? {
            return Ok(TakenAuthorisation::Fresh(Box::new(read(&row, tenant, state_hash)?)));
        }
        let known = sqlx::query(KNOWN).bind(tenant_key).bind(state_hash);
        let known = tx.fetch_optional(known).await.map_err(store_error(DURING))?;
        Ok(if known.is_some() { TakenAuthorisation::Used } else { TakenAuthorisation::Unknown })
    }

    async fn clear_authorisations<'a>(
        &self,
        tx: &mut SqliteTx,
        tenant: Option<&'a TenantId>,
        before: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        tx.require_named(tenant)?;
        let clear = sqlx::query(CLEAR).bind(tenant.map_or("", TenantId::as_str)).bind(instant(before));
        tx.execute(clear).await.map_err(store_error("clearing away authorisations"))
    }
}

fn read(
    row: &SqliteRow,
    tenant: Option<&TenantId>,
    state_hash: &[u8],
) -> Result<PendingAuthorisation, StoreError> {
    let row = Stored::new(row, "sync_authorisations", &COLUMNS);
    Ok(PendingAuthorisation {
        state_hash: state_hash.to_vec(),
        key: ConnectionKey::new(tenant.cloned(), row.text(0)?),
        provider: row.text(1)?.into(),
        user: row.text(2)?.into(),
        binding_hash: row.bytes(3)?.to_vec(),
        sealed: Sealed { key_id: row.text(4)?.to_owned(), bytes: row.bytes(5)?.to_vec() },
        return_to: row.text(6)?.to_owned(),
        created_at: row.instant(7)?,
        expires_at: row.instant(8)?,
    })
}
