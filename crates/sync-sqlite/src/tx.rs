//! An open transaction.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Sqlite, Transaction};
use sync_core::{Channel, Scope, StoreError, Telling, TenantId, require_tenant};

use crate::error::store_error;

/// A statement with its values.
pub(crate) type Bound<'q> = Query<'q, Sqlite, SqliteArguments>;

/// An open transaction that may write: the only one of the database file. Dropping it rolls back.
pub struct SqliteTx {
    transaction: Transaction<'static, Sqlite>,
    multi_tenant: bool,
    n_statements: Arc<AtomicU64>,
    telling: Telling,
}

impl SqliteTx {
    pub(crate) fn new(
        transaction: Transaction<'static, Sqlite>,
        multi_tenant: bool,
        n_statements: Arc<AtomicU64>,
        telling: Telling,
    ) -> Self {
        Self { transaction, multi_tenant, n_statements, telling }
    }

    /// The connection within this transaction, for an application's own statements: what they write is
    /// committed with the batch.
    pub fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }

    /// The store's own check of R1.
    pub(crate) fn require_tenant(&self, scope: &Scope) -> Result<(), StoreError> {
        Ok(scope.require_tenant(self.multi_tenant)?)
    }

    /// The check of R1 for callers without a scope.
    pub(crate) fn require_named(&self, tenant: Option<&TenantId>) -> Result<(), StoreError> {
        Ok(require_tenant(tenant, self.multi_tenant)?)
    }

    /// There is something to do: who listens is told once it is committed.
    pub(crate) fn tell_at_commit(&mut self, channel: Channel) {
        self.telling.add(channel);
    }

    /// Answers how many rows were written.
    pub(crate) async fn execute(&mut self, statement: Bound<'_>) -> Result<u64, sqlx::Error> {
        self.count();
        Ok(statement.execute(self.connection()).await?.rows_affected())
    }

    pub(crate) async fn fetch_all(&mut self, statement: Bound<'_>) -> Result<Vec<SqliteRow>, sqlx::Error> {
        self.count();
        statement.fetch_all(self.connection()).await
    }

    pub(crate) async fn fetch_optional(
        &mut self,
        statement: Bound<'_>,
    ) -> Result<Option<SqliteRow>, sqlx::Error> {
        self.count();
        statement.fetch_optional(self.connection()).await
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.count();
        self.transaction.commit().await.map_err(store_error("committing"))?;
        self.telling.committed();
        Ok(())
    }

    pub(crate) async fn rollback(self) -> Result<(), StoreError> {
        self.count();
        self.transaction.rollback().await.map_err(store_error("rolling back"))
    }

    // Savepoints of one name nest: each statement means the latest.

    pub(crate) async fn savepoint(&mut self) -> Result<(), StoreError> {
        self.simple("savepoint hexsync", "setting a savepoint").await
    }

    pub(crate) async fn release_savepoint(&mut self) -> Result<(), StoreError> {
        self.simple("release savepoint hexsync", "releasing a savepoint").await
    }

    pub(crate) async fn rollback_to_savepoint(&mut self) -> Result<(), StoreError> {
        const DURING: &str = "going back to a savepoint";
        self.simple("rollback to savepoint hexsync", DURING).await?;
        self.simple("release savepoint hexsync", DURING).await
    }

    async fn simple(&mut self, statement: &'static str, during: &'static str) -> Result<(), StoreError> {
        self.execute(sqlx::query(statement)).await.map(drop).map_err(store_error(during))
    }

    fn count(&self) {
        self.n_statements.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for SqliteTx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteTx").field("multi_tenant", &self.multi_tenant).finish_non_exhaustive()
    }
}
