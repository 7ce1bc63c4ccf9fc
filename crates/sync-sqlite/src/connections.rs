//! The connected accounts.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;
use sync_core::{
    Connection, ConnectionKey, ConnectionProfile, ConnectionStatus, ConnectionStore, EndCause, GrantEnd,
    Grantor, NewGrant, Provider, Resealed, Sealed, StoreError, TenantId,
};

use crate::decode::Stored;
use crate::error::store_error;
use crate::json::{JsonRows, instant};
use crate::store::SqliteStore;
use crate::subscriptions::tenant;
use crate::tx::{Bound, SqliteTx};

const COLUMNS: [&str; 25] = [
    "connection_id",
    "tenant_id",
    "provider",
    "account_id",
    "account_label",
    "grantor_id",
    "grantor_label",
    "instance_url",
    "client_id",
    "scopes",
    "status",
    "end_cause",
    "end_code",
    "end_detail",
    "ended_at",
    "key_id",
    "secrets",
    "generation",
    "expires_at",
    "granted_at",
    "refresh_holder",
    "refresh_until",
    "unresolved_since",
    "created_at",
    "updated_at",
];

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select connection_id, tenant_id, provider, account_id, account_label, grantor_id, grantor_label, \
             instance_url, client_id, scopes, status, end_cause, end_code, end_detail, ended_at, key_id, secrets, \
             generation, expires_at, granted_at, refresh_holder, refresh_until, unresolved_since, created_at, \
             updated_at from sync_connections ",
            $rest
        )
    };
}

const ONE: &str = select!("where tenant_id = ?1 and connection_id = ?2");
const OF_TENANT: &str = select!("where tenant_id = ?1 order by connection_id");
const AFTER: &str =
    select!("where (tenant_id, connection_id) > (?1, ?2) order by tenant_id, connection_id limit ?3");
const FROM_START: &str = select!("order by tenant_id, connection_id limit ?1");

const OF_ACCOUNT: &str = "select connection_id, tenant_id from sync_connections \
     where provider = ?1 and account_id = ?2 and status in ('active', 'dead') order by tenant_id, connection_id";

const ANNOUNCE: &str = "insert into sync_connections (tenant_id, connection_id, provider, status, created_at, updated_at) \
     values (?1, ?2, ?3, 'pending', ?4, ?4) on conflict (tenant_id, connection_id) do nothing";

/// The number of the right to refresh grows, so that whoever holds it is fenced.
const CONNECT: &str = "insert into sync_connections as old (tenant_id, connection_id, provider, account_id, \
     account_label, grantor_id, grantor_label, instance_url, client_id, scopes, status, key_id, secrets, generation, \
     expires_at, granted_at, refresh_token_no, created_at, updated_at) \
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'active', ?11, ?12, 1, ?13, ?14, 1, ?15, ?15) \
     on conflict (tenant_id, connection_id) do update set provider = excluded.provider, \
     account_id = excluded.account_id, account_label = excluded.account_label, grantor_id = excluded.grantor_id, \
     grantor_label = excluded.grantor_label, instance_url = excluded.instance_url, client_id = excluded.client_id, \
     scopes = excluded.scopes, status = 'active', end_cause = null, end_code = null, end_detail = null, \
     ended_at = null, key_id = excluded.key_id, secrets = excluded.secrets, generation = old.generation + 1, \
     expires_at = excluded.expires_at, granted_at = coalesce(excluded.granted_at, old.granted_at), refresh_holder = null, \
     refresh_until = null, refresh_token_no = old.refresh_token_no + 1, unresolved_since = null, \
     updated_at = excluded.updated_at returning connection_id, generation";

const GRANT: &str = "insert into sync_grants (tenant_id, connection_id, provider, client_id, account_id, grantor_id, \
     granted_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

const REVIVE: &str = "update sync_connections set status = 'active', end_cause = null, end_code = null, \
     end_detail = null, ended_at = null, updated_at = ?3 \
     where tenant_id = ?1 and connection_id = ?2 and status = 'dead'";

const REVOKE: &str = "update sync_connections set status = 'revoked', end_cause = null, end_code = null, \
     end_detail = null, ended_at = null, key_id = null, secrets = null, generation = generation + 1, \
     expires_at = null, refresh_holder = null, refresh_until = null, refresh_token_no = refresh_token_no + 1, \
     unresolved_since = null, updated_at = ?3 where tenant_id = ?1 and connection_id = ?2";

const FORGET_GRANTS: &str = "delete from sync_grants where tenant_id = ?1 and connection_id = ?2";
const FORGET: &str = "delete from sync_connections where tenant_id = ?1 and connection_id = ?2";

