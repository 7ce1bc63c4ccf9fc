//! Authorisations that somebody began in a browser.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{ConnectionKey, Provider, Sealed, StoreError, TenantId, UserId};

/// An authorisation that was begun: what has to be known when the browser comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingAuthorisation {
    /// The digest of the state that the browser carries; the state itself is kept nowhere.
    pub state_hash: Vec<u8>,
    /// Which connection it is for.
    pub key: ConnectionKey,
    /// Of which CRM.
    pub provider: Provider,
    /// Who began it.
    pub user: UserId,
    /// The digest of what ties it to the browser.
    pub binding_hash: Vec<u8>,
    /// The verifier of the proof key, sealed.
    pub sealed: Sealed,
    /// Where the browser goes afterwards: a path of the application.
    pub return_to: String,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
    /// Until when it may be finished.
    pub expires_at: DateTime<Utc>,
}

/// What was found for a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakenAuthorisation {
    /// It is finished now: nobody gets it again.
    Fresh(Box<PendingAuthorisation>),
    /// It was finished before.
    Used,
    /// Nobody of this tenant began it, or it was cleared away.
    Unknown,
}

/// Keeps authorisations between their start and the browser's return.
///
/// - **INV-ATH-1** Of all who take one, one gets it.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait AuthorisationStore<Tx: Send + Sync + 'static>: Send + Sync {
    /// Keeps one that was begun.
    ///
    /// # Errors
    /// [`StoreError`] of the store; also when the same state was begun before.
    async fn begin_authorisation(
        &self,
        tx: &mut Tx,
        pending: &PendingAuthorisation,
    ) -> Result<(), StoreError>;

    /// Takes a tenant's authorisation by the digest of its state. Whether it is still good is the caller's to say.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn take_authorisation<'a>(
        &self,
        tx: &mut Tx,
        tenant: Option<&'a TenantId>,
        state_hash: &[u8],
        at: DateTime<Utc>,
    ) -> Result<TakenAuthorisation, StoreError>;

    /// Clears away a tenant's authorisations that ended before `before`, and answers how many.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn clear_authorisations<'a>(
        &self,
        tx: &mut Tx,
        tenant: Option<&'a TenantId>,
        before: DateTime<Utc>,
    ) -> Result<u64, StoreError>;
}
