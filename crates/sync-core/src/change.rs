//! A change as a source reports it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{Canonical, Cursor, ExternalId, FieldSet, Version};

/// One upstream change, already in the application's own terms.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<T> {
    /// Which record.
    pub external_id: ExternalId,
    /// What happened to it.
    pub payload: Payload<T>,
    /// The position after this change. `None` leaves the stored cursor where it is: a webhook without a
    /// position, or a record read again within an overlap. Never smaller than an earlier one of the stream.
    pub cursor: Option<Cursor>,
    /// How the change was noticed.
    pub source: Provenance,
    /// The provider's id of the notification, e.g. a webhook's event id.
    pub dedup_key: Option<Box<str>>,
    /// A provider's hint at what changed; comparison may skip the rest.
    pub changed_fields: Option<FieldSet>,
    /// The record's ordering value, when the provider has one.
    pub version: Option<Version>,
    /// Read again on purpose (an overlap behind the cursor): counted when it changes nothing, not recorded.
    pub reread: bool,
}

impl<T> Change<T> {
    /// A full record, found by polling.
    pub fn upsert(external_id: impl Into<ExternalId>, record: T) -> Self {
        Self::new(external_id, Payload::Upsert(Record { value: record, coverage: Coverage::Full }))
    }

    /// A record of which only `fields` (and the custom fields it holds) were sent.
    pub fn partial(external_id: impl Into<ExternalId>, record: T, fields: FieldSet) -> Self {
        Self::new(external_id, Payload::Upsert(Record { value: record, coverage: Coverage::Partial(fields) }))
    }

    /// A deletion.
    pub fn deletion(external_id: impl Into<ExternalId>, evidence: DeleteEvidence) -> Self {
        Self::new(external_id, Payload::Delete(Deletion { evidence, merged_into: None }))
    }

    /// A change with this payload, found by polling, without cursor and version.
    pub fn new(external_id: impl Into<ExternalId>, payload: Payload<T>) -> Self {
        Self {
            external_id: external_id.into(),
            payload,
            cursor: None,
            source: Provenance::Poll,
            dedup_key: None,
            changed_fields: None,
            version: None,
            reread: false,
        }
    }

    /// With the position after it.
    #[must_use]
    pub fn at(mut self, cursor: Cursor) -> Self {
        self.cursor = Some(cursor);
        self
    }

    /// With the record's ordering value.
    #[must_use]
    pub fn version(mut self, version: i64) -> Self {
        self.version = Some(Version(version));
        self
    }
}

/// What happened to the record.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload<T> {
    /// It is there, with these values; whether it is new is the engine's to find out.
    Upsert(Record<T>),
    /// It is gone.
    Delete(Deletion),
    /// It came, but could not be mapped. Parked, and fetched again by id when it is retried.
    Unreadable(Unreadable),
    /// Left out on purpose by a middleware, with the reason. Recorded as skipped; the cursor moves on.
    Skip(Cow<'static, str>),
}

/// A record and how much of it was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<T> {
    /// The values; fields outside the coverage hold defaults and mean nothing.
    pub value: T,
    /// Which fields count.
    pub coverage: Coverage,
}

impl<T: Canonical> Record<T> {
    /// The fields that were sent, custom ones apart.
    #[must_use]
    pub fn sent(&self) -> FieldSet {
        match self.coverage {
            Coverage::Full => FieldSet::all::<T>(),
            Coverage::Partial(fields) => fields,
        }
    }
}

/// How much of a record was sent. "Not sent" and "sent as null" are different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// Every field.
    Full,
    /// Only these, and the custom fields the record holds.
    Partial(FieldSet),
}

/// A deletion and how it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// How it is known (R20).
    pub evidence: DeleteEvidence,
    /// The surviving record, when this one was merged into another.
    pub merged_into: Option<ExternalId>,
}

/// How a deletion is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeleteEvidence {
    /// The change feed marked the record as deleted.
    Feed,
    /// The provider's list of deleted or archived records names it.
    DeleteLog,
    /// It is missing from a complete listing of ids, and a look-up by id confirmed it.
    IdSweep,
    /// The provider answered that it is gone when it was fetched by id.
    LookedUp,
}

impl DeleteEvidence {
    /// The name in the audit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Feed => "feed",
            Self::DeleteLog => "delete_log",
            Self::IdSweep => "id_sweep",
            Self::LookedUp => "looked_up",
        }
    }
}

/// A record that could not be mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Why, without the values.
    pub reason: String,
    /// The provider's bytes as text, cut to a bounded length.
    pub raw: String,
}

/// How a change was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// By asking.
    Poll,
    /// By a change stream.
    Cdc,
    /// By a call from the provider.
    Webhook,
}
