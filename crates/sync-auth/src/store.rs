//! Where tokens are kept between calls and processes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use sync_core::{ConnectionKey, RefreshLease};

use crate::error::{DeadGrant, SharedError};
use crate::token::AccessToken;

/// What is kept of one connection. `Debug` never shows a secret.
#[derive(Debug, Clone, Default)]
pub struct StoredToken {
    /// The grant to refresh with. With rotation this is the newest one; all before it are spent.
    pub refresh_token: Option<SecretString>,
    /// The newest access token, so that other processes need no exchange of their own.
    pub access: Option<AccessToken>,
    /// Set once the provider refused the grant: nobody tries it again until it is cleared.
    pub dead: Option<DeadGrant>,
    /// Whether the latest exchange replaced the refresh token; `None` before the first.
    pub rotates: Option<bool>,
}

impl StoredToken {
    /// What to save when an account was just connected.
    #[must_use]
    pub fn from_refresh_token(refresh_token: SecretString) -> Self {
        Self { refresh_token: Some(refresh_token), ..Self::default() }
    }
}

/// The right to exchange a connection's grant, while nobody else does.
#[derive(Debug, Clone, Default)]
pub struct HeldTurn {
    /// What proves it to the store; `None` in stores of one process, where nobody else can have it.
    pub lease: Option<RefreshLease>,
    /// Since when an exchange of an earlier holder may have taken place whose answer never arrived.
    pub unresolved_since: Option<DateTime<Utc>>,
}

/// The answer to a request for a turn.
#[derive(Debug, Clone)]
pub enum Turn {
    /// It is ours.
    Ours(HeldTurn),
    /// Another process is at it.
    Busy,
}

/// What became of a save within a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// It is kept, and the turn is over.
    Kept,
    /// Another took the turn meanwhile, or a new grant came; nothing was kept.
    Overtaken,
}

/// How many grants there are of a user to an app whose provider keeps only so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowding {
    /// How many the provider keeps; the oldest go first.
    pub limit: u64,
    /// How many are known that are newer than the one in question. There may be others.
    pub newer: u64,
}

impl Crowding {
    /// Whether those that are known suffice to have ended it.
    #[must_use]
    pub const fn is_over(self) -> bool {
        self.newer >= self.limit
    }
}

/// Keeps tokens per connection.
///
/// - **INV-AUTH-1** `save` and `save_in_turn` have returned only when a crash can't lose what was saved: the
///   authenticator hands out a token only afterwards, because a rotated refresh token exists nowhere else.
/// - `load` sees every save that returned before it, from any process.
/// - **INV-AUTH-2** In a store that several processes share, a turn is had by one at a time, and what the holder of
///   a lost turn brings is not kept. The provided methods are for stores of one process.
/// - Adapters outside memory encrypt what they keep, and run the suite in `contract` (feature `contract-tests`).
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// What was saved last; `None` for a connection never saved.
    ///
    /// # Errors
    /// When the store can't answer.
    async fn load(&self, key: &ConnectionKey) -> Result<Option<StoredToken>, TokenStoreError>;

    /// Replaces what is kept of the connection, and ends anybody's turn. Idempotent.
    ///
    /// # Errors
    /// When it is not certain that the token was kept.
    async fn save(&self, key: &ConnectionKey, token: &StoredToken) -> Result<(), TokenStoreError>;

    /// Asks for the turn to exchange the connection's grant.
    ///
    /// # Errors
    /// When the store can't answer.
    async fn take_turn(&self, key: &ConnectionKey, now: DateTime<Utc>) -> Result<Turn, TokenStoreError> {
        let _ = (key, now);
        Ok(Turn::Ours(HeldTurn::default()))
    }

    /// Replaces what is kept of the connection if the turn is still ours, and ends the turn.
    ///
    /// # Errors
    /// When it is not certain that the token was kept.
    async fn save_in_turn(
        &self,
        key: &ConnectionKey,
        turn: &HeldTurn,
        token: &StoredToken,
        now: DateTime<Utc>,
    ) -> Result<Saved, TokenStoreError> {
        let _ = (turn, now);
        self.save(key, token).await.map(|()| Saved::Kept)
    }

    /// Ends the turn without an outcome. `unresolved_since` is told to the next holder.
    ///
    /// # Errors
    /// When the store can't answer; the turn then ends by itself after a while.
    async fn end_turn(
        &self,
        key: &ConnectionKey,
        turn: &HeldTurn,
        unresolved_since: Option<DateTime<Utc>>,
    ) -> Result<(), TokenStoreError> {
        let _ = (key, turn, unresolved_since);
        Ok(())
    }

    /// Whether the provider may have dropped this grant for newer ones of the same user to the same app. `None` where
    /// no limit is known.
    ///
    /// # Errors
    /// When the store can't answer.
    async fn crowding(&self, key: &ConnectionKey) -> Result<Option<Crowding>, TokenStoreError> {
        let _ = key;
        Ok(None)
    }
}

/// A token store did not answer, or not well.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the token store can't be used ({reason})")]
pub struct TokenStoreError {
    reason: String,
    #[source]
    source: Option<SharedError>,
}

impl TokenStoreError {
    /// An error with a reason; neither may hold a secret.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), source: None }
    }

    /// The same with the failure beneath it.
    #[must_use]
    pub fn caused_by(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }
}

/// Tokens in this process's memory: for tests, demos, and strategies that can always get a new one.
/// Clones share their content. What it keeps is lost with the process.
#[derive(Debug, Clone, Default)]
pub struct MemoryTokenStore {
    tokens: Arc<Mutex<HashMap<ConnectionKey, StoredToken>>>,
}

#[async_trait]
impl TokenStore for MemoryTokenStore {
    async fn load(&self, key: &ConnectionKey) -> Result<Option<StoredToken>, TokenStoreError> {
        // A poisoned lock still holds whole values: each is replaced in one step.
        Ok(self.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    async fn save(&self, key: &ConnectionKey, token: &StoredToken) -> Result<(), TokenStoreError> {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(key.clone(), token.clone());
        Ok(())
    }
}
