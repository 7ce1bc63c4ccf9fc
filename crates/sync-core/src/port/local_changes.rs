//! Changes of the application's own, until the CRM has them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{Adoption, ChangedFields, EditId, ExternalId, LocalEdit, NewEdit, Scope, Standing, StoreError};

/// Keeps edits from the transaction that made them until the one that records that the CRM has them.
///
/// An application that writes with its own SQL appends an edit by one insert into `sync_local_changes`; the columns
/// are described in the migration that makes it.
///
/// - **INV-LOC-1** Edits become visible with the row they belong to, and come back whole, in the order of appending.
/// - **INV-LOC-2** A record is due when it was never tried, when its time has come, or when it was edited since; it
///   comes with all of its edits.
/// - **INV-LOC-3** Settling edits leaves every other one alone.
/// - **INV-LOC-4** Adopting an id moves the edits, the standing and the conflicts of the record; what its placeholder
///   became stays known.
/// - **INV-LOC-5** Only edits of the scope's tenant, connection and entity are seen or touched.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait LocalChangeStore<Tx: Send + Sync + 'static>: Send + Sync {
    /// Appends edits.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn append_edits(&self, tx: &mut Tx, scope: &Scope, edits: &[NewEdit]) -> Result<(), StoreError>;

    /// Every edit of these records, by id.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn edits_of(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        records: &[ExternalId],
    ) -> Result<Vec<LocalEdit>, StoreError>;

    /// Every edit, by id, of the records that are due, at most `limit` records: those with the oldest edits.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn due_edits(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<LocalEdit>, StoreError>;

    /// Takes edits away: the CRM has them, or they were given up. Those that are gone already are no error.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn settle_edits(&self, tx: &mut Tx, scope: &Scope, ids: &[EditId]) -> Result<(), StoreError>;

    /// Leaves of edits only these fields.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn shrink_edits(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        edits: &[(EditId, ChangedFields)],
    ) -> Result<(), StoreError>;

    /// How the sending of these records stands; records that were never tried are left out.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn standings(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        records: &[ExternalId],
    ) -> Result<Vec<Standing>, StoreError>;

    /// Notes how the sending of records stands, in the place of what was noted before.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn put_standings(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        standings: &[Standing],
    ) -> Result<(), StoreError>;

    /// Forgets how the sending of records stands: they are as if never tried.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn clear_standings(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        records: &[ExternalId],
    ) -> Result<(), StoreError>;

    /// Records that wait after a failure, a question or a lost answer, those that are tried next first.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn waiting_records(&self, tx: &mut Tx, scope: &Scope, limit: u32) -> Result<Vec<Standing>, StoreError>;

    /// Makes these records due, whatever they wait for.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn make_edits_due(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        records: &[ExternalId],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Gives records the ids that the CRM gave them, in everything this port and [`ConflictStore`](crate::ConflictStore)
    /// keep, and remembers it.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn adopt_ids(&self, tx: &mut Tx, scope: &Scope, adoptions: &[Adoption]) -> Result<(), StoreError>;

    /// What became of these placeholders, of whatever entity; those that still wait are left out.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn adopted_ids(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        placeholders: &[ExternalId],
    ) -> Result<Vec<Adoption>, StoreError>;
}
