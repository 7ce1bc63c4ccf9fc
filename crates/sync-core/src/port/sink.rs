//! Where canonical records are written.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{Adoption, ExternalId, LocalId, Merge, Scope, SinkError, StoreError, Version};

/// A local row as the engine compares it.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalRow<T> {
    /// Its id.
    pub local_id: LocalId,
    /// Its values, in canonical form; links by the parent's external id.
    pub record: T,
    /// Whether it is marked as deleted.
    pub deleted: bool,
    /// The ordering value of the change that wrote it last.
    pub version: Option<Version>,
}

/// A row to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Upsert<T> {
    /// Which record.
    pub external_id: ExternalId,
    /// The row's id: that of the row found, or a fresh one for a new row.
    pub local_id: LocalId,
    /// Every field; partial changes were merged over the local row before.
    pub record: T,
    /// The change's ordering value.
    pub version: Option<Version>,
    /// Whether a row is known to exist, deleted or not.
    pub exists: bool,
}

/// Writes one entity.
///
/// Sinks that write to the store of `Tx` share the engine's transaction. A sink that writes elsewhere (an
/// API, another database) gives at-least-once delivery: make its writes idempotent.
///
/// - **INV-SNK-1** `find_many` answers in canonical form, one answer per id in order, deleted rows included.
/// - **INV-SNK-2** A batch costs a fixed number of statements, whatever its size.
/// - **INV-SNK-3** Writing the same batch twice leaves the rows as after the first time.
/// - **INV-SNK-4** Only rows of the scope's tenant and connection are read or written.
/// - **INV-SNK-5** A link whose parent has not arrived keeps the parent's external id, and is bound when the
///   parent is written.
/// - **INV-SNK-6** A link to a record that was merged into another is bound to the survivor's row, whichever of
///   child, survivor and merge comes last; the link's external id stays as the CRM sent it.
/// - **INV-SNK-7** A merged record that is written again gets its own links back.
/// - **INV-SNK-8** Projecting anew leaves the rows as they are, and writes nothing that is there already.
/// - **INV-SNK-10** A row that takes the id the CRM gave it keeps everything else, its local id first; where the CRM's
///   record has a row already, neither row is touched.
/// - **INV-SNK-9** A newer ordering value of a row in which nothing changed is kept, and nothing else is touched.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait SyncSink<T: Send + Sync + 'static, Tx: Send + Sync + 'static>: Send + Sync {
    /// Whether the sink wants to see changes that change nothing (R7), to project derived rows anew.
    fn reprojects_on_noop(&self) -> bool;

    /// The local rows of these records. Ids are distinct.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn find_many(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        ids: &[ExternalId],
    ) -> Result<Vec<Option<LocalRow<T>>>, StoreError>;

    /// Writes rows, also over deleted ones (which are then restored). Ids are distinct. Answers the local id
    /// of each in order: the one given, unless another writer created the row first.
    ///
    /// # Errors
    /// [`SinkError::Record`] when a record can't be written: nothing of the call counts then, and the engine
    /// rolls back to its savepoint and goes on without that record.
    async fn upsert_many(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        rows: &[Upsert<T>],
        at: DateTime<Utc>,
    ) -> Result<Vec<LocalId>, SinkError>;

    /// Marks rows as deleted. Ids are distinct. Answers the local id of each in order, `None` where there is
    /// no row.
    ///
    /// # Errors
    /// As [`upsert_many`](Self::upsert_many).
    async fn soft_delete_many(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        ids: &[ExternalId],
        at: DateTime<Utc>,
    ) -> Result<Vec<Option<LocalId>>, SinkError>;

    /// Writes anew what is derived from rows in which nothing changed. Called for them where
    /// [`reprojects_on_noop`](Self::reprojects_on_noop), with the rows as [`find_many`](Self::find_many) answered
    /// them. Ids are distinct.
    ///
    /// # Errors
    /// As [`upsert_many`](Self::upsert_many).
    async fn reproject_many(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        rows: &[Upsert<T>],
        at: DateTime<Utc>,
    ) -> Result<(), SinkError>;

    /// Notes newer ordering values of rows in which nothing else changed, so that they are not taken for outdated by
    /// who compares. Ids are distinct, and of rows that are there.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn touch_versions(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        versions: &[(ExternalId, Version)],
    ) -> Result<(), StoreError>;

    /// Sends links to records that were merged to the surviving records' rows, of whatever table the children are;
    /// from now on too. Called after the losers' rows, where there are any, were marked as deleted. Losers are
    /// distinct.
    ///
    /// # Errors
    /// [`SinkError::Record`] of class `merge_cycle`, naming the loser, when a survivor was merged into it before;
    /// otherwise as [`upsert_many`](Self::upsert_many).
    async fn redirect_many(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        merges: &[Merge],
        at: DateTime<Utc>,
    ) -> Result<(), SinkError>;

    /// Gives rows that were made here the ids that the CRM gave their records. Answers whether each was renamed, in
    /// order: a row whose new id another row has already is left alone, and the caller merges the two. Placeholders and
    /// new ids are distinct. By default no row is renamed; the caller then writes a row under the new id.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn adopt_many(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        adoptions: &[Adoption],
        at: DateTime<Utc>,
    ) -> Result<Vec<bool>, StoreError> {
        let _ = (tx, scope, at);
        Ok(vec![false; adoptions.len()])
    }
}

/// Lists what is there locally, for comparing with the provider (R20).
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait LocalListing<Tx: Send + Sync + 'static>: Send + Sync {
    /// The records that are not deleted, in a fixed order of the store's own, those after `after`.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn list_live<'a>(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        after: Option<&'a ExternalId>,
        limit: u32,
    ) -> Result<Vec<ListedRow>, StoreError>;
}

/// One record of a listing, local or remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRow {
    /// Which record.
    pub external_id: ExternalId,
    /// Its ordering value, where known.
    pub version: Option<Version>,
}
