//! The connected accounts.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sync_core::{
    Connection, ConnectionKey, ConnectionProfile, ConnectionStatus, ConnectionStore, EndCause, GrantEnd,
    Grantor, NewGrant, Provider, Resealed, Sealed, StoreError, TenantId, require_tenant,
};

use crate::error::store_error;
use crate::store::PgStore;
use crate::subscriptions::tenant;
use crate::tx::PgTx;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select tenant_id, connection_id, provider, account_id, account_label, grantor_id, grantor_label, \
             instance_url, client_id, scopes, status, end_cause, end_code, end_detail, ended_at, key_id, secrets, \
             generation, expires_at, granted_at, refresh_holder, refresh_until, unresolved_since, created_at, \
             updated_at from sync_connections ",
            $rest
        )
    };
}

const ONE: &str = select!("where tenant_id = $1 and connection_id = $2");
const OF_TENANT: &str = select!("where tenant_id = $1 order by connection_id");
const AFTER: &str =
    select!("where (tenant_id, connection_id) > ($1, $2) order by tenant_id, connection_id limit $3");
const FROM_START: &str = select!("order by tenant_id, connection_id limit $1");

const OF_ACCOUNT: &str = "select tenant_id, connection_id from sync_connections \
     where provider = $1 and account_id = $2 and status in ('active', 'dead') order by tenant_id, connection_id";

const ANNOUNCE: &str = "insert into sync_connections (tenant_id, connection_id, provider, status, created_at, updated_at) \
     values ($1, $2, $3, 'pending', $4, $4) on conflict (tenant_id, connection_id) do nothing";

/// The number of the right to refresh grows, so that whoever holds it is fenced.
const CONNECT: &str = "insert into sync_connections as old (tenant_id, connection_id, provider, account_id, \
     account_label, grantor_id, grantor_label, instance_url, client_id, scopes, status, key_id, secrets, generation, \
     expires_at, granted_at, refresh_token_no, created_at, updated_at) \
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'active', $11, $12, 1, $13, $14, 1, $15, $15) \
     on conflict (tenant_id, connection_id) do update set provider = excluded.provider, \
     account_id = excluded.account_id, account_label = excluded.account_label, grantor_id = excluded.grantor_id, \
     grantor_label = excluded.grantor_label, instance_url = excluded.instance_url, client_id = excluded.client_id, \
     scopes = excluded.scopes, status = 'active', end_cause = null, end_code = null, end_detail = null, \
     ended_at = null, key_id = excluded.key_id, secrets = excluded.secrets, generation = old.generation + 1, \
     expires_at = excluded.expires_at, granted_at = coalesce(excluded.granted_at, old.granted_at), refresh_holder = null, \
     refresh_until = null, refresh_token_no = old.refresh_token_no + 1, unresolved_since = null, \
     updated_at = excluded.updated_at returning generation";

const GRANT: &str = "insert into sync_grants (tenant_id, connection_id, provider, client_id, account_id, grantor_id, \
     granted_at) values ($1, $2, $3, $4, $5, $6, $7)";

const REVIVE: &str = "update sync_connections set status = 'active', end_cause = null, end_code = null, \
     end_detail = null, ended_at = null, updated_at = $3 \
     where tenant_id = $1 and connection_id = $2 and status = 'dead'";

const REVOKE: &str = "update sync_connections set status = 'revoked', end_cause = null, end_code = null, \
     end_detail = null, ended_at = null, key_id = null, secrets = null, generation = generation + 1, \
     expires_at = null, refresh_holder = null, refresh_until = null, refresh_token_no = refresh_token_no + 1, \
     unresolved_since = null, updated_at = $3 where tenant_id = $1 and connection_id = $2";

const FORGET: &str = "with grants as (delete from sync_grants where tenant_id = $1 and connection_id = $2) \
     delete from sync_connections where tenant_id = $1 and connection_id = $2";

const RESEAL: &str = "update sync_connections c set key_id = anew.key_id, secrets = anew.secrets \
     from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bytea[]) \
     as anew (tenant_id, connection_id, generation, key_id, secrets) \
     where c.tenant_id = anew.tenant_id and c.connection_id = anew.connection_id \
     and c.generation = anew.generation and c.secrets is not null";

const NEWER: &str = "with own as (select * from sync_grants where tenant_id = $1 and connection_id = $2 \
     order by id desc limit 1) \
     select count(*) from own join sync_grants g using (provider, client_id, account_id, grantor_id) \
     where g.id > own.id";

const COUNT: &str = "select count(*) from sync_grants \
     where provider = $1 and client_id = $2 and account_id = $3 and grantor_id = $4";

