//! An open transaction.

use std::fmt;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, Postgres, Transaction};
use sync_core::{Scope, StoreError, TenantId, require_tenant};

use crate::copy::{CopyRows, CopyTarget};
use crate::error::store_error;

/// An open transaction. Dropping it rolls back.
pub struct PgTx {
    transaction: Transaction<'static, Postgres>,
    n_savepoints: u32,
    multi_tenant: bool,
}

impl PgTx {
    pub(crate) fn new(transaction: Transaction<'static, Postgres>, multi_tenant: bool) -> Self {
        Self { transaction, n_savepoints: 0, multi_tenant }
    }

    /// The connection within this transaction, for an application's own statements: what they write is
    /// committed with the batch.
    pub fn connection(&mut self) -> &mut PgConnection {
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

    /// Writes all the rows in one statement: a `COPY … FROM STDIN`, or where row-level security is on, which the
    /// server does not combine with COPY, an insert of arrays.
    pub(crate) async fn copy(&mut self, into: &CopyTarget, rows: CopyRows) -> Result<(), sqlx::Error> {
        if self.multi_tenant {
            let columns = rows.into_columns(into.types())?;
            let insert =
                columns.into_iter().fold(sqlx::query(AssertSqlSafe(into.insert())), |q, c| q.bind(c));
            return insert.execute(self.connection()).await.map(drop);
        }
        let mut copy = self.connection().copy_in_raw(into.copy()).await?;
        if let Err(error) = copy.send(rows.finish()).await {
            // The connection is as good as lost; the first error is the one that tells why.
            let _ = copy.abort("the rows could not be sent").await;
            return Err(error);
        }
        copy.finish().await.map(drop)
    }

    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        const DURING: &str = "committing";
        // Asked to commit a transaction in which a statement failed, the server rolls back and reports success.
        // This statement fails instead.
        self.simple("select 1", DURING).await?;
        self.transaction.commit().await.map_err(store_error(DURING))
    }

    /// Commits after a statement whose success was seen: nothing is left to find out.
    pub(crate) async fn commit_at_once(self) -> Result<(), StoreError> {
        self.transaction.commit().await.map_err(store_error("committing"))
    }

    pub(crate) async fn rollback(self) -> Result<(), StoreError> {
        self.transaction.rollback().await.map_err(store_error("rolling back"))
    }

    pub(crate) async fn savepoint(&mut self) -> Result<(), StoreError> {
        let statement = format!("savepoint hexsync_{}", self.n_savepoints + 1);
        self.simple(&statement, "setting a savepoint").await?;
        self.n_savepoints += 1;
        Ok(())
    }

    pub(crate) async fn release_savepoint(&mut self) -> Result<(), StoreError> {
        let n = self.pop_savepoint();
        self.simple(&format!("release savepoint hexsync_{n}"), "releasing a savepoint").await
    }

    pub(crate) async fn rollback_to_savepoint(&mut self) -> Result<(), StoreError> {
        let n = self.pop_savepoint();
        let statement = format!("rollback to savepoint hexsync_{n}; release savepoint hexsync_{n}");
        self.simple(&statement, "going back to a savepoint").await
    }

    /// The number of the latest savepoint. Without one it is 0, which the server refuses by name.
    fn pop_savepoint(&mut self) -> u32 {
        let n = self.n_savepoints;
        self.n_savepoints = n.saturating_sub(1);
        n
    }

    async fn simple(&mut self, statement: &str, during: &'static str) -> Result<(), StoreError> {
        self.connection().execute(AssertSqlSafe(statement)).await.map(drop).map_err(store_error(during))
    }
}

impl fmt::Debug for PgTx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgTx").field("n_savepoints", &self.n_savepoints).finish_non_exhaustive()
    }
}
