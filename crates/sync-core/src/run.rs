//! Runs and what they leave in the audit.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::{ChangedFields, Cursor, ExternalId, LocalId, RunId, SubscriptionId, TenantId};

/// A closed set of names, as tables and JSON spell them.
macro_rules! names {
    ($(#[$doc:meta])* $type:ident { $($(#[$vdoc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $type {
            $($(#[$vdoc])* #[serde(rename = $name)] $variant,)+
        }

        impl $type {
            /// Every one, in order.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// The name in tables and JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The inverse of [`as_str`](Self::as_str).
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use names;

names! {
    /// Which way data flows.
    Direction {
        /// From the CRM to us.
        Inbound = "inbound",
        /// From us to the CRM.
        Outbound = "outbound",
    }
}

names! {
    /// What set a run off.
    Action {
        /// A schedule.
        Poll = "poll",
        /// A change stream.
        Cdc = "cdc",
        /// A call from the provider.
        Webhook = "webhook",
        /// An operator.
        Manual = "manual",
        /// A comparison of ids with the provider.
        Reconcile = "reconcile",
        /// A retry of parked changes.
        Replay = "replay",
        /// The values of fields that were added upstream, for records that are here already.
        Backfill = "backfill",
        /// Changes of ours on their way out.
        Writeback = "writeback",
    }
}

names! {
    /// How a run stands.
    RunStatus {
        /// Under way.
        Running = "running",
        /// Ended; something was applied or parked.
        Success = "success",
        /// Ended; nothing had to be done.
        NoChanges = "no_changes",
        /// Ended by an error, or every record failed.
        Failed = "failed",
        /// Ended early on request, or because the API budget was spent; resumes from its cursor.
        Cancelled = "cancelled",
    }
}

names! {
    /// What was done to a record.
    Operation {
        /// There was no local row; now there is.
        Created = "created",
        /// The row changed.
        Updated = "updated",
        /// The row is marked as deleted (or removed).
        Deleted = "deleted",
        /// A deleted row came back.
        Restored = "restored",
        /// Nothing had to be done.
        Noop = "noop",
    }
}

names! {
    /// How an item ended.
    ItemStatus {
        /// As intended.
        Success = "success",
        /// With an error; the change is parked (or passed over, if so configured).
        Failed = "failed",
        /// Left out, with a reason.
        Skipped = "skipped",
    }
}

/// One change's line in the audit.
#[derive(Clone, Debug, PartialEq)]
pub struct RunItem {
    /// The item's number within its run, from 1, in the order of the changes.
    pub seq: i64,
    /// Which record.
    pub external_id: ExternalId,
    /// What was done, or was to be done where the status says failed.
    pub operation: Operation,
    /// How it ended.
    pub status: ItemStatus,
    /// The local row, where there is one.
    pub local_id: Option<LocalId>,
    /// What changed, from what to what.
    pub changed_fields: ChangedFields,
    /// What a person would call the record.
    pub title: Option<Box<str>>,
    /// Why it failed; without field values and secrets.
    pub error: Option<String>,
    /// Why it was left out, how a deletion is known, what it was merged into.
    pub reason: Option<Cow<'static, str>>,
    /// The whole record as it was, on a deletion.
    pub last_image: Option<Map<String, Json>>,
}

/// What a run did, by count.
///
/// INV-RUN-1 (R19): `found = applied + noop + skipped + parked`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Changes that arrived, retried ones included.
    pub found: u64,
    /// Rows created.
    pub created: u64,
    /// Rows updated.
    pub updated: u64,
    /// Rows deleted.
    pub deleted: u64,
    /// Rows restored.
    pub restored: u64,
    /// Changes that changed nothing.
    pub noop: u64,
    /// Changes left out: echoes, stale versions, filtered.
    pub skipped: u64,
    /// Changes that failed: parked, or passed over by that policy.
    pub parked: u64,
}

impl Counts {
    /// Rows written.
    #[must_use]
    pub const fn applied(&self) -> u64 {
        self.created + self.updated + self.deleted + self.restored
    }

    /// Whether every change that arrived is accounted for (R19).
    #[must_use]
    pub const fn conserved(&self) -> bool {
        self.found == self.applied() + self.noop + self.skipped + self.parked
    }

    /// Whether something arrived and all of it failed (R4).
    #[must_use]
    pub const fn all_failed(&self) -> bool {
        self.found > 0 && self.parked == self.found
    }
}

/// A run to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// Which way.
    pub direction: Direction,
    /// What set it off.
    pub action: Action,
    /// The stored position at its start.
    pub cursor_before: Option<Cursor>,
    /// When it started.
    pub started_at: DateTime<Utc>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEnd {
    /// Never [`RunStatus::Running`].
    pub status: RunStatus,
    /// What it did.
    pub counts: Counts,
    /// The stored position at its end.
    pub cursor_after: Option<Cursor>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// Why it failed or was cancelled.
    pub error: Option<String>,
    /// What it had to do without, e.g. a fingerprint store that was away. The rows are right all the same.
    pub degraded: Option<String>,
}

/// A run as it stands in the audit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Of which subscription.
    pub subscription: SubscriptionId,
    /// Whose.
    pub tenant: Option<TenantId>,
    /// The entity's name.
    pub entity: String,
    /// Which way.
    pub direction: Direction,
    /// What set it off.
    pub action: Action,
    /// How it stands.
    pub status: RunStatus,
    /// What it did so far.
    pub counts: Counts,
    /// The position at its start.
    pub cursor_before: Option<Cursor>,
    /// The position now or at its end.
    pub cursor_after: Option<Cursor>,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it ended; `None` while it runs.
    pub finished_at: Option<DateTime<Utc>>,
    /// How long it took, milliseconds; `None` while it runs.
    pub duration_ms: Option<i64>,
    /// Why it failed or was cancelled.
    pub error: Option<String>,
    /// What it had to do without; the rows are right all the same. `None` while it runs.
    pub degraded: Option<String>,
}

/// An item with where and when it was recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedItem {
    /// In which run.
    pub run: RunId,
    /// When.
    pub recorded_at: DateTime<Utc>,
    /// The item.
    pub item: RunItem,
}
