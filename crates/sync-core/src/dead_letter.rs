//! Parked changes (R11): set aside with their payload, retried with backoff, never passed over.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::{
    Canonical, Change, Coverage, DeadLetterId, DeleteEvidence, Deletion, ExternalId, FieldSet, Payload,
    Provenance, Record, RunId, Unreadable, Version, record_from_json, record_to_json,
};

/// A change that could not be applied. At most one is open per subscription and record: later failures of
/// the record replace it, later changes fold it in.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// Its id.
    pub id: DeadLetterId,
    /// Which record.
    pub external_id: ExternalId,
    /// What was to be applied.
    pub payload: ParkedPayload,
    /// The record's ordering value.
    pub version: Option<Version>,
    /// A short name for the kind of failure, for grouping: `unreadable`, `text`, `constraint`, ….
    pub error_class: String,
    /// The failure in words, without field values.
    pub error: String,
    /// How often it was tried.
    pub attempts: u32,
    /// The run in which it failed last.
    pub run: RunId,
    /// When it was first parked.
    pub parked_at: DateTime<Utc>,
    /// When it may be tried again.
    pub next_attempt_at: DateTime<Utc>,
}

/// Why a dead letter was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// It was applied by a retry, or folded into a later partial record that was applied.
    Applied,
    /// A later full record or deletion made it meaningless.
    Superseded,
}

impl Resolution {
    /// The name in tables and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Superseded => "superseded",
        }
    }
}

/// A parked change's payload in a form that can be stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ParkedPayload {
    /// An upsert. `sent` names the fields of a partial record; absent for a full one.
    Upsert {
        /// The record as in [`record_to_json`].
        fields: Map<String, Json>,
        /// The names of the fields that were sent, for a partial record.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sent: Option<Vec<String>>,
    },
    /// A deletion.
    Delete {
        /// How it was known.
        evidence: DeleteEvidence,
        /// The surviving record of a merge.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        merged_into: Option<ExternalId>,
    },
    /// A record that could not be mapped: fetched by id when it is retried.
    Unreadable {
        /// Why.
        reason: String,
        /// The provider's bytes as text, cut to a bounded length.
        raw: String,
    },
}

impl ParkedPayload {
    /// The storable form of a change's payload; `None` for one that was skipped on purpose.
    #[must_use]
    pub fn of<T: Canonical>(payload: &Payload<T>) -> Option<Self> {
        Some(match payload {
            Payload::Upsert(record) => Self::Upsert {
                fields: record_to_json(&record.value),
                sent: match record.coverage {
                    Coverage::Full => None,
                    Coverage::Partial(set) => {
                        Some(set.iter().map(|i| T::FIELDS[i].name.to_owned()).collect())
                    }
                },
            },
            Payload::Delete(deletion) => {
                Self::Delete { evidence: deletion.evidence, merged_into: deletion.merged_into.clone() }
            }
            Payload::Unreadable(unreadable) => {
                Self::Unreadable { reason: unreadable.reason.clone(), raw: unreadable.raw.clone() }
            }
            Payload::Skip(_) => return None,
        })
    }

    /// The change's payload again. A stored record that no longer fits its type comes back as unreadable.
    #[must_use]
    pub fn restore<T: Canonical>(&self) -> Payload<T> {
        match self {
            Self::Upsert { fields, sent } => match record_from_json(fields.clone()) {
                Ok(value) => {
                    let coverage = sent.as_ref().map_or(Coverage::Full, |names| {
                        Coverage::Partial(FieldSet::named::<T>(names.iter().map(String::as_str)))
                    });
                    Payload::Upsert(Record { value, coverage })
                }
                Err(mismatch) => Payload::Unreadable(Unreadable {
                    reason: mismatch.to_string(),
                    raw: Json::Object(fields.clone()).to_string(),
                }),
            },
            Self::Delete { evidence, merged_into } => {
                Payload::Delete(Deletion { evidence: *evidence, merged_into: merged_into.clone() })
            }
            Self::Unreadable { reason, raw } => {
                Payload::Unreadable(Unreadable { reason: reason.clone(), raw: raw.clone() })
            }
        }
    }
}

impl DeadLetter {
    /// The change to try again. It moves no cursor: the position passed it when it was parked.
    #[must_use]
    pub fn to_change<T: Canonical>(&self) -> Change<T> {
        Change {
            external_id: self.external_id.clone(),
            payload: self.payload.restore(),
            cursor: None,
            source: Provenance::Poll,
            dedup_key: None,
            changed_fields: None,
            version: self.version,
            reread: false,
        }
    }
}

/// Which dead letters an operator means. Empty means all of the subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadLetterFilter {
    /// Only of this record.
    pub external_id: Option<ExternalId>,
    /// Only of this kind of failure.
    pub error_class: Option<String>,
    /// Only those that failed last in this run.
    pub run: Option<RunId>,
}
