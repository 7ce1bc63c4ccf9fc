//! The store: a pool of connections, and transactions on them.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, Row};
use sync_core::{StoreError, TenantId, UnitOfWork, require_tenant};

use crate::config::PgStoreBuilder;
use crate::error::{connect_error, store_error};
use crate::tenants::{self, Confinement};
use crate::tx::PgTx;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Every store port on one PostgreSQL database. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct PgStore(Arc<Inner>);

struct Inner {
    pool: PgPool,
    options: PgConnectOptions,
    schema: Option<String>,
    /// Where tenants are told apart.
    confinement: Option<Confinement>,
    at: String,
}

impl PgStore {
    /// Settings for a database, e.g. `postgres://user:password@host:5432/database`.
    pub fn builder(url: impl Into<String>) -> PgStoreBuilder {
        PgStoreBuilder::new(url)
    }

    /// Connects with default settings, and leaves it to the caller to [`migrate`](Self::migrate).
    ///
    /// # Errors
    /// As [`PgStoreBuilder::connect`].
    pub async fn connect(url: impl Into<String>) -> Result<Self, StoreError> {
        Self::builder(url).connect().await
    }

    pub(crate) async fn connect_with(config: PgStoreBuilder) -> Result<Self, StoreError> {
        let options = config.options()?;
        let at = format!(
            "{}@{}:{}/{}",
            options.get_username(),
            options.get_host(),
            options.get_port(),
            options.get_database().unwrap_or(options.get_username())
        );
        // The pool tries again and again and then only says that it ran out of time; one attempt says why.
        let attempt = tokio::time::timeout(config.connect_timeout, PgConnection::connect_with(&options));
        let first =
            attempt.await.unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())));
        let first = first.map_err(|error| connect_error(at.clone(), error))?;
        first.close().await.map_err(store_error("connecting"))?;

        let pool = PgPoolOptions::new()
            .max_connections(config.pool_size)
            .acquire_timeout(config.connect_timeout)
            .connect_lazy_with(options.clone());
        Ok(Self(Arc::new(Inner {
            pool,
            options,
            schema: config.schema,
            confinement: config.multi_tenant.then(|| Confinement::new(config.tenant_role)),
            at,
        })))
    }

    /// Brings the tables up to this release. Does nothing when they are; several processes may ask at once.
    ///
    /// # Errors
    /// [`StoreError::TooNew`] when a newer release migrated already, [`StoreError::Refused`] when the user may
    /// not create tables or a migration was edited after it was applied.
    #[tracing::instrument(name = "pg.migrate", skip_all, err)]
    pub async fn migrate(&self) -> Result<(), StoreError> {
        // Apart from the pool: a large table may take longer than a batch's statements are given.
        let unbounded = self.0.options.clone().options([("statement_timeout", "0"), ("lock_timeout", "0")]);
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(unbounded);
        if let Some(schema) = &self.0.schema {
            self.create_schema(schema).await?;
        }
        let migrated = self.migrate_with(&pool).await;
        pool.close().await;
        migrated
    }

    /// Where it is missing: who may not make a schema can use one that is there.
    async fn create_schema(&self, schema: &str) -> Result<(), StoreError> {
        const DURING: &str = "creating the schema";
        let there: bool = sqlx::query_scalar("select to_regnamespace($1) is not null")
            .bind(crate::table::quoted(schema))
            .fetch_one(&self.0.pool)
            .await
            .map_err(store_error(DURING))?;
        if there {
            return Ok(());
        }
        let create = format!("create schema if not exists {}", crate::table::quoted(schema));
        self.0.pool.execute(AssertSqlSafe(create)).await.map(drop).map_err(store_error(DURING))
    }

    async fn migrate_with(&self, pool: &PgPool) -> Result<(), StoreError> {
        const DURING: &str = "migrating";
        MIGRATIONS.run(pool).await.map_err(|error| match error {
            MigrateError::VersionMissing(found) => StoreError::TooNew { found, supported: newest_known() },
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                store_error(DURING)(error)
            }
            other => StoreError::Refused { during: DURING, source: other.into() },
        })?;
        match &self.0.confinement {
            Some(confinement) => confinement.set_up(pool).await,
            None => Ok(()),
        }
    }

    /// Whether the tables are those of this release, and tell tenants apart if this store does.
    ///
    /// # Errors
    /// [`StoreError::TooOld`] when migrations are missing, [`StoreError::TooNew`] when a newer release was here,
    /// [`StoreError::Refused`] when only one of tables and store tells tenants apart.
    pub async fn check_version(&self) -> Result<(), StoreError> {
        const DURING: &str = "reading the migrations";
        let mut connection = self.0.pool.acquire().await.map_err(store_error(DURING))?;
        let table = sqlx::query("select to_regclass('_sqlx_migrations') is not null")
            .fetch_one(&mut *connection)
            .await
            .and_then(|row| row.try_get::<bool, _>(0))
            .map_err(store_error(DURING))?;
        let applied: Vec<i64> = if table {
            sqlx::query_scalar("select version from _sqlx_migrations where success order by version")
                .fetch_all(&mut *connection)
                .await
                .map_err(store_error(DURING))?
        } else {
            Vec::new()
        };
        let newest = applied.last().copied().unwrap_or(0);
        if let Some(found) = applied.iter().copied().rfind(|version| !MIGRATIONS.version_exists(*version)) {
            return Err(StoreError::TooNew { found, supported: newest_known() });
        }
        if MIGRATIONS.iter().any(|known| !applied.contains(&known.version)) {
            return Err(StoreError::TooOld { found: newest, required: newest_known() });
        }
        let isolated =
            "select relforcerowsecurity from pg_class where oid = to_regclass('sync_subscriptions')";
        let isolated: Option<bool> = sqlx::query_scalar(isolated)
            .fetch_optional(&mut *connection)
            .await
            .map_err(store_error(DURING))?;
        tenants::check(self.multi_tenant(), isolated.unwrap_or(false))
    }

    /// What tells this installation from others, made with its tables. A copy of the database is the same installation.
    ///
    /// # Errors
    /// Those of the database; [`StoreError::TooOld`] comes first from [`check_version`](Self::check_version).
    pub async fn installation(&self) -> Result<String, StoreError> {
        sqlx::query_scalar("select id::text from sync_installation")
            .fetch_one(&self.0.pool)
            .await
            .map_err(store_error("reading which installation this is"))
    }

    /// The connections, for an application's own statements.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.0.pool
    }

    async fn begin_confined(&self, confinement: &Confinement, begin: String) -> Result<PgTx, StoreError> {
        let begun = self.0.pool.begin_with(AssertSqlSafe(begin)).await;
        Ok(PgTx::new(begun.map_err(|error| confinement.begin_error(error))?, true))
    }

    pub(crate) fn connect_options(&self) -> &PgConnectOptions {
        &self.0.options
    }

    pub(crate) fn multi_tenant(&self) -> bool {
        self.0.confinement.is_some()
    }
}

