//! What a source remembers of its position.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What a source remembers of its position in the provider's changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "yaml", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum CursorKind {
    /// Salesforce's `SystemModstamp` with the record's id: moved by people and by automation alike.
    SystemModstamp,
    /// A modification stamp with the record's id, e.g. HubSpot's `hs_lastmodifieddate`.
    Timestamp,
    /// A change stream's replay id.
    ReplayId,
    /// A webhook's event id.
    EventId,
}

impl CursorKind {
    /// The spelling in a file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SystemModstamp => "systemModstamp",
            Self::Timestamp => "timestamp",
            Self::ReplayId => "replayId",
            Self::EventId => "eventId",
        }
    }
}

/// The kind of a position and the remote field that holds it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "yaml", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CursorConfig {
    /// What the position is.
    pub kind: CursorKind,
    /// The provider's name of the field that holds it: `SystemModstamp`, `hs_lastmodifieddate`.
    pub field: Cow<'static, str>,
}

impl CursorConfig {
    /// A position of this kind in this field.
    #[must_use]
    pub const fn new(kind: CursorKind, field: &'static str) -> Self {
        Self { kind, field: Cow::Borrowed(field) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_spelt_as_in_the_file() {
        let all =
            [CursorKind::SystemModstamp, CursorKind::Timestamp, CursorKind::ReplayId, CursorKind::EventId];
        let text = serde_json::to_string(&all).unwrap();
        assert_eq!(text, r#"["systemModstamp","timestamp","replayId","eventId"]"#);
        assert_eq!(serde_json::from_str::<[CursorKind; 4]>(&text).unwrap(), all);
        assert!(all.iter().all(|kind| text.contains(kind.as_str())));
    }
}
