//! From a record's bytes to the entity.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use sync_core::{Coverage, ExternalId, FieldSet, ListedRow, Payload, Record, Unreadable, Version};
use sync_detection::{DetectionConfig, FieldMapping};

use crate::id::{HubspotId, PairId};
use crate::plan::{MERGED, Plan};
use crate::record::{HubspotRecord, RecordError};
use crate::wire::Row;

/// Bytes of an unreadable record that are kept, to be looked at by a person.
const LONGEST_RAW: usize = 16 * 1024;

/// An entity that can be read from HubSpot. Entity crates implement it behind a feature.
///
/// See the crate's documentation for an example.
pub trait FromHubspot: sync_core::Canonical {
    /// What is read: an object by name (`deals`), a custom object by name or type id (`car`, `2-1234`), `owners`,
    /// or the associations of two objects as records of their own (`deals/contacts`).
    const OBJECT: &'static str;

    /// Which properties are asked for, and what they fill. `associations.companies` stands for the associated
    /// company; `id`, `createdAt`, `updatedAt`, `archived` and `url` for what a record has beside its properties.
    /// Associations have `from`, `to`, `label` and `primary`.
    fn mapping() -> &'static [FieldMapping];

    /// How its changes are noticed, where an `entity.yaml` says so; its filters then hold for polling and listing.
    #[must_use]
    fn detection() -> Option<DetectionConfig> {
        None
    }

    /// Reads a record for which everything of the [`mapping`](Self::mapping) was asked. The customer's own
    /// properties are added afterwards, where the entity has a place for them.
    ///
    /// # Errors
    /// [`RecordError`] naming the property. The record is set aside, its neighbours are not affected.
    fn from_record(record: &HubspotRecord<'_>) -> Result<Self, RecordError>;
}

/// A record, as far as it could be read.
#[derive(Debug, PartialEq)]
pub(crate) struct Mapped<T> {
    /// `None` when it came without a usable one.
    pub(crate) id: Option<ExternalId>,
    pub(crate) stamp: Option<DateTime<Utc>>,
    /// `None` when it does not pass the filters.
    pub(crate) payload: Option<Payload<T>>,
    /// The records that were merged into this one.
    pub(crate) merged: Vec<HubspotId>,
}

pub(crate) fn version(stamp: DateTime<Utc>) -> Version {
    Version(stamp.timestamp_millis())
}

impl Plan {
    /// Reads a row; what can't be read is set aside with the reason.
    pub(crate) fn map<T: FromHubspot>(&self, row: &Row) -> Mapped<T> {
        let json = row.text();
        let (id, record) = match (row_id(row), HubspotRecord::parse(json)) {
            (Some(id), Ok(record)) => (id, record),
            (id, Err(error)) => return broken(id, None, &error, json),
            (None, Ok(record)) => {
                let stamp = self.stamp(&record).ok().flatten();
                return broken(None, stamp, &RecordError::BadId { field: "id".into() }, json);
            }
        };
        let record = self
            .links
            .iter()
            .zip(&row.links)
            .fold(record, |record, (object, link)| record.with_association(object, *link));
        let stamp = match self.stamp(&record) {
            Ok(stamp) => stamp.or(row.stamp),
            Err(error) => return broken(Some(id), None, &error, json),
        };
        let payload = match self.passes(&record) {
            Ok(false) => None,
            Ok(true) => Some(self.payload(&record).unwrap_or_else(|error| unreadable(&error, json))),
            Err(error) => Some(unreadable(&error, json)),
        };
        let merged = self.merged(&record, &id);
        Mapped { id: Some(id), stamp, payload, merged }
    }

    /// A row that holds only custom properties; `None` when all of them are empty, or it does not pass the
    /// filters.
    pub(crate) fn only_custom<T: FromHubspot>(&self, row: &Row) -> Option<Payload<T>> {
        let json = row.text();
        let read = || -> Result<Option<T>, RecordError> {
            let record = HubspotRecord::parse(json)?;
            let mut value = T::default();
            self.read_custom(&record, &mut value)?;
            let has_one =
                value.custom().is_some_and(|custom| custom.iter().any(|(_, value)| !value.is_null()));
            Ok((has_one && self.passes(&record)?).then_some(value))
        };
        match read() {
            Ok(value) => {
                let coverage = Coverage::Partial(FieldSet::EMPTY);
                value.map(|value| Payload::Upsert(Record { value, coverage }))
            }
            Err(error) => Some(unreadable(&error, json)),
        }
    }

