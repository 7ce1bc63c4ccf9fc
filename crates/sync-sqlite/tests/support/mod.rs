//! A store on a file of its own, and a second connection that looks at it from outside.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test, and says where")]

use std::path::PathBuf;
use std::sync::Arc;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, Row};
use sync_core::contract::{SinkFixture, StoreFixture, Tenancy};
use sync_core::{
    Canonical, ChangeEmitter, ChangeEvent, EventId, ExternalId, LocalId, LocalListing, Operation, RunId,
    Scope, SyncSink, TableDef,
};
use sync_sqlite::{SqliteStore, SqliteStoreBuilder, SqliteTableSink, SqliteTx};
use tempfile::TempDir;

/// The tables of the suites' entities.
const SAMPLE_TABLES: &str = "
    create table sample_parents (
        id text primary key, tenant_id text not null default '', connection_id text not null,
        external_id text not null, provider text not null, remote_version integer,
        name text, parent_external_id text, parent_id text references sample_parents (id) on delete set null,
        created_at text not null, updated_at text not null, deleted_at text,
        unique (tenant_id, connection_id, external_id)
    ) strict;
    create table samples (
        id text primary key, tenant_id text not null default '', connection_id text not null,
        external_id text not null, provider text not null, remote_version integer,
        name text, active integer not null, amount integer, price text, day text, moment text, details text,
        parent_external_id text, parent_id text references sample_parents (id) on delete set null,
        custom_fields text not null default '{}',
        created_at text not null, updated_at text not null, deleted_at text,
        unique (tenant_id, connection_id, external_id)
    ) strict;
    create table eav_samples (
        id text primary key, tenant_id text not null default '', connection_id text not null,
        external_id text not null, provider text not null, remote_version integer,
        name text, active integer not null, amount integer, price text, day text, moment text, details text,
        parent_external_id text, parent_id text references sample_parents (id) on delete set null,
        created_at text not null, updated_at text not null, deleted_at text,
        unique (tenant_id, connection_id, external_id)
    ) strict;
    create trigger eav_samples_custom_values after delete on eav_samples
        begin delete from custom_field_values where row_id = old.id; end;";

/// A migrated store in a folder of its own, with the tables of the suites.
pub(crate) struct SqliteFixture {
    store: Arc<SqliteStore>,
    folder: TempDir,
}

impl SqliteFixture {
    /// The database file.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("store.db")
    }

    /// Another connection to the file.
    pub(crate) async fn outside(&self) -> SqliteConnection {
        SqliteConnectOptions::new().filename(self.path()).connect().await.unwrap()
    }
}

impl StoreFixture for SqliteFixture {
    type Store = SqliteStore;

    const REFUSES_MISSING_TENANT: bool = true;
    const CONCURRENT: bool = false;

    async fn fresh(tenancy: Tenancy) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStoreBuilder::file(folder.path().join("store.db"))
            .multi_tenant(tenancy == Tenancy::Multi)
            .connect()
            .await
            .unwrap();
        store.migrate().await.unwrap();
        store.check_version().await.unwrap();
        let fixture = Self { store: Arc::new(store), folder };
        fixture.outside().await.execute(SAMPLE_TABLES).await.unwrap();
        Some(fixture)
    }

    fn store(&self) -> Arc<SqliteStore> {
        Arc::clone(&self.store)
    }

    fn emitter(&self) -> Arc<dyn ChangeEmitter<SqliteTx>> {
        Arc::clone(&self.store) as Arc<dyn ChangeEmitter<SqliteTx>>
    }

    async fn published(&self) -> Vec<ChangeEvent> {
        let rows = sqlx::query("select * from sync_outbox order by position")
            .fetch_all(&mut self.outside().await)
            .await
            .unwrap();
        rows.iter().map(event).collect()
    }
}

impl SinkFixture for SqliteFixture {
    fn sink<T: Canonical>(&self, table: &'static TableDef) -> Arc<dyn SyncSink<T, SqliteTx>> {
        Arc::new(SqliteTableSink::<T>::new(*table))
    }

    fn listing<T: Canonical>(&self, table: &'static TableDef) -> Arc<dyn LocalListing<SqliteTx>> {
        Arc::new(SqliteTableSink::<T>::new(*table))
    }

    async fn bound_parent(
        &self,
        table: &'static TableDef,
        scope: &Scope,
        child: &ExternalId,
    ) -> Option<LocalId> {
        let select = format!(
            "select parent_id from {} where tenant_id = ?1 and connection_id = ?2 and external_id = ?3",
            table.name
        );
        let bound: Option<String> = sqlx::query_scalar(AssertSqlSafe(select))
            .bind(scope.tenant_key())
            .bind(scope.connection.as_str())
            .bind(child.as_str())
            .fetch_one(&mut self.outside().await)
            .await
            .unwrap();
        bound.map(LocalId::from)
    }

    fn statements(&self) -> Option<u64> {
        Some(self.store.statements_sent())
    }
}

fn event(row: &SqliteRow) -> ChangeEvent {
    let text = |column: &str| row.get::<String, _>(column);
    assert_eq!(text("source"), "integration");
    ChangeEvent {
        id: EventId(text("id").parse().unwrap()),
        kind: text("kind"),
        external_id: text("external_id").into(),
        local_id: text("local_id").into(),
        operation: Operation::parse(&text("operation")).unwrap(),
        changed_fields: serde_json::from_str(&text("changed_fields")).unwrap(),
        run: RunId(text("run_id").parse().unwrap()),
        source: "integration",
        at: text("at").parse().unwrap(),
    }
}
