//! Opening stores.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use sync_wiring::OwnFingerprints;
use sync_wiring::core::{
    AuthorisationStore, ChangeEmitter, ConnectionStore, DeliveryStore, RefreshStore, Signal, StoreError,
    TenantEraser, UnitOfWork, WebhookInbox, WritebackStore,
};
use sync_wiring::postgres::PgStore;
use sync_wiring::sqlite::{SqliteStore, SqliteStoreBuilder};

use super::Opening;
use crate::config::Config;
use crate::error::CliError;
use crate::generated::Stores;

/// A store that this program can run on.
pub(crate) trait AppStore:
    Stores
    + WebhookInbox<<Self as UnitOfWork>::Tx>
    + ConnectionStore<<Self as UnitOfWork>::Tx>
    + RefreshStore<<Self as UnitOfWork>::Tx>
    + AuthorisationStore<<Self as UnitOfWork>::Tx>
    + TenantEraser<<Self as UnitOfWork>::Tx>
    + ChangeEmitter<<Self as UnitOfWork>::Tx>
    + DeliveryStore<<Self as UnitOfWork>::Tx>
    + Signal
    + WritebackStore
    + OwnFingerprints
{
    /// What to call it.
    const NAME: &'static str;

    /// Brings the tables up to this release.
    async fn migrate(&self) -> Result<(), StoreError>;

    /// Whether the tables are those of this release.
    async fn check_version(&self) -> Result<(), StoreError>;

    /// What tells this installation from others, however it is addressed.
    async fn installation(&self) -> Result<String, StoreError>;
}

impl AppStore for SqliteStore {
    const NAME: &'static str = "SQLite";

    async fn migrate(&self) -> Result<(), StoreError> {
        Self::migrate(self).await
    }

    async fn check_version(&self) -> Result<(), StoreError> {
        Self::check_version(self).await
    }

    async fn installation(&self) -> Result<String, StoreError> {
        Self::installation(self).await
    }
}

impl AppStore for PgStore {
    const NAME: &'static str = "PostgreSQL";

    async fn migrate(&self) -> Result<(), StoreError> {
        Self::migrate(self).await
    }

    async fn check_version(&self) -> Result<(), StoreError> {
        Self::check_version(self).await
    }

    async fn installation(&self) -> Result<String, StoreError> {
        Self::installation(self).await
    }
}

pub(super) async fn open_sqlite(
    config: &Config,
    path: &Path,
    opening: Opening,
) -> Result<SqliteStore, CliError> {
    if opening == Opening::Ready && !path.exists() {
        let error = CliError::text(format!("there is no database at {}", path.display()));
        return Err(error.next("run `hexsync migrate` to create it"));
    }
    let store = SqliteStoreBuilder::file(path).multi_tenant(config.engine.multi_tenant).connect().await?;
    ready(&store, opening).await?;
    Ok(store)
}

pub(super) async fn open_postgres(
    config: &Config,
    url: &SecretString,
    opening: Opening,
) -> Result<PgStore, CliError> {
    let mut builder = PgStore::builder(url.expose_secret()).multi_tenant(config.engine.multi_tenant);
    if let Some(size) = config.database.pool_size {
        builder = builder.pool_size(size);
    }
    if let Some(role) = &config.database.tenant_role {
        builder = builder.tenant_role(Some(role.as_str()).filter(|role| !role.is_empty()));
    }
    let store = builder.connect().await?;
    ready(&store, opening).await?;
    Ok(store)
}

async fn ready<S: AppStore>(store: &S, opening: Opening) -> Result<(), StoreError> {
    match opening {
        Opening::Ready => AppStore::check_version(store).await,
        Opening::AsIs => Ok(()),
    }
}
