//! PostgreSQL: its place is a schema of its own on the test server.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection, Executor, Row as _};
use sync_core::Scope;
use sync_postgres::PgStore;
use sync_wiring::EntityStore;
use url::Url;
use uuid::Uuid;

use super::{Backend, Event, Row, parse, select, skipped};
use crate::entity::Entity;
use crate::proxy::Proxy;

/// A schema. Handles go by the proxy, if there is one.
#[derive(Clone)]
pub struct PgHome {
    schema: Arc<Schema>,
    multi_tenant: bool,
    proxy: Option<Proxy>,
}

struct Schema {
    server: Url,
    name: String,
}

impl PgHome {
    /// A name for a schema on the server that `HEXSYNC_TEST_POSTGRES_URL` names; `None` without one.
    ///
    /// # Panics
    /// When that is no url, or services are required and there is none.
    #[must_use]
    pub fn new(multi_tenant: bool) -> Option<Self> {
        let Ok(server) = std::env::var("HEXSYNC_TEST_POSTGRES_URL") else {
            skipped("HEXSYNC_TEST_POSTGRES_URL is not set");
            return None;
        };
        let server = server.parse().expect("HEXSYNC_TEST_POSTGRES_URL is a url");
        let name = format!("e2e_{}", Uuid::now_v7().simple());
        Some(Self { schema: Arc::new(Schema { server, name }), multi_tenant, proxy: None })
    }

    /// The same, reached by way of a proxy, which is returned as well.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn behind_proxy(mut self) -> (Self, Proxy) {
        let proxy = Proxy::start(&self.schema.server).await.expect("a port is free");
        self.proxy = Some(proxy.clone());
        (self, proxy)
    }

    /// The url that handles connect to.
    #[must_use]
    pub fn url(&self) -> Url {
        let server = &self.schema.server;
        self.proxy.as_ref().map_or_else(|| server.clone(), |proxy| proxy.url(server))
    }

    /// The schema's name, and the name of its connections.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema.name
    }

    /// A connection past the store and the proxy.
    ///
    /// # Panics
    /// When the server is away.
    pub async fn connection(&self) -> PgConnection {
        let mut connection =
            PgConnection::connect(self.schema.server.as_str()).await.expect("the test server answers");
        let path = format!("set search_path = {}", self.schema.name);
        connection.execute(AssertSqlSafe(path)).await.expect("a search path can be set");
        connection
    }

    /// Ends every connection of this schema's stores, as an administrator or a failing server does. Answers how
    /// many there were.
    ///
    /// # Panics
    /// When the server is away.
    pub async fn terminate_backends(&self) -> i64 {
        let sql = "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = $1";
        let killed = sqlx::query_scalar(sql).bind(self.schema());
        killed.fetch_one(&mut self.connection().await).await.expect("connections can be ended")
    }
}

#[async_trait]
impl Backend for PgStore {
    type Home = PgHome;

    async fn home(multi_tenant: bool) -> Option<PgHome> {
        PgHome::new(multi_tenant)
    }

    async fn open(home: &PgHome) -> Arc<Self> {
        let builder =
            Self::builder(home.url().to_string()).schema(home.schema()).application_name(home.schema());
        let store = builder.pool_size(3).multi_tenant(home.multi_tenant).connect().await;
        let store = store.expect("the test server answers");
        store.migrate().await.expect("the schema can be migrated");
        Arc::new(store)
    }

    async fn rows<T: Entity>(
        &self,
        home: &PgHome,
        scope: &Scope,
        _: &BTreeSet<String>,
    ) -> BTreeMap<String, Row>
    where
        Self: EntityStore<T>,
    {
        let sql = select::<T>(|column| format!("{column}::text"), "$1", "$2");
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(scope.tenant_key())
            .bind(scope.connection.as_str())
            .fetch_all(&mut home.connection().await)
            .await
            .expect("the table can be read");
        rows.iter().map(|row| parse::<T>(cells(row))).collect()
    }

    async fn events(&self, home: &PgHome, scope: &Scope) -> Vec<Event> {
        let sql = "select external_id, operation, run_id::text from sync_outbox \
             where subscription_id = $1 order by position";
        let rows = sqlx::query(sql)
            .bind(scope.subscription.0)
            .fetch_all(&mut home.connection().await)
            .await
            .expect("the outbox can be read");
        rows.iter()
            .map(|row| Event { external_id: row.get(0), operation: row.get(1), run: row.get(2) })
            .collect()
    }
}

fn cells(row: &PgRow) -> Vec<Option<String>> {
    (0..row.len()).map(|column| row.get(column)).collect()
}

impl Drop for Schema {
    /// Drops the schema, on a thread of its own because this one's runtime is busy with the test.
    fn drop(&mut self) {
        let (url, name) = (self.server.to_string(), self.name.clone());
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut connection = PgConnection::connect(&url).await.map_err(std::io::Error::other)?;
                let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = $1";
                // What a test left in a transaction would hold up the dropping.
                let ended = sqlx::query(end).bind(&name).execute(&mut connection).await;
                ended.map_err(std::io::Error::other)?;
                let drop_it = format!("set lock_timeout = '5s'; drop schema if exists {name} cascade");
                connection.execute(AssertSqlSafe(drop_it)).await.map(drop).map_err(std::io::Error::other)
            })
        });
        if let Ok(Err(error)) = dropped.join() {
            println!("schema {} is left behind: {error}", self.name);
        }
    }
}
