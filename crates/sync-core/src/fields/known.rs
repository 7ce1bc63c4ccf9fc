//! What is known of one custom field.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::run::names;
use crate::{FieldContract, FieldKind, RemoteField, RunId};

names! {
    /// Whether a custom field's values are read, and if not, why.
    FieldStanding {
        /// They are read.
        Taken = "taken",
        /// They are not: the field is new, and the contract freezes.
        Frozen = "frozen",
        /// They are not: the field's type changed, and the contract freezes; its last values stay.
        Kept = "kept",
        /// They are not: the contract discards the field.
        Discarded = "discarded",
    }
}

names! {
    /// How far the values of a field have been brought to records that were here before it.
    BackfillState {
        /// They still have to be.
        Pending = "pending",
        /// A run is at it, or was when its process ended.
        Running = "running",
        /// They were.
        Done = "done",
    }
}

/// A custom field of one connection and entity, as the catalogue keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownField {
    /// The provider's name: the key in [`CustomFields`](crate::CustomFields).
    pub name: Arc<str>,
    /// What people call it.
    pub label: Option<String>,
    /// Its type, as last seen.
    #[serde(flatten)]
    pub field_type: RemoteType,
    /// Whether the provider calculates it, so that it can change without its record.
    pub calculated: bool,
    /// The contract that was in force when it was last looked at.
    pub contract: FieldContract,
    /// What follows from it.
    pub standing: FieldStanding,
    /// When it was first seen.
    pub first_seen_at: DateTime<Utc>,
    /// When it was last there.
    pub last_seen_at: DateTime<Utc>,
    /// Since when it has been missing; `None` while it is there.
    pub gone_at: Option<DateTime<Utc>>,
    /// Its last change of type.
    pub retyped: Option<Retyped>,
    /// The backfill of its values; `None` when none was called for.
    pub backfill: Option<FieldBackfill>,
}

/// A field's type in the CRM, and what its values are read as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteType {
    /// The provider's name of it: `currency`, `enumeration`.
    #[serde(rename = "type")]
    pub name: String,
    /// What its values are read as.
    pub kind: FieldKind,
}

/// A change of a field's type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retyped {
    /// The type before. While the field's last values are [kept](FieldStanding::Kept), theirs.
    pub from: RemoteType,
    /// When it was noticed.
    pub at: DateTime<Utc>,
}

/// A field's backfill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldBackfill {
    /// How far it is.
    pub state: BackfillState,
    /// Since when.
    pub at: DateTime<Utc>,
    /// The last run that worked on it.
    pub run: Option<RunId>,
    /// How many records that run found with a value in one of its fields.
    pub n_found: u64,
    /// How many rows it changed.
    pub n_updated: u64,
}

impl FieldBackfill {
    /// One that is called for.
    #[must_use]
    pub const fn pending(at: DateTime<Utc>) -> Self {
        Self { state: BackfillState::Pending, at, run: None, n_found: 0, n_updated: 0 }
    }
}

impl KnownField {
    /// A field that was never seen before.
    #[must_use]
    pub(crate) fn first_seen(remote: RemoteField, contract: FieldContract, at: DateTime<Utc>) -> Self {
        Self {
            name: remote.name,
            label: remote.label,
            field_type: RemoteType { name: remote.remote_type, kind: remote.kind },
            calculated: remote.calculated,
            contract,
            standing: FieldStanding::Taken,
            first_seen_at: at,
            last_seen_at: at,
            gone_at: None,
            retyped: None,
            backfill: None,
        }
    }

    /// Whether its values still have to be brought to the records that were here before it.
    #[must_use]
    pub fn awaits_backfill(&self) -> bool {
        let open = self.backfill.as_ref().is_some_and(|backfill| backfill.state != BackfillState::Done);
        open && self.standing == FieldStanding::Taken && self.gone_at.is_none()
    }
}
