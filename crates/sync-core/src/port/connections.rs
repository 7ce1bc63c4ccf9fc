//! The connected accounts.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{Connection, ConnectionKey, Grantor, NewGrant, Provider, Resealed, StoreError, TenantId};

/// Keeps the accounts that were connected, with their secrets as opaque bytes.
///
/// - **INV-CON-1** There is one row per tenant and connection, and nothing of it is seen through another key.
/// - **INV-CON-2** A new grant replaces the former one whole: status, cause, secrets; and the right to refresh is
///   taken from whoever holds it, so that an exchange with the old grant can't overwrite the new one.
/// - **INV-CON-3** Sealing anew touches only secrets whose content is still the one that was read.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait ConnectionStore<Tx: Send + Sync + 'static>: Send + Sync {
    /// One connection.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn connection(&self, tx: &mut Tx, key: &ConnectionKey) -> Result<Option<Connection>, StoreError>;

    /// All connections of a tenant, by their id.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn connections<'a>(
        &self,
        tx: &mut Tx,
        tenant: Option<&'a TenantId>,
    ) -> Result<Vec<Connection>, StoreError>;

    /// The next connections of all tenants, by tenant and id, after `after`. For chores such as a change of keys.
    /// Needs a transaction across tenants.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn connections_after<'a>(
        &self,
        tx: &mut Tx,
        after: Option<&'a ConnectionKey>,
        limit: u32,
    ) -> Result<Vec<Connection>, StoreError>;

    /// Every connection to an account, of all tenants: where a notification of the account goes. Those that were
    /// never finished or were given up are left out. Needs a transaction across tenants.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn connections_of_account(
        &self,
        tx: &mut Tx,
        provider: &Provider,
        account_id: &str,
    ) -> Result<Vec<ConnectionKey>, StoreError>;

    /// Notes that somebody begins to connect. Leaves a row alone that is there.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn announce_connection(
        &self,
        tx: &mut Tx,
        key: &ConnectionKey,
        provider: &Provider,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Keeps a new grant and answers the generation of its secrets.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn connect(&self, tx: &mut Tx, grant: &NewGrant) -> Result<i64, StoreError>;

    /// Makes a dead connection active again, after the cause was removed at the provider. Does nothing to others.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn revive(&self, tx: &mut Tx, key: &ConnectionKey, at: DateTime<Utc>) -> Result<(), StoreError>;

    /// Gives a connection up: its secrets are removed, the row stays. `false` when there is none.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn revoke(&self, tx: &mut Tx, key: &ConnectionKey, at: DateTime<Utc>) -> Result<bool, StoreError>;

    /// Removes a connection and what is known of its grants. `false` when there is none.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn forget(&self, tx: &mut Tx, key: &ConnectionKey) -> Result<bool, StoreError>;

    /// Replaces sealed secrets by the same under another key, and answers how many were replaced.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn reseal(&self, tx: &mut Tx, resealed: &[Resealed]) -> Result<u64, StoreError>;

    /// How many grants of the same user to the same app, of all tenants, are newer than this connection's. 0 when
    /// it is not known who granted it. Needs a transaction across tenants.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn newer_grants(&self, tx: &mut Tx, key: &ConnectionKey) -> Result<u64, StoreError>;

    /// How many grants of a user to an app are known, of all tenants. Needs a transaction across tenants.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn grants_of(&self, tx: &mut Tx, provider: &Provider, grantor: &Grantor)
    -> Result<u64, StoreError>;
}