    fn read_custom<T: FromHubspot>(
        &self,
        record: &HubspotRecord<'_>,
        value: &mut T,
    ) -> Result<(), RecordError> {
        let Some(custom) = value.custom_mut() else { return Ok(()) };
        for (name, property_type) in &self.custom {
            custom.set(std::sync::Arc::clone(name), record.custom(name, *property_type)?);
        }
        Ok(())
    }

    /// When a row was last modified, if it tells.
    pub(crate) fn stamp_of(&self, row: &Row) -> Option<DateTime<Utc>> {
        HubspotRecord::parse(row.text()).ok().and_then(|record| self.stamp(&record).ok().flatten())
    }

    /// A row of a listing, with this instant as its version instead of its stamp if there is one; `None` when it
    /// does not pass the filters.
    ///
    /// # Errors
    /// [`RecordError`] when it has no usable id or stamp, or can't be filtered.
    pub(crate) fn list(
        &self,
        row: &Row,
        at: Option<DateTime<Utc>>,
    ) -> Result<Option<ListedRow>, RecordError> {
        let record = HubspotRecord::parse(row.text())?;
        let external_id = HubspotRecord::required("id", row_id(row))?;
        let stamp = at.map_or_else(|| self.stamp(&record), |at| Ok(Some(at)))?;
        let listed = ListedRow { external_id, version: stamp.map(version) };
        Ok(self.passes(&record)?.then_some(listed))
    }

    fn passes(&self, record: &HubspotRecord<'_>) -> Result<bool, RecordError> {
        self.conditions
            .iter()
            .try_fold(true, |all, condition| if all { condition.holds(record) } else { Ok(false) })
    }

    fn stamp(&self, record: &HubspotRecord<'_>) -> Result<Option<DateTime<Utc>>, RecordError> {
        let Some(property) = self.stamp.as_deref() else { return Ok(None) };
        // A record never edited can lack the property, and has the same instant beside its properties.
        let stamp =
            record.instant(property)?.map_or_else(|| record.instant("updatedAt"), |at| Ok(Some(at)))?;
        HubspotRecord::required(property, stamp).map(Some)
    }

    fn payload<T: FromHubspot>(&self, record: &HubspotRecord<'_>) -> Result<Payload<T>, RecordError> {
        let mut value = T::from_record(record)?;
        self.read_custom(record, &mut value)?;
        Ok(Payload::Upsert(Record { value, coverage: Coverage::Full }))
    }

    fn merged(&self, record: &HubspotRecord<'_>, id: &ExternalId) -> Vec<HubspotId> {
        if !self.tells_merged {
            return Vec::new();
        }
        merged_ids(record).into_iter().filter(|merged| merged.to_string() != id.as_str()).collect()
    }
}

/// Ids that lived on as aliases of a record (reference/hubspot.md, Merge). A malformed one is left out: the
/// comparison of ids finds that record.
pub(crate) fn merged_ids(record: &HubspotRecord<'_>) -> Vec<HubspotId> {
    let text = record.text(MERGED).ok().flatten().unwrap_or_default();
    text.split([';', ',']).filter_map(|part| HubspotId::parse(part.trim())).collect()
}

fn row_id(row: &Row) -> Option<ExternalId> {
    match (row.id, row.to) {
        (Some(from), Some(to)) => Some(PairId { from, to }.into()),
        (Some(id), None) => Some(id.into()),
        (None, _) => None,
    }
}

fn broken<T>(
    id: Option<ExternalId>,
    stamp: Option<DateTime<Utc>>,
    error: &RecordError,
    json: &str,
) -> Mapped<T> {
    Mapped { id, stamp, payload: Some(unreadable(error, json)), merged: Vec::new() }
}

/// The id under which a record without a usable one is set aside: the same for the same bytes.
pub(crate) fn unidentified(json: &str) -> ExternalId {
    let hash = blake3::hash(json.as_bytes()).to_hex();
    ExternalId::new(format!("unidentified:{}", &hash[..32]))
}

fn unreadable<T>(error: &RecordError, json: &str) -> Payload<T> {
    Payload::Unreadable(unreadable_record(error.to_string(), json))
}

pub(crate) fn unreadable_record(reason: String, json: &str) -> Unreadable {
    Unreadable { reason, raw: json[..json.floor_char_boundary(LONGEST_RAW)].to_owned() }
}
