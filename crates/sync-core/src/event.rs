//! What is told to the application when a change was applied.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{ChangedFields, EventId, ExternalId, LocalId, Operation, RunId};

/// An applied change, as the application hears of it. Published in the transaction of the change (R9).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChangeEvent {
    /// Stable across redeliveries.
    pub id: EventId,
    /// `<entity>_<operation>`, e.g. `opportunity_updated`.
    pub kind: String,
    /// Which record upstream.
    pub external_id: ExternalId,
    /// Which row.
    pub local_id: LocalId,
    /// What was done; never [`Operation::Noop`].
    pub operation: Operation,
    /// What changed, from what to what.
    pub changed_fields: ChangedFields,
    /// By which run.
    pub run: RunId,
    /// Always `integration`: the change came from a CRM, not from a user of the application.
    pub source: &'static str,
    /// When.
    pub at: DateTime<Utc>,
}
