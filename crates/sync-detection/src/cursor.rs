//! What a source remembers of its position.

use serde::{Deserialize, Serialize};

/// What a source remembers of its position in the provider's changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    }
}
