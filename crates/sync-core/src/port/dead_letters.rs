//! Parked changes.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{DeadLetter, DeadLetterFilter, DeadLetterId, ExternalId, Resolution, Scope, StoreError};

/// Keeps changes that could not be applied.
///
/// - **INV-DLQ-1** A change is parked in the transaction that moves the cursor past it (R11).
/// - **INV-DLQ-2** At most one letter is open per subscription and record; parking again replaces it and
///   keeps when it was first parked.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait DeadLetterStore<Tx: Send + Sync + 'static>: Send + Sync {
    /// Parks changes. A letter that is open for the same record is replaced, `parked_at` and id kept.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn park(&self, tx: &mut Tx, scope: &Scope, letters: &[DeadLetter]) -> Result<(), StoreError>;

    /// The open letters of these records.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn open_letters(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        ids: &[ExternalId],
    ) -> Result<Vec<DeadLetter>, StoreError>;

    /// How many letters of the subscription are open.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn count_open(&self, tx: &mut Tx, scope: &Scope) -> Result<u64, StoreError>;

    /// Open letters whose time has come, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn due(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError>;

    /// Closes letters.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn resolve(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        ids: &[DeadLetterId],
        resolution: Resolution,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Open letters as an operator asks for them, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn list(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        filter: &DeadLetterFilter,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError>;

    /// Makes open letters due at once; answers how many.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn make_due(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        filter: &DeadLetterFilter,
        at: DateTime<Utc>,
    ) -> Result<u64, StoreError>;
}
