//! How to connect.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;
use sync_core::StoreError;

use crate::error::ConnectError;
use crate::store::PgStore;
use crate::tenants;

/// Settings of a [`PgStore`]; every one but the url has a default.
#[derive(Clone)]
pub struct PgStoreBuilder {
    url: SecretString,
    pub(crate) pool_size: u32,
    pub(crate) connect_timeout: Duration,
    statement_timeout: Duration,
    lock_timeout: Duration,
    application_name: String,
    pub(crate) multi_tenant: bool,
    pub(crate) tenant_role: Option<String>,
    pub(crate) schema: Option<String>,
}

impl PgStoreBuilder {
    pub(crate) fn new(url: impl Into<String>) -> Self {
        Self {
            url: SecretString::from(url.into()),
            pool_size: 10,
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(60),
            lock_timeout: Duration::from_secs(10),
            application_name: "hexsync".to_owned(),
            multi_tenant: false,
            tenant_role: Some(tenants::DEFAULT_ROLE.to_owned()),
            schema: None,
        }
    }

    /// At most this many connections. Default 10: a run in progress holds one, its lease look-ups another.
    #[must_use]
    pub fn pool_size(mut self, connections: u32) -> Self {
        self.pool_size = connections.max(1);
        self
    }

    /// How long to wait for the server, or for a free connection. Default 5 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long one statement may take before the server ends it; zero for ever. Whole milliseconds. Default
    /// 60 s: a batch takes well under one. Migrations are not bound by it.
    #[must_use]
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = timeout;
        self
    }

    /// How long to wait for a lock of another transaction; zero for ever. Whole milliseconds. Default 10 s.
    #[must_use]
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// What the server calls these connections, e.g. in `pg_stat_activity`. Default `hexsync`.
    #[must_use]
    pub fn application_name(mut self, name: impl Into<String>) -> Self {
        self.application_name = name.into();
        self
    }

    /// Whether tenants are told apart: a scope without one is then refused (R1), and row-level security confines
    /// each transaction to the rows of the tenant it was opened for, see [`tenant_role`](Self::tenant_role).
    /// [`PgStore::migrate`] switches that on for the tables, once and for all. Default no.
    #[must_use]
    pub fn multi_tenant(mut self, multi_tenant: bool) -> Self {
        self.multi_tenant = multi_tenant;
        self
    }

    /// Where tenants are told apart: the role that transactions step down to, so that row-level security binds them
    /// whatever the login may do. [`PgStore::migrate`] makes it and lets it use the tables, and nothing else.
    /// Default `hexsync_app`.
    ///
    /// Where roles can't be made, as on some hosted databases, there are two ways: an administrator makes the role
    /// (`create role hexsync_app nologin; grant hexsync_app to LOGIN`), or `None`, with a login that is neither a
    /// superuser nor has BYPASSRLS; a login that row-level security does not bind is then refused.
    #[must_use]
    pub fn tenant_role(mut self, role: Option<&str>) -> Self {
        self.tenant_role = role.map(str::to_owned);
        self
    }

    /// Keeps every table in this schema; [`PgStore::migrate`] creates it. Default: the user's own search path.
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// Connects, and leaves it to the caller to migrate.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the server can't be reached, [`StoreError::Refused`] when the url is
    /// wrong or the login is refused; both say what to check.
    pub async fn connect(self) -> Result<PgStore, StoreError> {
        PgStore::connect_with(self).await
    }

    /// Connects to a database that has to be migrated already.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), and those of [`PgStore::check_version`].
    pub async fn open(self) -> Result<PgStore, StoreError> {
        let store = self.connect().await?;
        store.check_version().await?;
        Ok(store)
    }

    pub(crate) fn options(&self) -> Result<PgConnectOptions, StoreError> {
        let url = self.url.expose_secret();
        let wrong = |reason: String| StoreError::Refused {
            during: "reading the database url",
            source: ConnectError::Url { reason }.into(),
        };
        if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
            return Err(wrong("it does not begin with postgres://".to_owned()));
        }
        let options: PgConnectOptions = url.parse().map_err(|error| match error {
            sqlx::Error::Configuration(reason) => wrong(reason.to_string()),
            _ => wrong("it is malformed".to_owned()),
        })?;
        let options = options.application_name(&self.application_name).options(SESSION).options([
            ("statement_timeout", self.statement_timeout.as_millis().to_string()),
            ("lock_timeout", self.lock_timeout.as_millis().to_string()),
        ]);
        Ok(match &self.schema {
            Some(schema) => options.options([("search_path", crate::table::quoted(schema))]),
            None => options,
        })
    }
}

/// Every look-up of a batch is by a key, and plans are kept: one made while a table was small must not go on to
/// read the whole of it. Compiling plans costs more than these statements take.
const SESSION: [(&str, &str); 2] = [("enable_seqscan", "off"), ("jit", "off")];

impl fmt::Debug for PgStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgStoreBuilder")
            .field("url", &"(redacted)")
            .field("pool_size", &self.pool_size)
            .field("connect_timeout", &self.connect_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .field("lock_timeout", &self.lock_timeout)
            .field("application_name", &self.application_name)
            .field("multi_tenant", &self.multi_tenant)
            .field("tenant_role", &self.tenant_role)
            .field("schema", &self.schema)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The chain of messages, as a program prints it.
    fn chain(error: &dyn std::error::Error) -> String {
        let mut text = error.to_string();
        let mut next = error.source();
        while let Some(cause) = next {
            text = format!("{text}: {cause}");
            next = cause.source();
        }
        text
    }

    #[test]
    fn wrong_urls_say_what_to_write_and_hide_the_password() {
        for url in [
            "mysql://u:hunter2@localhost/db",
            "postgres://u:hunter2@localhost:port/db",
            "u:hunter2@localhost",
        ] {
            let error = PgStoreBuilder::new(url).options().unwrap_err();
            let text = format!("{} {error:?}", chain(&error));
            assert!(text.contains("postgres://user:password@host:port/database"), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[tokio::test]
    async fn unreachable_server_is_named_with_its_address() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let url = format!("postgres://u:hunter2@{closed}/db");
        let error = PgStoreBuilder::new(url).connect().await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }));
        let text = format!("{} {error:?}", chain(&error));
        assert!(text.contains(&closed.to_string()) && text.contains("check that it runs"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn debug_output_hides_the_url() {
        assert!(!format!("{:?}", PgStoreBuilder::new("postgres://u:hunter2@h/d")).contains("hunter2"));
    }
}
