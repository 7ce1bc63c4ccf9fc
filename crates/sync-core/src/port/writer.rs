//! Writing records to a CRM.

use std::time::Duration;

use async_trait::async_trait;

use crate::{DeleteEvidence, ExternalId, FieldSet, IntentId, LocalId, SourceError, Subscription, Version};

/// One record's write.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteWrite<T> {
    /// The same however often the write is tried; sent along where the provider takes such a key.
    pub intent: IntentId,
    /// What to do.
    pub op: RemoteOp<T>,
}

/// What to do with one record of a CRM. Of a record the named fields are written, and the custom fields it holds;
/// null clears a field there.
#[derive(Clone, Debug, PartialEq)]
pub enum RemoteOp<T> {
    /// Make a record that the CRM does not have.
    Create {
        /// Our key of it. Where the entity names a key field of the CRM, the record is made or found by it, so that
        /// a create that is tried again makes no second record.
        key: LocalId,
        /// Its values.
        record: T,
        /// Which of them to send.
        fields: FieldSet,
    },
    /// Change a record.
    Update {
        /// Which.
        id: ExternalId,
        /// Its new values.
        record: T,
        /// Which of them to send.
        fields: FieldSet,
        /// The version the values were decided upon. A writer whose provider can compare refuses the write as
        /// [`Written::Stale`] when the record has another by now.
        expected: Option<Version>,
    },
    /// Delete a record, so that the CRM's users can still restore it.
    Archive {
        /// Which.
        id: ExternalId,
    },
}

/// What became of one write.
#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    /// It is done, now or by an earlier try.
    Done {
        /// The record's id in the CRM; after a merge there, the survivor's.
        id: ExternalId,
        /// Its ordering value afterwards, where the provider says it.
        version: Option<Version>,
        /// Whether the write made the record.
        created: bool,
    },
    /// The record is no longer what the write was decided upon; nothing was written.
    Stale,
    /// The record is gone; nothing was written.
    Gone(DeleteEvidence),
    /// The provider asked to try again: a lock, a limit. Nothing was written.
    Later {
        /// Its words, without field values.
        reason: String,
        /// How long to wait, where it says so.
        after: Option<Duration>,
    },
    /// The provider refuses these values for good.
    Refused {
        /// Its code.
        code: String,
        /// Its words, without field values.
        reason: String,
    },
    /// The answer was lost: it was written, or it was not.
    Unknown {
        /// What happened.
        reason: String,
    },
}

/// Writes one entity's records to one CRM.
///
/// - **INV-WRI-1** One answer per write, in order. A write answered as anything but [`Written::Done`] or
///   [`Written::Unknown`] changed nothing.
/// - **INV-WRI-2** A refused record holds up no other of the same call.
/// - **INV-WRI-3** The same write twice leaves the CRM as after the first.
/// - **INV-WRI-4** Fields that are not named, and custom fields the record does not hold, stay as they are.
/// - Access tokens, rate limits, splitting into calls and short retries of locks are the writer's own business.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait RemoteWriter<T: Send + Sync + 'static>: Send + Sync {
    /// What to call it in logs: `salesforce-write-opportunity`.
    fn label(&self) -> String;

    /// Which fields of the entity the CRM takes. Others are never sent.
    fn writable(&self) -> FieldSet;

    /// Whether a create that is tried again finds the record the first try made.
    fn creates_by_key(&self) -> bool;

    /// The records that creates with these keys have made, in order: `None` where the CRM has no live one, or finds none
    /// by a key of ours. Changes nothing.
    ///
    /// # Errors
    /// [`SourceError`] when the provider can't be asked.
    async fn find_made(
        &self,
        subscription: &Subscription,
        keys: &[LocalId],
    ) -> Result<Vec<Option<ExternalId>>, SourceError>;

    /// Writes the records. Each is named once.
    ///
    /// # Errors
    /// [`SourceError`] when the provider can't be asked; then it is unknown which writes took place.
    async fn write_many(
        &self,
        subscription: &Subscription,
        writes: &[RemoteWrite<T>],
    ) -> Result<Vec<Written>, SourceError>;
}
