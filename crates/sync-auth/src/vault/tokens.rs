//! The token store that many processes share: sealed in the application's database.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sync_core::{
    Clock, Connection, ConnectionKey, ConnectionStatus, ConnectionStore, EndCause, GrantEnd, HolderId,
    IdGenerator, NewGrant, Provider, RefreshLease, RefreshStore, RefreshTurn, Refreshed, Sealed, StoreError,
    SystemClock, TimeOrderedIds, UnitOfWork,
};
use url::Url;

use super::{Purpose, Vault, VaultError};
use crate::error::DeadGrant;
use crate::store::{Crowding, HeldTurn, Saved, StoredToken, TokenStore, TokenStoreError, Turn};
use crate::token::AccessToken;

/// Longer than an exchange may take, with its answer and the save.
const DEFAULT_TURN: Duration = Duration::from_secs(60);

/// Tokens in the connection store, sealed. Every process has its own; they take turns by the store's rows.
///
/// Transactions are opened for the key's tenant, except to count a user's grants of all tenants.
pub struct VaultTokenStore<S> {
    store: Arc<S>,
    vault: Vault,
    provider: Provider,
    holder: HolderId,
    turn: Duration,
    grant_limit: Option<u64>,
    clock: Arc<dyn Clock>,
}

/// Settings of a [`VaultTokenStore`].
pub struct VaultTokenStoreBuilder<S>(VaultTokenStore<S>);

impl<S> VaultTokenStore<S> {
    /// A store for the connections of one provider.
    pub fn builder(store: Arc<S>, vault: Vault, provider: impl Into<Provider>) -> VaultTokenStoreBuilder<S> {
        let holder = format!("{}-{}", std::process::id(), TimeOrderedIds.next_id());
        VaultTokenStoreBuilder(Self {
            store,
            vault,
            provider: provider.into(),
            holder: holder.into(),
            turn: DEFAULT_TURN,
            grant_limit: None,
            clock: Arc::new(SystemClock),
        })
    }
}

impl<S> VaultTokenStoreBuilder<S> {
    /// How long a process may take for an exchange before another takes over. Default 60 s.
    #[must_use]
    pub fn turn(mut self, turn: Duration) -> Self {
        self.0.turn = turn;
        self
    }

    /// How many grants of one user to one app the provider keeps. Default: no limit is known.
    #[must_use]
    pub fn grant_limit(mut self, limit: Option<u64>) -> Self {
        self.0.grant_limit = limit;
        self
    }

    /// What tells the time of saves outside a turn. Default: the machine's clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.0.clock = clock;
        self
    }

    /// The store.
    #[must_use]
    pub fn build(self) -> VaultTokenStore<S> {
        self.0
    }
}

impl<S> fmt::Debug for VaultTokenStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultTokenStore")
            .field("provider", &self.provider)
            .field("holder", &self.holder)
            .field("vault", &self.vault)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl<S> TokenStore for VaultTokenStore<S>
where
    S: UnitOfWork + ConnectionStore<S::Tx> + RefreshStore<S::Tx>,
{
    async fn load(&self, key: &ConnectionKey) -> Result<Option<StoredToken>, TokenStoreError> {
        let mut tx = self.store.begin_for(key.tenant.as_ref()).await.map_err(failed)?;
        let found = self.store.connection(&mut tx, key).await.map_err(failed)?;
        // Ended here, not when the pool gets round to it: an open transaction holds up who changes tables.
        self.store.rollback(tx).await.map_err(failed)?;
        found.map_or(Ok(None), |connection| stored(&self.vault, connection))
    }

    async fn save(&self, key: &ConnectionKey, token: &StoredToken) -> Result<(), TokenStoreError> {
        let at = self.clock.now();
        let sealed = seal(&self.vault, key, token)?;
        let mut tx = self.store.begin_for(key.tenant.as_ref()).await.map_err(failed)?;
        let known = self.store.connection(&mut tx, key).await.map_err(failed)?;
        let mut profile = known.as_ref().map(|known| known.profile.clone()).unwrap_or_default();
        let access = token.access.as_ref();
        if let Some(url) = access.and_then(|access| access.instance_url.as_ref()) {
            profile.instance_url = Some(url.as_str().to_owned());
        }
        let grant = NewGrant {
            key: key.clone(),
            provider: known.map_or_else(|| self.provider.clone(), |known| known.provider),
            profile,
            sealed,
            expires_at: access.and_then(|access| access.expires_at),
            granted_at: None,
            at,
        };
        self.store.connect(&mut tx, &grant).await.map_err(failed)?;
        if let Some(dead) = &token.dead {
            let turn = self.store.take_refresh(&mut tx, key, &self.holder, at, self.turn).await;
            if let RefreshTurn::Held { lease, .. } = turn.map_err(failed)? {
                let end = GrantEnd::from(dead.clone());
                self.store.end_grant(&mut tx, key, &lease, &end).await.map_err(failed)?;
            }
        }
        self.store.commit(tx).await.map_err(failed)
    }

    async fn take_turn(&self, key: &ConnectionKey, now: DateTime<Utc>) -> Result<Turn, TokenStoreError> {
        let mut tx = self.store.begin_for(key.tenant.as_ref()).await.map_err(failed)?;
        // Strategies that need no grant begin without a row.
        self.store.announce_connection(&mut tx, key, &self.provider, now).await.map_err(failed)?;
        let turn =
            self.store.take_refresh(&mut tx, key, &self.holder, now, self.turn).await.map_err(failed)?;
        self.store.commit(tx).await.map_err(failed)?;
        Ok(match turn {
            RefreshTurn::Held { lease, unresolved_since } => {
                Turn::Ours(HeldTurn { lease: Some(lease), unresolved_since })
            }
            RefreshTurn::Busy { .. } => Turn::Busy,
        })
    }

    async fn save_in_turn(
        &self,
        key: &ConnectionKey,
        turn: &HeldTurn,
        token: &StoredToken,
        now: DateTime<Utc>,
    ) -> Result<Saved, TokenStoreError> {
        let lease = lease_of(turn)?;
        let mut tx = self.store.begin_for(key.tenant.as_ref()).await.map_err(failed)?;
        let done = match &token.dead {
            Some(dead) => self.store.end_grant(&mut tx, key, lease, &dead.clone().into()).await,
            None => {
                let access = token.access.as_ref();
                let instance_url = access.and_then(|access| access.instance_url.as_ref());
                let refreshed = Refreshed {
                    sealed: seal(&self.vault, key, token)?,
                    expires_at: access.and_then(|access| access.expires_at),
                    instance_url: instance_url.map(|url| url.as_str().to_owned()),
                };
                self.store.save_refreshed(&mut tx, key, lease, &refreshed, now).await
            }
        };
        match done {
            Ok(()) => self.store.commit(tx).await.map(|()| Saved::Kept).map_err(failed),
            Err(StoreError::Fenced) => {
                self.store.rollback(tx).await.map(|()| Saved::Overtaken).map_err(failed)
            }
            Err(error) => Err(failed(error)),
        }
    }

    async fn end_turn(
        &self,
        key: &ConnectionKey,
        turn: &HeldTurn,
        unresolved_since: Option<DateTime<Utc>>,
    ) -> Result<(), TokenStoreError> {
        let lease = lease_of(turn)?;
        let mut tx = self.store.begin_for(key.tenant.as_ref()).await.map_err(failed)?;
        self.store.release_refresh(&mut tx, key, lease, unresolved_since).await.map_err(failed)?;
        self.store.commit(tx).await.map_err(failed)
    }

    async fn crowding(&self, key: &ConnectionKey) -> Result<Option<Crowding>, TokenStoreError> {
        let Some(limit) = self.grant_limit else { return Ok(None) };
        let mut tx = self.store.begin_across_tenants().await.map_err(failed)?;
        let newer = self.store.newer_grants(&mut tx, key).await.map_err(failed)?;
        self.store.rollback(tx).await.map_err(failed)?;
        Ok(Some(Crowding { limit, newer }))
    }
}

