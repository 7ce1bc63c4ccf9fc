//! Where a source stopped reading.

use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};
use sync_core::{Cursor, SourceError};

/// The stamp and the id of the last record handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) stamp: DateTime<Utc>,
    pub(crate) id: String,
}

impl Position {
    pub(crate) fn to_cursor(&self) -> Cursor {
        Cursor::new(json!({"v": 1, "stamp": self.stamp.to_rfc3339(), "id": self.id}).to_string())
    }

    /// # Errors
    /// [`SourceError::BadCursor`] for what this source did not write.
    pub(crate) fn from_cursor(cursor: &Cursor, label: &str) -> Result<Self, SourceError> {
        let json: Json = serde_json::from_str(cursor.as_str()).unwrap_or_default();
        let stamp = json["stamp"].as_str().and_then(|stamp| stamp.parse().ok());
        match (json["v"].as_u64(), stamp, json["id"].as_str()) {
            (Some(1), Some(stamp), Some(id)) => Ok(Self { stamp, id: id.to_owned() }),
            _ => Err(SourceError::BadCursor {
                source_label: label.to_owned(),
                reason: "it is no position of this source".to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_survives_being_stored() {
        let position = Position { stamp: "2026-01-02T03:04:05.678Z".parse().unwrap(), id: "7".to_owned() };
        assert_eq!(Position::from_cursor(&position.to_cursor(), "x").unwrap(), position);
        assert!(Position::from_cursor(&Cursor::new("7"), "x").is_err());
    }
}
