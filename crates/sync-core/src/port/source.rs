//! Where changes come from.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::BoxStream;

use crate::{
    Change, Cursor, DeleteEvidence, ExternalId, FieldKind, ListedRow, SourceError, Subscription, Unreadable,
    Version,
};

/// Changes in the order of their cursors. The stream owns what it needs, so that the engine can read ahead
/// on a task of its own.
pub type ChangeStream<T> = BoxStream<'static, Result<Change<T>, SourceError>>;

/// Tells what changed upstream: one port for polling, change streams and webhooks.
///
/// - **INV-SRC-1** Cursors never fall within a stream, and a stream that is read to its end and started again
///   from its last cursor yields what changed since.
/// - **INV-SRC-2** A record that can't be mapped is a change with
///   [`Payload::Unreadable`](crate::Payload::Unreadable), not the end of the stream.
/// - **INV-SRC-3** Access tokens, rate limits and retries are the source's own business.
/// - **INV-SRC-4** A stream ends: at an upper bound fixed when it began.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait ChangeSource<T: Send + Sync + 'static>: Send + Sync {
    /// What to call it in logs: `salesforce-poll-opportunity`.
    fn label(&self) -> String;

    /// What changed after `cursor`; everything when there is none.
    #[expect(clippy::needless_lifetimes, reason = "mockall needs a name for lifetimes inside of options")]
    fn list_changes<'a>(&self, subscription: &Subscription, cursor: Option<&'a Cursor>) -> ChangeStream<T>;
}

/// Fetches records by id: for partial changes without a local row, parked records and repairs.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait RecordFetcher<T: Send + Sync + 'static>: Send + Sync {
    /// One answer per id, in order.
    ///
    /// # Errors
    /// [`SourceError`] when the provider can't be asked.
    async fn fetch_many(
        &self,
        subscription: &Subscription,
        ids: &[ExternalId],
    ) -> Result<Vec<Fetched<T>>, SourceError>;
}

/// Why a record is passed over whose fetcher answered [`Fetched::Outside`].
pub const FILTERED_OUT: &str = "the filters of the feed leave the record out";

/// A record fetched by id.
#[derive(Clone, Debug, PartialEq)]
pub enum Fetched<T> {
    /// It is there.
    Found {
        /// Every field.
        record: T,
        /// Its ordering value.
        version: Option<Version>,
    },
    /// It is gone.
    Gone(DeleteEvidence),
    /// It is there, but can't be mapped.
    Unreadable(Unreadable),
    /// It is there, but the filters of the feed leave it out. Only of fetchers that were given filters.
    Outside,
}

/// A piece of a listing of all live ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListingPart {
    /// Some of them.
    Ids(Vec<ListedRow>),
    /// The end, with how many there are by the provider's own count. A listing without it is incomplete,
    /// and deletes nothing (R20).
    Complete {
        /// How many ids the provider says there are.
        total: u64,
    },
}

/// Lists every live record of an entity by id.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait RemoteListing: Send + Sync {
    /// All live ids, page by page.
    fn list_ids(&self, subscription: &Subscription) -> BoxStream<'static, Result<ListingPart, SourceError>>;
}

/// Tells which fields a customer added to an object, and reads single ones of them for every record.
///
/// - **INV-CFS-1** A field that is not in [`custom_fields`](Self::custom_fields) is not there or not readable;
///   an answer that broke off is an error, never a shorter list.
/// - **INV-CFS-2** [`backfill`](Self::backfill) yields partial changes that cover no field of the entity's own,
///   only the named custom ones. It leaves out records in which all of them are empty, and carries no cursor.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait CustomFieldSource<T: Send + Sync + 'static>: Send + Sync {
    /// The fields as they are now, by name, without those that the entity's mapping names.
    ///
    /// # Errors
    /// [`SourceError`] when the provider can't be asked.
    async fn custom_fields(&self, subscription: &Subscription) -> Result<Vec<RemoteField>, SourceError>;

    /// The values of these fields, of all records.
    fn backfill(&self, subscription: &Subscription, fields: &[Arc<str>]) -> ChangeStream<T>;
}

/// A field that a customer added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteField {
    /// The provider's name: the key in [`CustomFields`](crate::CustomFields).
    pub name: Arc<str>,
    /// What people call it.
    pub label: Option<String>,
    /// The provider's name of its type: `currency`, `enumeration`.
    pub remote_type: String,
    /// What its values are read as.
    pub kind: FieldKind,
    /// Whether the provider calculates it, so that it can change without its record.
    pub calculated: bool,
}