fn newest_known() -> i64 {
    MIGRATIONS.iter().map(|known| known.version).max().unwrap_or(0)
}

impl fmt::Debug for PgStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgStore")
            .field("at", &self.0.at)
            .field("schema", &self.0.schema)
            .field("multi_tenant", &self.multi_tenant())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl UnitOfWork for PgStore {
    type Tx = PgTx;

    async fn begin(&self) -> Result<PgTx, StoreError> {
        if let Some(confinement) = &self.0.confinement {
            return self.begin_confined(confinement, confinement.begin_for(None)?).await;
        }
        // The level is named because leases and late links rely on seeing what others committed meanwhile.
        let begun = self.0.pool.begin_with("begin isolation level read committed").await;
        Ok(PgTx::new(begun.map_err(store_error("opening a transaction"))?, false))
    }

    async fn begin_for<'a>(&self, tenant: Option<&'a TenantId>) -> Result<PgTx, StoreError> {
        let Some(confinement) = &self.0.confinement else { return self.begin().await };
        require_tenant(tenant, true)?;
        self.begin_confined(confinement, confinement.begin_for(tenant)?).await
    }

    async fn begin_across_tenants(&self) -> Result<PgTx, StoreError> {
        let Some(confinement) = &self.0.confinement else { return self.begin().await };
        self.begin_confined(confinement, confinement.begin_across()).await
    }

    async fn commit(&self, tx: PgTx) -> Result<(), StoreError> {
        tx.commit().await
    }

    async fn rollback(&self, tx: PgTx) -> Result<(), StoreError> {
        tx.rollback().await
    }

    async fn savepoint(&self, tx: &mut PgTx) -> Result<(), StoreError> {
        tx.savepoint().await
    }

    async fn release_savepoint(&self, tx: &mut PgTx) -> Result<(), StoreError> {
        tx.release_savepoint().await
    }

    async fn rollback_to_savepoint(&self, tx: &mut PgTx) -> Result<(), StoreError> {
        tx.rollback_to_savepoint().await
    }
}