/// Bytes travel as hexadecimal digits, because JSON has none.
const RESEAL: &str = "update sync_connections set key_id = anew.value ->> 3, secrets = unhex(anew.value ->> 4) \
     from json_each(?1) as anew \
     where sync_connections.tenant_id = anew.value ->> 0 and sync_connections.connection_id = anew.value ->> 1 \
     and sync_connections.generation = anew.value ->> 2 and sync_connections.secrets is not null";

const NEWER: &str = "with own as (select * from sync_grants where tenant_id = ?1 and connection_id = ?2 \
     order by id desc limit 1) \
     select ?2, count(*) from own join sync_grants g using (provider, client_id, account_id, grantor_id) \
     where g.id > own.id";

const COUNT: &str = "select ?1, count(*) from sync_grants \
     where provider = ?1 and client_id = ?2 and account_id = ?3 and grantor_id = ?4";

#[async_trait]
impl ConnectionStore<SqliteTx> for SqliteStore {
    async fn connection(
        &self,
        tx: &mut SqliteTx,
        key: &ConnectionKey,
    ) -> Result<Option<Connection>, StoreError> {
        tx.require_named(key.tenant.as_ref())?;
        let row = tx.fetch_optional(of(ONE, key)).await.map_err(store_error("reading a connection"))?;
        row.as_ref().map(read).transpose()
    }

    async fn connections<'a>(
        &self,
        tx: &mut SqliteTx,
        tenant: Option<&'a TenantId>,
    ) -> Result<Vec<Connection>, StoreError> {
        tx.require_named(tenant)?;
        let list = sqlx::query(OF_TENANT).bind(tenant.map_or("", TenantId::as_str));
        let rows = tx.fetch_all(list).await.map_err(store_error("listing connections"))?;
        rows.iter().map(read).collect()
    }

    async fn connections_after<'a>(
        &self,
        tx: &mut SqliteTx,
        after: Option<&'a ConnectionKey>,
        limit: u32,
    ) -> Result<Vec<Connection>, StoreError> {
        let page = match after {
            Some(key) => of(AFTER, key),
            None => sqlx::query(FROM_START),
        };
        let rows =
            tx.fetch_all(page.bind(i64::from(limit))).await.map_err(store_error("walking connections"))?;
        rows.iter().map(read).collect()
    }

    async fn connections_of_account(
        &self,
        tx: &mut SqliteTx,
        provider: &Provider,
        account_id: &str,
    ) -> Result<Vec<ConnectionKey>, StoreError> {
        let find = sqlx::query(OF_ACCOUNT).bind(provider.as_str()).bind(account_id);
        let rows = tx.fetch_all(find).await.map_err(store_error("finding an account's connections"))?;
        let key = |row| {
            let row = Stored::new(row, "sync_connections", &COLUMNS);
            Ok(ConnectionKey::new(tenant(row.text(1)?), row.text(0)?))
        };
        rows.iter().map(key).collect()
    }

    async fn announce_connection(
        &self,
        tx: &mut SqliteTx,
        key: &ConnectionKey,
        provider: &Provider,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        tx.require_named(key.tenant.as_ref())?;
        let announce = of(ANNOUNCE, key).bind(provider.as_str()).bind(instant(at));
        tx.execute(announce).await.map(drop).map_err(store_error("noting a connection"))
    }

    #[tracing::instrument(name = "sqlite.connections.connect", skip_all, fields(connection = %grant.key), err)]
    async fn connect(&self, tx: &mut SqliteTx, grant: &NewGrant) -> Result<i64, StoreError> {
        const DURING: &str = "keeping a grant";
        tx.require_named(grant.key.tenant.as_ref())?;
        let profile = &grant.profile;
        let connect = of(CONNECT, &grant.key)
            .bind(grant.provider.as_str())
            .bind(&profile.account_id)
            .bind(&profile.account_label)
            .bind(&profile.grantor_id)
            .bind(&profile.grantor_label)
            .bind(&profile.instance_url)
            .bind(&profile.client_id)
            .bind(profile.scopes.join(" "))
            .bind(&grant.sealed.key_id)
            .bind(&grant.sealed.bytes)
            .bind(grant.expires_at.map(instant))
            .bind(grant.granted_at.map(instant))
            .bind(instant(grant.at));
        let row = tx.fetch_optional(connect).await.map_err(store_error(DURING))?;
        let generation = match &row {
            Some(row) => Stored::new(row, "sync_connections", &["connection_id", "generation"]).int(1)?,
            None => return Err(store_error(DURING)(sqlx::Error::RowNotFound)),
        };
        if let Some((at, grantor)) = grant.granted_at.zip(profile.grantor()) {
            let note = of(GRANT, &grant.key)
                .bind(grant.provider.as_str())
                .bind(grantor.client_id)
                .bind(grantor.account_id)
                .bind(grantor.user_id)
                .bind(instant(at));
            tx.execute(note).await.map_err(store_error(DURING))?;
        }
        Ok(generation)
    }

    async fn revive(
        &self,
        tx: &mut SqliteTx,
        key: &ConnectionKey,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        tx.require_named(key.tenant.as_ref())?;
        let revive = of(REVIVE, key).bind(instant(at));
        tx.execute(revive).await.map(drop).map_err(store_error("reviving a connection"))
    }

    async fn revoke(
        &self,
        tx: &mut SqliteTx,
        key: &ConnectionKey,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        tx.require_named(key.tenant.as_ref())?;
        let revoke = of(REVOKE, key).bind(instant(at));
        Ok(tx.execute(revoke).await.map_err(store_error("giving up a connection"))? > 0)
    }

    async fn forget(&self, tx: &mut SqliteTx, key: &ConnectionKey) -> Result<bool, StoreError> {
        const DURING: &str = "forgetting a connection";
        tx.require_named(key.tenant.as_ref())?;
        tx.execute(of(FORGET_GRANTS, key)).await.map_err(store_error(DURING))?;
        Ok(tx.execute(of(FORGET, key)).await.map_err(store_error(DURING))? > 0)
    }

    #[tracing::instrument(name = "sqlite.connections.reseal", skip_all, fields(n_connections = resealed.len()), err)]
    async fn reseal(&self, tx: &mut SqliteTx, resealed: &[Resealed]) -> Result<u64, StoreError> {
        const ROW_SIZE: usize = 512;
        let mut rows = JsonRows::new(resealed.len(), ROW_SIZE);
        for anew in resealed {
            rows.row(|row| {
                row.text(anew.key.tenant_key());
                row.text(anew.key.connection.as_str());
                row.int(anew.generation);
                row.text(&anew.sealed.key_id);
                row.text(&hex(&anew.sealed.bytes));
            });
        }
        let reseal = sqlx::query(RESEAL).bind(rows.finish());
        tx.execute(reseal).await.map_err(store_error("sealing secrets anew"))
    }

    async fn newer_grants(&self, tx: &mut SqliteTx, key: &ConnectionKey) -> Result<u64, StoreError> {
        const DURING: &str = "counting grants";
        tx.require_named(key.tenant.as_ref())?;
        let row = tx.fetch_optional(of(NEWER, key)).await.map_err(store_error(DURING))?;
        row.map_or(Ok(0), |row| Stored::new(&row, "sync_grants", &["connection_id", "count"]).count(1))
    }

    async fn grants_of(
        &self,
        tx: &mut SqliteTx,
        provider: &Provider,
        grantor: &Grantor,
    ) -> Result<u64, StoreError> {
        let count = sqlx::query(COUNT)
            .bind(provider.as_str())
            .bind(&grantor.client_id)
            .bind(&grantor.account_id)
            .bind(&grantor.user_id);
        let row = tx.fetch_optional(count).await.map_err(store_error("counting grants"))?;
        row.map_or(Ok(0), |row| Stored::new(&row, "sync_grants", &["provider", "count"]).count(1))
    }
}

