//! SQLite: its place is a file in a folder of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Row as _};
use sync_core::Scope;
use sync_sqlite::{SqliteStore, SqliteStoreBuilder};
use sync_wiring::EntityStore;
use tempfile::TempDir;

use super::{Backend, Event, Row, parse, select};
use crate::entity::Entity;

/// A folder with a database.
#[derive(Clone)]
pub struct SqliteHome {
    folder: Arc<TempDir>,
    multi_tenant: bool,
    /// How long handles wait for another writer. Default 10 s.
    pub busy_timeout: Duration,
}

impl SqliteHome {
    /// A folder without a database.
    ///
    /// # Panics
    /// When the machine has no room for a folder.
    #[must_use]
    pub fn new(multi_tenant: bool) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder can be made"));
        Self { folder, multi_tenant, busy_timeout: Duration::from_secs(10) }
    }

    /// The database.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("hexsync.db")
    }

    /// A connection past the store.
    ///
    /// # Panics
    /// When the file can't be opened.
    pub async fn connection(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.file()).busy_timeout(Duration::from_secs(10));
        options.connect().await.expect("the database can be opened")
    }
}

#[async_trait]
impl Backend for SqliteStore {
    type Home = SqliteHome;

    async fn home(multi_tenant: bool) -> Option<SqliteHome> {
        Some(SqliteHome::new(multi_tenant))
    }

    async fn open(home: &SqliteHome) -> Arc<Self> {
        let builder = SqliteStoreBuilder::file(home.file());
        let builder = builder.busy_timeout(home.busy_timeout).multi_tenant(home.multi_tenant);
        let store = builder.connect().await.expect("the database can be opened");
        store.migrate().await.expect("the database can be migrated");
        Arc::new(store)
    }

    async fn rows<T: Entity>(
        &self,
        home: &SqliteHome,
        scope: &Scope,
        _: &BTreeSet<String>,
    ) -> BTreeMap<String, Row>
    where
        Self: EntityStore<T>,
    {
        let sql = select::<T>(|column| format!("cast({column} as text)"), "?1", "?2");
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(scope.tenant_key().to_owned())
            .bind(scope.connection.to_string())
            .fetch_all(&mut home.connection().await)
            .await
            .expect("the table can be read");
        rows.iter().map(|row| parse::<T>(cells(row))).collect()
    }

    async fn events(&self, home: &SqliteHome, scope: &Scope) -> Vec<Event> {
        let sql = "select external_id, operation, run_id from sync_outbox where subscription_id = ?1 order by position";
        let rows = sqlx::query(sql)
            .bind(scope.subscription.to_string())
            .fetch_all(&mut home.connection().await)
            .await
            .expect("the outbox can be read");
        rows.iter()
            .map(|row| Event { external_id: row.get(0), operation: row.get(1), run: row.get(2) })
            .collect()
    }
}

fn cells(row: &SqliteRow) -> Vec<Option<String>> {
    (0..row.len()).map(|column| row.get(column)).collect()
}