#[async_trait]
impl ConnectionStore<PgTx> for PgStore {
    async fn connection(&self, tx: &mut PgTx, key: &ConnectionKey) -> Result<Option<Connection>, StoreError> {
        const DURING: &str = "reading a connection";
        self.require_tenant_of(key)?;
        let row = of(ONE, key).fetch_optional(tx.connection()).await.map_err(store_error(DURING))?;
        row.as_ref().map(|row| read(row, DURING)).transpose()
    }

    async fn connections<'a>(
        &self,
        tx: &mut PgTx,
        tenant: Option<&'a TenantId>,
    ) -> Result<Vec<Connection>, StoreError> {
        const DURING: &str = "listing connections";
        require_tenant(tenant, self.multi_tenant())?;
        let list = sqlx::query(OF_TENANT).bind(tenant.map_or("", TenantId::as_str));
        let rows = list.fetch_all(tx.connection()).await.map_err(store_error(DURING))?;
        rows.iter().map(|row| read(row, DURING)).collect()
    }

    async fn connections_after<'a>(
        &self,
        tx: &mut PgTx,
        after: Option<&'a ConnectionKey>,
        limit: u32,
    ) -> Result<Vec<Connection>, StoreError> {
        const DURING: &str = "walking connections";
        let page = match after {
            Some(key) => of(AFTER, key),
            None => sqlx::query(FROM_START),
        };
        let page = page.bind(i64::from(limit));
        let rows = page.fetch_all(tx.connection()).await.map_err(store_error(DURING))?;
        rows.iter().map(|row| read(row, DURING)).collect()
    }

    async fn connections_of_account(
        &self,
        tx: &mut PgTx,
        provider: &Provider,
        account_id: &str,
    ) -> Result<Vec<ConnectionKey>, StoreError> {
        let found: Vec<(String, String)> = sqlx::query_as(OF_ACCOUNT)
            .bind(provider.as_str())
            .bind(account_id)
            .fetch_all(tx.connection())
            .await
            .map_err(store_error("finding an account's connections"))?;
        Ok(found.into_iter().map(|(of, connection)| ConnectionKey::new(tenant(of), connection)).collect())
    }

    async fn announce_connection(
        &self,
        tx: &mut PgTx,
        key: &ConnectionKey,
        provider: &Provider,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.require_tenant_of(key)?;
        let announce = of(ANNOUNCE, key).bind(provider.as_str()).bind(at);
        execute(tx, announce, "noting a connection").await.map(drop)
    }

    #[tracing::instrument(name = "pg.connections.connect", skip_all, fields(connection = %grant.key), err)]
    async fn connect(&self, tx: &mut PgTx, grant: &NewGrant) -> Result<i64, StoreError> {
        const DURING: &str = "keeping a grant";
        self.require_tenant_of(&grant.key)?;
        let profile = &grant.profile;
        let generation = of(CONNECT, &grant.key)
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
            .bind(grant.expires_at)
            .bind(grant.granted_at)
            .bind(grant.at)
            .fetch_one(tx.connection())
            .await
            .and_then(|row| row.try_get(0))
            .map_err(store_error(DURING))?;
        if let Some((at, grantor)) = grant.granted_at.zip(profile.grantor()) {
            let note = of(GRANT, &grant.key)
                .bind(grant.provider.as_str())
                .bind(grantor.client_id)
                .bind(grantor.account_id)
                .bind(grantor.user_id)
                .bind(at);
            execute(tx, note, DURING).await?;
        }
        Ok(generation)
    }

    async fn revive(&self, tx: &mut PgTx, key: &ConnectionKey, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.require_tenant_of(key)?;
        execute(tx, of(REVIVE, key).bind(at), "reviving a connection").await.map(drop)
    }

    async fn revoke(
        &self,
        tx: &mut PgTx,
        key: &ConnectionKey,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.require_tenant_of(key)?;
        Ok(execute(tx, of(REVOKE, key).bind(at), "giving up a connection").await? > 0)
    }

    async fn forget(&self, tx: &mut PgTx, key: &ConnectionKey) -> Result<bool, StoreError> {
        self.require_tenant_of(key)?;
        Ok(execute(tx, of(FORGET, key), "forgetting a connection").await? > 0)
    }

    #[tracing::instrument(name = "pg.connections.reseal", skip_all, fields(n_connections = resealed.len()), err)]
    async fn reseal(&self, tx: &mut PgTx, resealed: &[Resealed]) -> Result<u64, StoreError> {
        let texts = |of: fn(&Resealed) -> &str| resealed.iter().map(of).collect::<Vec<_>>();
        let reseal = sqlx::query(RESEAL)
            .bind(texts(|anew| anew.key.tenant_key()))
            .bind(texts(|anew| anew.key.connection.as_str()))
            .bind(resealed.iter().map(|anew| anew.generation).collect::<Vec<_>>())
            .bind(texts(|anew| &anew.sealed.key_id))
            .bind(resealed.iter().map(|anew| anew.sealed.bytes.as_slice()).collect::<Vec<_>>());
        execute(tx, reseal, "sealing secrets anew").await
    }

    async fn newer_grants(&self, tx: &mut PgTx, key: &ConnectionKey) -> Result<u64, StoreError> {
        self.require_tenant_of(key)?;
        let counted = of(NEWER, key).fetch_one(tx.connection()).await;
        let counted: Result<i64, _> = counted.and_then(|row| row.try_get(0));
        counted.map(i64::cast_unsigned).map_err(store_error("counting grants"))
    }

    async fn grants_of(
        &self,
        tx: &mut PgTx,
        provider: &Provider,
        grantor: &Grantor,
    ) -> Result<u64, StoreError> {
        let counted: Result<i64, _> = sqlx::query_scalar(COUNT)
            .bind(provider.as_str())
            .bind(&grantor.client_id)
            .bind(&grantor.account_id)
            .bind(&grantor.user_id)
            .fetch_one(tx.connection())
            .await;
        counted.map(i64::cast_unsigned).map_err(store_error("counting grants"))
    }
}

