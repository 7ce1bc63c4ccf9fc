//! From a record's bytes to the entity.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use sync_core::{DeleteEvidence, Deletion, ExternalId, Payload, Record, Unreadable, Version};
use sync_detection::{DetectionConfig, FieldMapping};

use crate::id::SalesforceId;
use crate::plan::{ID, IS_DELETED, MASTER, Plan, STAMP};
use crate::record::{RecordError, SalesforceRecord};

/// Bytes of an unreadable record that are kept, to be looked at by a person.
const LONGEST_RAW: usize = 16 * 1024;

/// An entity that can be read from Salesforce. Entity crates implement it behind a feature.
///
/// See the crate's documentation for an example.
pub trait FromSalesforce: sync_core::Canonical {
    /// The object's API name: `Opportunity`.
    const OBJECT: &'static str;

    /// Which remote fields are selected, and what they fill. Fields of related records are paths
    /// (`Account.Name`), parts of compound fields too (`BillingAddress.city`).
    fn mapping() -> &'static [FieldMapping];

    /// How its changes are noticed, where an `entity.yaml` says so; its filters then hold for polling and listing.
    #[must_use]
    fn detection() -> Option<DetectionConfig> {
        None
    }

    /// Reads a record of which all fields of the [`mapping`](Self::mapping) were selected. The customer's own
    /// fields are added afterwards, where the entity has a place for them.
    ///
    /// # Errors
    /// [`RecordError`] naming the field. The record is set aside, its neighbours are not affected.
    fn from_record(record: &SalesforceRecord<'_>) -> Result<Self, RecordError>;
}

/// A record, as far as it could be read.
#[derive(Debug, PartialEq)]
pub(crate) struct Mapped<T> {
    pub(crate) id: Option<SalesforceId>,
    pub(crate) stamp: Option<DateTime<Utc>>,
    pub(crate) payload: Payload<T>,
}

impl<T> Mapped<T> {
    pub(crate) fn version(&self) -> Option<Version> {
        self.stamp.map(version)
    }
}

pub(crate) fn version(stamp: DateTime<Utc>) -> Version {
    Version(stamp.timestamp_millis())
}

impl Plan {
    /// Reads a record; what can't be read is set aside with the reason.
    pub(crate) fn map<T: FromSalesforce>(&self, json: &str) -> Mapped<T> {
        let record = match SalesforceRecord::parse(json) {
            Ok(record) => record,
            Err(error) => return Mapped { id: None, stamp: None, payload: unreadable(&error, json) },
        };
        let id = record.id(ID).and_then(|id| SalesforceRecord::required(ID, id));
        let stamp = record.instant(STAMP).and_then(|stamp| SalesforceRecord::required(STAMP, stamp));
        let payload = match (&id, &stamp) {
            (Err(error), _) | (_, Err(error)) => unreadable(error, json),
            _ => self.payload(&record).unwrap_or_else(|error| unreadable(&error, json)),
        };
        Mapped { id: id.ok(), stamp: stamp.ok(), payload }
    }

    fn payload<T: FromSalesforce>(&self, record: &SalesforceRecord<'_>) -> Result<Payload<T>, RecordError> {
        if self.tells_deleted && record.boolean(IS_DELETED)? == Some(true) {
            let merged_into = if self.tells_merged { record.link(MASTER)? } else { None };
            return Ok(Payload::Delete(Deletion { evidence: DeleteEvidence::Feed, merged_into }));
        }
        let mut value = T::from_record(record)?;
        if let Some(custom) = value.custom_mut() {
            for (name, field_type) in &self.custom {
                custom.set(std::sync::Arc::clone(name), record.custom(name, *field_type)?);
            }
        }
        Ok(Payload::Upsert(Record { value, coverage: sync_core::Coverage::Full }))
    }
}

/// The id under which a record without a usable one is set aside: the same for the same bytes.
pub(crate) fn unidentified(json: &str) -> ExternalId {
    let hash = blake3::hash(json.as_bytes()).to_hex();
    ExternalId::new(format!("unidentified:{}", &hash[..32]))
}

pub(crate) fn unreadable<T>(error: &RecordError, json: &str) -> Payload<T> {
    Payload::Unreadable(unreadable_record(error.to_string(), json))
}

pub(crate) fn unreadable_record(reason: String, json: &str) -> Unreadable {
    Unreadable { reason, raw: json[..json.floor_char_boundary(LONGEST_RAW)].to_owned() }
}
