//! The parts of the demo in which something is synced.

use serde::Serialize;

use crate::crm::Crm;
use crate::generated::Entity;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Act {
    /// Everything, for the first time.
    Load,
    /// What a day's work changed.
    Delta,
    /// The values of a field that is new in the CRM, for records that did not change: part of the delta.
    Backfill,
    /// What came after it: some of what was deleted comes back, a parked record is corrected.
    SecondDelta,
    /// What no change told: ids are compared.
    Comparison,
    /// Nothing changed.
    Quiet,
}

impl Act {
    /// All of them.
    pub(super) const ALL: [Self; 6] =
        [Self::Load, Self::Delta, Self::Backfill, Self::SecondDelta, Self::Comparison, Self::Quiet];

    /// What people are told.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Delta => "delta",
            Self::Backfill => "backfill",
            Self::SecondDelta => "2nd delta",
            Self::Comparison => "reconcile",
            Self::Quiet => "quiet",
        }
    }

    /// Whether a feed has a part in it. A backfill follows a run by itself. HubSpot does not tell when two records cease to belong together; only a
    /// comparison finds that.
    pub(super) fn concerns(self, crm: Crm, entity: Entity) -> bool {
        let are_links = || super::names::of(crm, entity).is_some_and(|names| names.object.contains('/'));
        match self {
            Self::Load | Self::Delta | Self::SecondDelta | Self::Quiet => true,
            Self::Backfill => false,
            Self::Comparison => crm == Crm::Hubspot && are_links(),
        }
    }
}