impl PgStore {
    pub(crate) fn require_tenant_of(&self, key: &ConnectionKey) -> Result<(), StoreError> {
        Ok(require_tenant(key.tenant.as_ref(), self.multi_tenant())?)
    }
}

/// A statement whose first two values are the key.
pub(crate) fn of<'q>(
    statement: &'static str,
    key: &'q ConnectionKey,
) -> Query<'q, sqlx::Postgres, PgArguments> {
    sqlx::query(statement).bind(key.tenant_key()).bind(key.connection.as_str())
}

/// Answers how many rows were written.
pub(crate) async fn execute(
    tx: &mut PgTx,
    statement: Query<'_, sqlx::Postgres, PgArguments>,
    during: &'static str,
) -> Result<u64, StoreError> {
    let done = statement.execute(tx.connection()).await.map_err(store_error(during))?;
    Ok(done.rows_affected())
}

fn read(row: &PgRow, during: &'static str) -> Result<Connection, StoreError> {
    let connection = columns(row).map_err(store_error(during))?;
    let (status, cause) = words(row).map_err(store_error(during))?;
    let known = |column: &'static str, word: &str| StoreError::Corrupt {
        table: "sync_connections",
        column,
        row: connection.key.to_string(),
        reason: format!("`{word}` is not known"),
    };
    let status = ConnectionStatus::parse(&status).ok_or_else(|| known("status", &status))?;
    let cause = match cause {
        Some(word) => Some(EndCause::parse(&word).ok_or_else(|| known("end_cause", &word))?),
        None => None,
    };
    let end = cause.zip(connection.end.as_ref()).map(|(cause, end)| GrantEnd { cause, ..end.clone() });
    Ok(Connection { status, end, ..connection })
}

fn words(row: &PgRow) -> Result<(String, Option<String>), sqlx::Error> {
    Ok((row.try_get(10)?, row.try_get(11)?))
}

/// Everything but the words of a fixed set.
fn columns(row: &PgRow) -> Result<Connection, sqlx::Error> {
    let end = match row.try_get::<Option<DateTime<Utc>>, _>(14)? {
        Some(at) => {
            Some(GrantEnd { cause: EndCause::Revoked, code: row.try_get(12)?, detail: row.try_get(13)?, at })
        }
        None => None,
    };
    let sealed = match row.try_get::<Option<String>, _>(15)? {
        Some(key_id) => Some(Sealed { key_id, bytes: row.try_get(16)? }),
        None => None,
    };
    let holder: Option<String> = row.try_get(20)?;
    Ok(Connection {
        key: ConnectionKey::new(tenant(row.try_get(0)?), row.try_get::<String, _>(1)?),
        provider: row.try_get::<String, _>(2)?.into(),
        profile: ConnectionProfile {
            account_id: row.try_get(3)?,
            account_label: row.try_get(4)?,
            grantor_id: row.try_get(5)?,
            grantor_label: row.try_get(6)?,
            instance_url: row.try_get(7)?,
            client_id: row.try_get(8)?,
            scopes: row.try_get::<&str, _>(9)?.split_ascii_whitespace().map(str::to_owned).collect(),
        },
        status: ConnectionStatus::Pending,
        end,
        sealed,
        generation: row.try_get(17)?,
        expires_at: row.try_get(18)?,
        granted_at: row.try_get(19)?,
        refreshing: holder.map(Into::into).zip(row.try_get(21)?),
        unresolved_since: row.try_get(22)?,
        created_at: row.try_get(23)?,
        updated_at: row.try_get(24)?,
    })
}
