//! The position in an object's changes.

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use serde::{Deserialize, Serialize};
use sync_core::value::parse_instant;
use sync_core::{Cursor, SourceError};

use crate::id::SalesforceId;

const FORM: u8 = 1;

/// After which record reading goes on: its stamp, and its id among the records of the same stamp.
///
/// Thousands of records may share a stamp, which has whole seconds; the id is what tells them apart. The
/// order of ids is the server's, so two positions of one stamp are never compared here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) stamp: DateTime<Utc>,
    pub(crate) id: SalesforceId,
}

#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    v: u8,
    #[serde(borrow)]
    stamp: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    id: std::borrow::Cow<'a, str>,
}

impl Position {
    /// The stored form: `{"v":1,"stamp":"2026-01-02T10:04:05Z","id":"0065e00000QwErTAAV"}`.
    pub(crate) fn to_cursor(self) -> Cursor {
        // Written by hand because it is made for every record; neither part needs escaping.
        Cursor::new(format!(r#"{{"v":{FORM},"stamp":"{}","id":"{}"}}"#, stamp_text(self.stamp), self.id))
    }

    /// Reads what [`to_cursor`](Self::to_cursor) wrote.
    pub(crate) fn from_cursor(cursor: &Cursor, label: &str) -> Result<Self, SourceError> {
        let bad = |reason: String| SourceError::BadCursor { source_label: label.to_owned(), reason };
        let stored: Stored<'_> = serde_json::from_str(cursor.as_str())
            .map_err(|error| bad(format!("it has no `v`, `stamp` and `id` ({error})")))?;
        if stored.v != FORM {
            return Err(bad(format!("its form is {}, this release knows {FORM}", stored.v)));
        }
        let stamp = parse_instant(&stored.stamp).ok_or_else(|| bad("its stamp is no instant".to_owned()))?;
        let id = SalesforceId::parse(&stored.id).ok_or_else(|| bad("its id is no record id".to_owned()))?;
        Ok(Self { stamp, id })
    }
}

/// An instant as cursors and queries spell it: UTC with `Z`, thousandths only where there are some.
pub(crate) fn stamp_text(stamp: DateTime<Utc>) -> String {
    stamp.trunc_subsecs(3).to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(stamp: &str) -> Position {
        Position { stamp: stamp.parse().unwrap(), id: SalesforceId::parse("0065e00000QwErTAAV").unwrap() }
    }

    /// Stored cursors outlive releases: these texts may never change.
    #[test]
    fn cursor_form_1_is_golden() {
        for (stamp, golden) in [
            ("2026-01-02T10:04:05Z", r#"{"v":1,"stamp":"2026-01-02T10:04:05Z","id":"0065e00000QwErTAAV"}"#),
            (
                "2026-01-02T10:04:05.120Z",
                r#"{"v":1,"stamp":"2026-01-02T10:04:05.120Z","id":"0065e00000QwErTAAV"}"#,
            ),
        ] {
            assert_eq!(position(stamp).to_cursor().as_str(), golden);
            assert_eq!(Position::from_cursor(&Cursor::new(golden), "x").unwrap(), position(stamp));
        }
    }

    #[test]
    fn salesforce_spelling_and_short_id_are_read() {
        let cursor = Cursor::new(r#"{"v":1,"stamp":"2026-01-02T10:04:05.000+0000","id":"0065e00000QwErT"}"#);
        assert_eq!(Position::from_cursor(&cursor, "x").unwrap(), position("2026-01-02T10:04:05Z"));
    }

    #[test]
    fn foreign_cursors_are_refused_with_the_reason() {
        for (text, reason) in [
            ("17", "no `v`"),
            (r#"{"v":2,"stamp":"2026-01-02T10:04:05Z","id":"0065e00000QwErTAAV"}"#, "its form is 2"),
            (r#"{"v":1,"stamp":"yesterday","id":"0065e00000QwErTAAV"}"#, "stamp"),
            (r#"{"v":1,"stamp":"2026-01-02T10:04:05Z","id":"0065e00000QwErTAAA"}"#, "record id"),
        ] {
            let error = Position::from_cursor(&Cursor::new(text), "salesforce-poll-opportunity").unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
            assert!(error.to_string().contains("salesforce-poll-opportunity"), "{error}");
        }
    }
}
