//! The store: one connection, and transactions on it, one at a time.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqlitePoolOptions};
use sqlx::{Connection, Sqlite, Transaction};
use sync_core::{Retry, StoreError, Tellers, Telling, UnitOfWork};
use tokio::time::{Instant, sleep};

use crate::config::SqliteStoreBuilder;
use crate::error::{connect_error, store_error};
use crate::tx::SqliteTx;

pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Takes the write lock at once, so that a transaction never finds out half-way that another has it.
const BEGIN: &str = "begin immediate";

/// Every store port on one SQLite database. Cheap to clone; clones share their connection.
#[derive(Clone)]
pub struct SqliteStore(Arc<Inner>);

struct Inner {
    /// Of one connection: SQLite has one writer at a time, and waiting for a connection is fair, which waiting
    /// for SQLite's lock is not.
    pool: SqlitePool,
    path: Option<PathBuf>,
    multi_tenant: bool,
    n_statements: Arc<AtomicU64>,
    tellers: Arc<Tellers>,
}

impl SqliteStore {
    /// Settings for a database by its url, e.g. `sqlite:///var/lib/app/data.db`.
    pub fn builder(url: impl Into<String>) -> SqliteStoreBuilder {
        SqliteStoreBuilder::url(url)
    }

    /// Opens a file with default settings, creating it when it is missing, and leaves it to the caller to
    /// [`migrate`](Self::migrate).
    ///
    /// # Errors
    /// As [`SqliteStoreBuilder::connect`].
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        SqliteStoreBuilder::file(path).connect().await
    }

    /// Opens a database by its url with default settings.
    ///
    /// # Errors
    /// As [`SqliteStoreBuilder::connect`].
    pub async fn connect(url: impl Into<String>) -> Result<Self, StoreError> {
        SqliteStoreBuilder::url(url).connect().await
    }

    /// A database in memory, gone with the last clone.
    ///
    /// # Errors
    /// As [`SqliteStoreBuilder::connect`].
    pub async fn in_memory() -> Result<Self, StoreError> {
        SqliteStoreBuilder::in_memory().connect().await
    }

    pub(crate) async fn connect_with(config: &SqliteStoreBuilder) -> Result<Self, StoreError> {
        let (options, path) = config.options()?;
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(config.busy_timeout.max(Duration::from_millis(1)))
            // Closing the connection would lose a database in memory, and the statements prepared on it.
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            // SQLite may end a transaction by itself, e.g. on a full disk; the driver then still believes in it.
            .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
            .connect_lazy_with(options);
        let store = Self(Arc::new(Inner {
            pool,
            path,
            multi_tenant: config.multi_tenant,
            n_statements: Arc::default(),
            tellers: Arc::default(),
        }));
        let deadline = Instant::now() + config.busy_timeout;
        // Switching a new file to write-ahead logging does not wait for other processes that do the same.
        let mut connection = loop {
            match store.0.pool.acquire().await {
                Ok(connection) => break connection,
                Err(error) => {
                    let error = connect_error(store.0.path.as_deref(), error);
                    if error.retry() == Retry::Never || Instant::now() >= deadline {
                        return Err(error);
                    }
                    sleep(Duration::from_millis(10)).await;
                }
            }
        };
        let applied =
            applied(&mut connection).await.map_err(|error| connect_error(store.0.path.as_deref(), error))?;
        drop(connection);
        check_not_newer(&applied)?;
        Ok(store)
    }

    /// Brings the tables up to this release, in one transaction. Does nothing when they are; several processes
    /// may ask at once.
    ///
    /// # Errors
    /// [`StoreError::TooNew`] when a newer release migrated already, [`StoreError::Refused`] when a migration
    /// was edited after it was applied, [`StoreError::Unavailable`] when another process writes for longer than
    /// the busy time-out.
    #[tracing::instrument(name = "sqlite.migrate", skip_all, err)]
    pub async fn migrate(&self) -> Result<(), StoreError> {
        const DURING: &str = "migrating";
        // The migrator's own transactions become savepoints of this one.
        let mut transaction = self.begin_immediate(DURING).await?;
        check_not_newer(&applied(&mut transaction).await.map_err(store_error(DURING))?)?;
        MIGRATIONS.run_direct(None, &mut *transaction, false).await.map_err(|error| match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                store_error(DURING)(error)
            }
            other => StoreError::Refused { during: DURING, source: other.into() },
        })?;
        transaction.commit().await.map_err(store_error(DURING))
    }

    /// Whether the tables are those of this release.
    ///
    /// # Errors
    /// [`StoreError::TooOld`] when migrations are missing, [`StoreError::TooNew`] when a newer release was here.
    pub async fn check_version(&self) -> Result<(), StoreError> {
        const DURING: &str = "reading the migrations";
        let mut connection = self.acquire(DURING).await?;
        let applied = applied(&mut connection).await.map_err(store_error(DURING))?;
        check_not_newer(&applied)?;
        if MIGRATIONS.iter().any(|known| !applied.contains(&known.version)) {
            let found = applied.last().copied().unwrap_or(0);
            return Err(StoreError::TooOld { found, required: newest_known() });
        }
        Ok(())
    }

    /// What tells this installation from others, made with its tables. A copy of the file is the same installation.
    ///
    /// # Errors
    /// Those of the database; [`StoreError::TooOld`] comes first from [`check_version`](Self::check_version).
    pub async fn installation(&self) -> Result<String, StoreError> {
        const DURING: &str = "reading which installation this is";
        let mut connection = self.acquire(DURING).await?;
        sqlx::query_scalar("select id from sync_installation")
            .fetch_one(&mut *connection)
            .await
            .map_err(store_error(DURING))
    }

    /// How many statements the ports sent so far, savepoints and the ends of transactions included: for metrics,
    /// and for the test that a batch costs a fixed number of them (INV-SNK-2).
    #[must_use]
    pub fn statements_sent(&self) -> u64 {
        self.0.n_statements.load(Ordering::Relaxed)
    }

    /// Closes the connection once the transaction in hand has ended, and folds the write-ahead log into the file.
    /// Nothing can be done with any clone afterwards.
    pub async fn close(&self) {
        self.0.pool.close().await;
    }

    pub(crate) fn tellers(&self) -> &Tellers {
        &self.0.tellers
    }

    async fn acquire(&self, during: &'static str) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.0.pool.acquire().await.map_err(store_error(during))
    }

    async fn begin_immediate(
        &self,
        during: &'static str,
    ) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.0.pool.begin_with(BEGIN).await.map_err(store_error(during))
    }
}

