//! Questions for a person.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{Choice, Conflict, ConflictId, ExternalId, Scope, StoreError, UserId};

/// Keeps what only a person can decide.
///
/// - **INV-CFL-1** There is at most one question per record and field that is not closed. Asking again replaces its
///   values and takes back a decision; its id, and since when it is open, stay.
/// - **INV-CFL-2** A decision is kept until it is closed. Only an open question can be decided.
/// - **INV-CFL-3** Only questions of the scope's tenant, connection and entity are seen or touched.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait ConflictStore<Tx: Send + Sync + 'static>: Send + Sync {
    /// Asks.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn open_conflicts(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        conflicts: &[Conflict],
    ) -> Result<(), StoreError>;

    /// What is not closed about these records, decided or not.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn conflicts_of(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        records: &[ExternalId],
    ) -> Result<Vec<Conflict>, StoreError>;

    /// What is not closed, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn list_conflicts(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        limit: u32,
    ) -> Result<Vec<Conflict>, StoreError>;

    /// Takes a side. The next outbound run carries it out, if the CRM still holds what was decided upon.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such question, or it was closed.
    async fn decide_conflict(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        id: ConflictId,
        choice: Choice,
        user: &UserId,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Closes questions: carried out, or no longer asked.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn close_conflicts(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        ids: &[ConflictId],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError>;
}
