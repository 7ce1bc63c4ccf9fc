//! The parts of the demo in which something is synced.

use serde::Serialize;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Act {
    /// Everything, for the first time.
    Load,
    /// What a day's work changed.
    Delta,
    /// What came after it: some of what was deleted comes back, a parked record is corrected.
    SecondDelta,
    /// Nothing changed.
    Quiet,
}

impl Act {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::Load, Self::Delta, Self::SecondDelta, Self::Quiet];

    /// What people are told.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Delta => "delta",
            Self::SecondDelta => "2nd delta",
            Self::Quiet => "quiet",
        }
    }
}