/// What is sealed of a connection, to be written.
#[derive(Serialize)]
struct Sealing<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<SealingAccess<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotates: Option<bool>,
}

#[derive(Serialize)]
struct SealingAccess<'a> {
    secret: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_url: Option<&'a str>,
    issued_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<DateTime<Utc>>,
}

/// The same, read: secrets go into memory that is wiped.
#[derive(Deserialize)]
struct Opened {
    refresh_token: Option<SecretString>,
    access: Option<OpenedAccess>,
    rotates: Option<bool>,
}

#[derive(Deserialize)]
struct OpenedAccess {
    secret: SecretString,
    instance_url: Option<String>,
    issued_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
}

/// Seals a connection's tokens. Whether its grant is dead is no secret, and not part of it.
pub(crate) fn seal(
    vault: &Vault,
    key: &ConnectionKey,
    token: &StoredToken,
) -> Result<Sealed, TokenStoreError> {
    let content = Sealing {
        refresh_token: token.refresh_token.as_ref().map(ExposeSecret::expose_secret),
        access: token.access.as_ref().map(|access| SealingAccess {
            secret: access.secret.expose_secret(),
            instance_url: access.instance_url.as_ref().map(Url::as_str),
            issued_at: access.issued_at,
            expires_at: access.expires_at,
        }),
        rotates: token.rotates,
    };
    // Room for everything at once: a vector that grows leaves copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(16 * 1024));
    serde_json::to_writer(&mut *text, &content).map_err(|_| refused(VaultError::Content))?;
    vault.seal(key, Purpose::Tokens, text).map_err(refused)
}

/// What a row holds.
pub(crate) fn stored(vault: &Vault, connection: Connection) -> Result<Option<StoredToken>, TokenStoreError> {
    let dead = match connection.status {
        ConnectionStatus::Pending => return Ok(None),
        ConnectionStatus::Revoked => {
            let since = connection.updated_at;
            let dead = Some(DeadGrant::new(EndCause::NoGrant, "given_up", since));
            return Ok(Some(StoredToken { dead, ..StoredToken::default() }));
        }
        _ => connection.end.map(DeadGrant::from),
    };
    let Some(sealed) = connection.sealed else {
        return Ok(Some(StoredToken { dead, ..StoredToken::default() }));
    };
    let content = vault.open(&connection.key, Purpose::Tokens, &sealed.bytes).map_err(refused)?;
    let content: Opened = serde_json::from_slice(&content).map_err(|_| refused(VaultError::Content))?;
    let access = content.access.map(|access| {
        let instance_url = access.instance_url.as_deref().map(Url::parse).transpose();
        Ok(AccessToken {
            secret: access.secret,
            instance_url: instance_url.map_err(|_| refused(VaultError::Content))?,
            issued_at: access.issued_at,
            expires_at: access.expires_at,
        })
    });
    let access = access.transpose()?;
    Ok(Some(StoredToken { refresh_token: content.refresh_token, access, dead, rotates: content.rotates }))
}

fn lease_of(turn: &HeldTurn) -> Result<&RefreshLease, TokenStoreError> {
    turn.lease.as_ref().ok_or_else(|| TokenStoreError::new("the turn is another store's"))
}

fn failed(error: StoreError) -> TokenStoreError {
    TokenStoreError::new("the connection store failed").caused_by(error)
}

fn refused(error: VaultError) -> TokenStoreError {
    TokenStoreError::new(error.to_string()).caused_by(error)
}
