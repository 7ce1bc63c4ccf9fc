//! Where tokens are kept between calls and processes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use secrecy::SecretString;
use sync_core::ConnectionId;

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
}

impl StoredToken {
    /// What to save when an account was just connected.
    #[must_use]
    pub fn from_refresh_token(refresh_token: SecretString) -> Self {
        Self { refresh_token: Some(refresh_token), access: None, dead: None }
    }
}

/// Keeps tokens per connection.
///
/// - **INV-AUTH-1** `save` has returned only when a crash can't lose what was saved: the authenticator hands
///   out a token only afterwards, because a rotated refresh token exists nowhere else.
/// - `load` sees every `save` that returned before it, from any process.
/// - Adapters outside memory encrypt what they keep, and run the suite in `contract` (feature `contract-tests`).
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// What was saved last; `None` for a connection never saved.
    ///
    /// # Errors
    /// When the store can't answer.
    async fn load(&self, connection: &ConnectionId) -> Result<Option<StoredToken>, TokenStoreError>;

    /// Replaces what is kept of the connection. Idempotent.
    ///
    /// # Errors
    /// When it is not certain that the token was kept.
    async fn save(&self, connection: &ConnectionId, token: &StoredToken) -> Result<(), TokenStoreError>;
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
    tokens: Arc<Mutex<HashMap<ConnectionId, StoredToken>>>,
}

#[async_trait]
impl TokenStore for MemoryTokenStore {
    async fn load(&self, connection: &ConnectionId) -> Result<Option<StoredToken>, TokenStoreError> {
        // A poisoned lock still holds whole values: each is replaced in one step.
        Ok(self.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(connection).cloned())
    }

    async fn save(&self, connection: &ConnectionId, token: &StoredToken) -> Result<(), TokenStoreError> {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(connection.clone(), token.clone());
        Ok(())
    }
}
