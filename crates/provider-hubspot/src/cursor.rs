//! The position in an object's changes.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use serde::{Deserialize, Serialize};
use sync_core::value::parse_instant;
use sync_core::{Cursor, SourceError};

use crate::id::HubspotId;
use crate::search::Window;

const FORM: u8 = 1;

/// Where reading goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// Within the first, full load: from this page of the list on.
    Load {
        /// Everything modified from here on is read again once the load is done: the instant before it began.
        since: DateTime<Utc>,
        /// HubSpot's own note of the page; `None` for the first.
        page: Option<Arc<str>>,
    },
    /// Within a window, after this id.
    Window { window: Window, after: HubspotId, archived: Option<DateTime<Utc>> },
    /// Everything modified before this instant was read.
    Done {
        until: DateTime<Utc>,
        /// Everything archived before this instant was told; `None` before the first time.
        archived: Option<DateTime<Utc>>,
    },
}

impl Position {
    /// Until when archived records were told.
    pub(crate) fn archived(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Load { .. } => None,
            Self::Window { archived, .. } | Self::Done { archived, .. } => *archived,
        }
    }

    /// The stored form; see the golden tests.
    pub(crate) fn to_cursor(&self) -> Cursor {
        // Written by hand because it is made for every record; pages alone may need escaping.
        let archived = |at: &Option<DateTime<Utc>>| match at {
            Some(at) => format!(r#","archived":"{}""#, stamp_text(*at)),
            None => String::new(),
        };
        Cursor::new(match self {
            Self::Load { since, page } => {
                let page = page.as_deref().map_or(serde_json::Value::Null, Into::into);
                format!(r#"{{"v":{FORM},"at":"load","since":"{}","page":{page}}}"#, stamp_text(*since))
            }
            Self::Window { window: Window { from, fresh, to }, after, archived: told } => format!(
                r#"{{"v":{FORM},"at":"window","from":"{}","fresh":"{}","to":"{}","after":"{after}"{}}}"#,
                stamp_text(*from),
                stamp_text(*fresh),
                stamp_text(*to),
                archived(told)
            ),
            Self::Done { until, archived: told } => {
                format!(r#"{{"v":{FORM},"at":"done","until":"{}"{}}}"#, stamp_text(*until), archived(told))
            }
        })
    }

    /// Reads what [`to_cursor`](Self::to_cursor) wrote.
    pub(crate) fn from_cursor(cursor: &Cursor, label: &str) -> Result<Self, SourceError> {
        let bad = |reason: String| SourceError::BadCursor { source_label: label.to_owned(), reason };
        let head: Head = serde_json::from_str(cursor.as_str())
            .map_err(|error| bad(format!("it has no `v` and `at` ({error})")))?;
        if head.v != FORM {
            return Err(bad(format!("its form is {}, this release knows {FORM}", head.v)));
        }
        let stored: Stored = serde_json::from_str(cursor.as_str()).map_err(|error| bad(error.to_string()))?;
        let at =
            |text: &str| parse_instant(text).ok_or_else(|| bad("one of its stamps is no instant".to_owned()));
        let told = |archived: Option<String>| archived.as_deref().map(at).transpose();
        Ok(match stored {
            Stored::Load { since, page } => Self::Load { since: at(&since)?, page: page.map(Into::into) },
            Stored::Window { from, fresh, to, after, archived } => Self::Window {
                window: Window { from: at(&from)?, fresh: at(&fresh)?, to: at(&to)? },
                after: HubspotId::parse(&after).ok_or_else(|| bad("its id is no record id".to_owned()))?,
                archived: told(archived)?,
            },
            Stored::Done { until, archived } => Self::Done { until: at(&until)?, archived: told(archived)? },
        })
    }
}

#[derive(Deserialize)]
struct Head {
    v: u8,
    #[serde(rename = "at")]
    _at: serde::de::IgnoredAny,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "lowercase")]
enum Stored {
    Load {
        since: String,
        page: Option<String>,
    },
    Window {
        from: String,
        fresh: String,
        to: String,
        after: String,
        #[serde(default)]
        archived: Option<String>,
    },
    Done {
        until: String,
        #[serde(default)]
        archived: Option<String>,
    },
}

/// An instant as cursors spell it: UTC with `Z`, thousandths only where there are some.
fn stamp_text(stamp: DateTime<Utc>) -> String {
    stamp.trunc_subsecs(3).to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(stamp: &str) -> DateTime<Utc> {
        stamp.parse().unwrap()
    }

    /// Stored cursors outlive releases: these texts may never change.
    #[test]
    fn cursor_form_1_is_golden() {
        let window = Window {
            from: at("2026-01-02T09:50:00Z"),
            fresh: at("2026-01-02T10:00:00Z"),
            to: at("2026-01-02T10:04:05.123Z"),
        };
        let after = HubspotId::parse("5551").unwrap();
        let archived = Some(at("2026-01-02T10:00:00Z"));
        let since = at("2026-01-02T10:00:00Z");
        for (position, golden) in [
            (
                Position::Load { since, page: None },
                r#"{"v":1,"at":"load","since":"2026-01-02T10:00:00Z","page":null}"#,
            ),
            (
                Position::Load { since, page: Some(r#"55"2"#.into()) },
                r#"{"v":1,"at":"load","since":"2026-01-02T10:00:00Z","page":"55\"2"}"#,
            ),
            (
                Position::Window { window, after, archived },
                r#"{"v":1,"at":"window","from":"2026-01-02T09:50:00Z","fresh":"2026-01-02T10:00:00Z","to":"2026-01-02T10:04:05.123Z","after":"5551","archived":"2026-01-02T10:00:00Z"}"#,
            ),
            (
                Position::Done { until: at("2026-01-02T10:04:05.120Z"), archived },
                r#"{"v":1,"at":"done","until":"2026-01-02T10:04:05.120Z","archived":"2026-01-02T10:00:00Z"}"#,
            ),
            (
                Position::Done { until: since, archived: None },
                r#"{"v":1,"at":"done","until":"2026-01-02T10:00:00Z"}"#,
            ),
        ] {
            assert_eq!(position.to_cursor().as_str(), golden);
            assert_eq!(Position::from_cursor(&Cursor::new(golden), "x").unwrap(), position);
        }
    }

    #[test]
    fn foreign_cursors_are_refused_with_the_reason() {
        for (text, reason) in [
            ("17", "no `v`"),
            (r#"{"v":1,"stamp":"2026-01-02T10:04:05Z","id":"0065e00000QwErTAAV"}"#, "no `v` and `at`"),
            (r#"{"v":2,"at":"done","until":"2026-01-02T10:04:05Z"}"#, "its form is 2"),
            (r#"{"v":1,"at":"moon"}"#, "moon"),
            (r#"{"v":1,"at":"done","until":"yesterday"}"#, "no instant"),
            (
                r#"{"v":1,"at":"window","from":"2026-01-02T10:00:00Z","fresh":"2026-01-02T10:00:00Z","to":"2026-01-02T10:00:00Z","after":"x"}"#,
                "record id",
            ),
        ] {
            let error = Position::from_cursor(&Cursor::new(text), "hubspot-poll-deal").unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
            assert!(error.to_string().contains("hubspot-poll-deal"), "{error}");
        }
    }
}
