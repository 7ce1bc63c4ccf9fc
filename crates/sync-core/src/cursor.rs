//! Where a subscription stopped reading.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A source's own note of its position. The engine stores it and hands it back, and never looks inside.
///
/// The text is a JSON value so that an operator can read it; sources put a version number into it and
/// keep reading their older forms.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(Arc<str>);

impl Cursor {
    /// A cursor from its JSON text.
    pub fn new(json: impl Into<Arc<str>>) -> Self {
        Self(json.into())
    }

    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({})", self.0)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A provider's per-record ordering value: of two versions of one record the larger is the newer.
///
/// The unit is the provider's; Salesforce and HubSpot use milliseconds since 1970 of the record's
/// modification stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub i64);