/// A statement whose first two values are the key.
pub(crate) fn of<'q>(statement: &'static str, key: &'q ConnectionKey) -> Bound<'q> {
    sqlx::query(statement).bind(key.tenant_key()).bind(key.connection.as_str())
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

fn read(row: &SqliteRow) -> Result<Connection, StoreError> {
    let row = Stored::new(row, "sync_connections", &COLUMNS);
    let text = |column| row.opt_text(column).map(|text| text.map(str::to_owned));
    let end = match row.opt_instant(14)? {
        Some(at) => Some(GrantEnd {
            cause: row.name(11, EndCause::parse)?,
            code: row.text(12)?.to_owned(),
            detail: text(13)?,
            at,
        }),
        None => None,
    };
    let sealed = match row.opt_text(15)? {
        Some(key_id) => Some(Sealed { key_id: key_id.to_owned(), bytes: row.bytes(16)?.to_vec() }),
        None => None,
    };
    Ok(Connection {
        key: ConnectionKey::new(tenant(row.text(1)?), row.text(0)?),
        provider: row.text(2)?.into(),
        profile: ConnectionProfile {
            account_id: text(3)?,
            account_label: text(4)?,
            grantor_id: text(5)?,
            grantor_label: text(6)?,
            instance_url: text(7)?,
            client_id: text(8)?,
            scopes: row.text(9)?.split_ascii_whitespace().map(str::to_owned).collect(),
        },
        status: row.name(10, ConnectionStatus::parse)?,
        end,
        sealed,
        generation: row.int(17)?,
        expires_at: row.opt_instant(18)?,
        granted_at: row.opt_instant(19)?,
        refreshing: row.opt_text(20)?.map(Into::into).zip(row.opt_instant(21)?),
        unresolved_since: row.opt_instant(22)?,
        created_at: row.instant(23)?,
        updated_at: row.instant(24)?,
    })
}
