//! What a provider's call says of one record, on its way from the call to a run.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::run::names;
use crate::{ConnectionKey, ExternalId, SubscriptionId};

names! {
    /// What a notice says of its record.
    NoticeKind {
        /// It is new, changed or back. Unless the notice carries its fields, it has to be read.
        Changed = "changed",
        /// It is gone, as far as the provider knew then: a restore may have come since.
        Deleted = "deleted",
        /// It is gone for good: nothing brings it back.
        Purged = "purged",
        /// It was merged into another record, for good.
        Merged = "merged",
    }
}

/// What a provider's call says of one record, for one subscription. A call with several records, or one that
/// concerns several subscriptions, becomes several notices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Of which account.
    pub key: ConnectionKey,
    /// For which feed.
    pub subscription: SubscriptionId,
    /// The same whenever the provider repeats itself, and different otherwise. At most 255 bytes.
    pub dedup_key: Box<str>,
    /// Which record.
    pub external_id: ExternalId,
    /// What is said.
    pub kind: NoticeKind,
    /// The survivor; with [`NoticeKind::Merged`] only.
    pub merged_into: Option<ExternalId>,
    /// When it took place, by the provider's clock.
    pub occurred_at: DateTime<Utc>,
    /// The record's fields as a JSON object, where the call carried them. Forgotten when the notice is settled.
    pub body: Option<Box<str>>,
}

/// A notice that is not settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingNotice {
    /// Grows in the order of staging.
    pub position: i64,
    /// When it was staged.
    pub received_at: DateTime<Utc>,
    /// The notice.
    pub notice: Notice,
}

/// What waits for one subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backlog {
    /// For which feed.
    pub subscription: SubscriptionId,
    /// How many notices.
    pub n_waiting: u64,
    /// When the oldest of them was staged.
    pub oldest: DateTime<Utc>,
}