/// The versions of the migrations that were applied, ascending.
async fn applied(connection: &mut SqliteConnection) -> Result<Vec<i64>, sqlx::Error> {
    let table: Option<i64> =
        sqlx::query_scalar("select 1 from sqlite_schema where name = '_sqlx_migrations'")
            .fetch_optional(&mut *connection)
            .await?;
    match table {
        None => Ok(Vec::new()),
        Some(_) => {
            sqlx::query_scalar("select version from _sqlx_migrations where success order by version")
                .fetch_all(connection)
                .await
        }
    }
}

fn check_not_newer(applied: &[i64]) -> Result<(), StoreError> {
    match applied.iter().copied().rfind(|version| !MIGRATIONS.version_exists(*version)) {
        Some(found) => Err(StoreError::TooNew { found, supported: newest_known() }),
        None => Ok(()),
    }
}

fn newest_known() -> i64 {
    MIGRATIONS.iter().map(|known| known.version).max().unwrap_or(0)
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.0.path.as_deref().unwrap_or(Path::new(":memory:")))
            .field("multi_tenant", &self.0.multi_tenant)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl UnitOfWork for SqliteStore {
    type Tx = SqliteTx;

    /// Waits for other writers: of this process in the order of asking, then of other processes.
    async fn begin(&self) -> Result<SqliteTx, StoreError> {
        let transaction = self.begin_immediate("opening a transaction").await?;
        self.0.n_statements.fetch_add(1, Ordering::Relaxed);
        Ok(SqliteTx::new(
            transaction,
            self.0.multi_tenant,
            Arc::clone(&self.0.n_statements),
            Telling::new(&self.0.tellers),
        ))
    }

    async fn commit(&self, tx: SqliteTx) -> Result<(), StoreError> {
        tx.commit().await
    }

    async fn rollback(&self, tx: SqliteTx) -> Result<(), StoreError> {
        tx.rollback().await
    }

    async fn savepoint(&self, tx: &mut SqliteTx) -> Result<(), StoreError> {
        tx.savepoint().await
    }

    async fn release_savepoint(&self, tx: &mut SqliteTx) -> Result<(), StoreError> {
        tx.release_savepoint().await
    }

    async fn rollback_to_savepoint(&self, tx: &mut SqliteTx) -> Result<(), StoreError> {
        tx.rollback_to_savepoint().await
    }
}
