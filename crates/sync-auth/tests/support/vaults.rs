//! Connection stores on every database, and vaults on them.
#![allow(dead_code, unreachable_pub, reason = "shared by test binaries that each use a part")]
#![allow(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

use std::sync::Arc;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, Executor};
use sync_auth::{KeyRing, Vault, VaultTokenStore};
use sync_core::{ConnectionStore, IdGenerator, RefreshStore, TimeOrderedIds, UnitOfWork};
use sync_memory::MemoryStore;
use sync_postgres::PgStore;
use sync_sqlite::{SqliteStore, SqliteStoreBuilder};
use tempfile::TempDir;

pub const KEYS: &str = "k1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n\
    k2:f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff00112233445566778899aabbccddeeff";

/// A vault whose first key seals.
pub fn vault() -> Vault {
    Vault::new(KeyRing::parse(KEYS, None).unwrap())
}

/// Everything that keeps connections.
pub trait Keeps: UnitOfWork + ConnectionStore<Self::Tx> + RefreshStore<Self::Tx> {}
impl<S: UnitOfWork + ConnectionStore<S::Tx> + RefreshStore<S::Tx>> Keeps for S {}

/// A place where connections are kept, which several processes can open.
pub trait Place: Sized + Send + Sync + 'static {
    type Store: Keeps;

    /// An empty place; `None` when the backend can't be reached.
    fn fresh() -> impl Future<Output = Option<Self>> + Send;

    /// The store as a process of its own opens it.
    fn open(&self) -> impl Future<Output = Arc<Self::Store>> + Send;
}

pub fn tokens<S: Keeps>(store: &Arc<S>) -> VaultTokenStore<S> {
    VaultTokenStore::builder(Arc::clone(store), vault(), "suite").build()
}

pub struct Memory(Arc<MemoryStore>);

impl Place for Memory {
    type Store = MemoryStore;

    async fn fresh() -> Option<Self> {
        Some(Self(Arc::default()))
    }

    async fn open(&self) -> Arc<MemoryStore> {
        Arc::clone(&self.0)
    }
}

pub struct Sqlite(pub TempDir);

impl Place for Sqlite {
    type Store = SqliteStore;

    async fn fresh() -> Option<Self> {
        let place = Self(TempDir::new().unwrap());
        place.open().await.migrate().await.unwrap();
        Some(place)
    }

    async fn open(&self) -> Arc<SqliteStore> {
        let file = SqliteStoreBuilder::file(self.0.path().join("store.db"));
        Arc::new(file.busy_timeout(Duration::from_secs(60)).connect().await.unwrap())
    }
}

/// A schema of its own, removed with the place.
pub struct Postgres {
    url: String,
    pub schema: String,
}

impl Place for Postgres {
    type Store = PgStore;

    async fn fresh() -> Option<Self> {
        let Ok(url) = std::env::var("HEXSYNC_TEST_POSTGRES_URL") else {
            let required = std::env::var_os("HEXSYNC_REQUIRE_SERVICES").is_some_and(|set| set == "1");
            assert!(!required, "HEXSYNC_TEST_POSTGRES_URL is not set");
            println!("skipped: HEXSYNC_TEST_POSTGRES_URL is not set");
            return None;
        };
        let place = Self { url, schema: format!("auth_{}", TimeOrderedIds.next_id().simple()) };
        place.open().await.migrate().await.unwrap();
        Some(place)
    }

    async fn open(&self) -> Arc<PgStore> {
        let store = PgStore::builder(&self.url).schema(&self.schema).pool_size(4);
        Arc::new(store.connect_timeout(Duration::from_secs(60)).connect().await.unwrap())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let (url, schema) = (self.url.clone(), self.schema.clone());
        let remove = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut connection = sqlx::postgres::PgConnection::connect(&url).await.unwrap();
                // The test's own connections may hold a lock that only its runtime, which waits here, could give up.
                connection.execute("set lock_timeout = '5s'").await.unwrap();
                let drop = format!("drop schema if exists \"{schema}\" cascade");
                connection.execute(AssertSqlSafe(drop)).await.unwrap();
            });
        });
        let _ = remove.join();
    }
}
