//! From a record's bytes to the entity.

use chrono::{DateTime, Utc};
use sync_core::{Coverage, DeleteEvidence, Deletion, ExternalId, Payload, Record, Unreadable, Version};
use sync_detection::{DetectionConfig, FieldMapping};

use crate::cursor::Position;
use crate::record::{RecordError, __Provider__Record};

/// The field that identifies a record.
pub(crate) const ID: &str = "id";
/// The field that says when it last changed.
pub(crate) const STAMP: &str = "updated_at";
/// The field that is true for a record that was deleted.
pub(crate) const DELETED: &str = "deleted";

/// An entity that can be read from __Product__. Entity crates implement it behind a feature.
pub trait From__Provider__: sync_core::Canonical {
    /// The object's name there.
    const OBJECT: &'static str;

    /// Which remote fields are asked for, and what they fill.
    fn mapping() -> &'static [FieldMapping];

    /// How its changes are noticed, where an `entity.yaml` says so.
    #[must_use]
    fn detection() -> Option<DetectionConfig> {
        None
    }

    /// Reads a record for which all fields of the [`mapping`](Self::mapping) were asked.
    ///
    /// # Errors
    /// [`RecordError`] naming the field. The record is set aside, its neighbours are not affected.
    fn from_record(record: &__Provider__Record<'_>) -> Result<Self, RecordError>;
}

/// A record, as far as it could be read.
pub(crate) struct Mapped<T> {
    pub(crate) id: Option<ExternalId>,
    pub(crate) stamp: Option<DateTime<Utc>>,
    pub(crate) payload: Payload<T>,
}

impl<T: From__Provider__> Mapped<T> {
    /// Reads a record; what can't be read is set aside with the reason.
    pub(crate) fn read(json: &str) -> Self {
        let record = match __Provider__Record::parse(json) {
            Ok(record) => record,
            Err(error) => return Self { id: None, stamp: None, payload: unreadable(&error, json) },
        };
        let id = record.link(ID).ok().flatten();
        let stamp = record.instant(STAMP).ok().flatten();
        // What was deleted need not be whole any more.
        let payload = if record.boolean(DELETED).ok().flatten() == Some(true) {
            Payload::Delete(Deletion { evidence: DeleteEvidence::Feed, merged_into: None })
        } else {
            T::from_record(&record)
                .map(|value| Payload::Upsert(Record { value, coverage: Coverage::Full }))
                .unwrap_or_else(|error| unreadable(&error, json))
        };
        Self { id, stamp, payload }
    }
}

impl<T> Mapped<T> {
    pub(crate) fn version(&self) -> Option<Version> {
        self.stamp.map(|stamp| Version(stamp.timestamp_millis()))
    }

    pub(crate) fn position(&self) -> Option<Position> {
        Some(Position { stamp: self.stamp?, id: self.id.as_ref()?.as_str().to_owned() })
    }
}

fn unreadable<T>(error: &RecordError, json: &str) -> Payload<T> {
    const LONGEST: usize = 16 * 1024;
    let raw = json[..json.floor_char_boundary(LONGEST)].to_owned();
    Payload::Unreadable(Unreadable { reason: error.to_string(), raw })
}
