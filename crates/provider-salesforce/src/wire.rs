//! The bytes of query answers.

use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

/// One page of a query, with its records as they came.
#[derive(Debug)]
pub(crate) struct Page {
    body: Bytes,
    records: Vec<Range<usize>>,
    /// How many records the whole query has.
    pub(crate) total: u64,
    /// Where the next page is; `None` on the last.
    pub(crate) next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    total_size: u64,
    done: bool,
    next_records_url: Option<String>,
    #[serde(borrow)]
    records: Vec<&'a RawValue>,
}

impl Page {
    /// Splits an answer into its records, which are not looked at.
    ///
    /// # Errors
    /// What is wrong with it: no JSON, cut off, no query answer, or an end that is none.
    pub(crate) fn parse(body: Bytes) -> Result<Self, String> {
        let text = str::from_utf8(&body).map_err(|_| "the answer is not UTF-8".to_owned())?;
        let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|error| unreadable(text, &error))?;
        let next = match (envelope.done, envelope.next_records_url) {
            (true, _) => None,
            (false, Some(url)) if is_locator(&url) => Some(url),
            (false, Some(_)) => return Err("the address of the next page is malformed".to_owned()),
            (false, None) => return Err("the answer is unfinished and names no next page".to_owned()),
        };
        let start = text.as_ptr() as usize;
        let records = envelope
            .records
            .iter()
            .map(|record| {
                let from = record.get().as_ptr() as usize - start;
                from..from + record.get().len()
            })
            .collect();
        Ok(Self { records, total: envelope.total_size, next, body })
    }

    /// The JSON text of each record.
    pub(crate) fn records(&self) -> impl DoubleEndedIterator<Item = &str> {
        // Checked when the page was split.
        let text = str::from_utf8(&self.body).unwrap_or_default();
        self.records.iter().map(move |range| &text[range.clone()])
    }
}

/// Whether a next page's address is a path below the query resource of the org that was asked, and nowhere
/// else: the access token travels with it.
fn is_locator(url: &str) -> bool {
    url.strip_prefix("/services/data/v").is_some_and(|rest| rest.contains("/query"))
        && url.bytes().all(|b| b.is_ascii_alphanumeric() || b"/.-_?=&%".contains(&b))
        && !url.contains("..")
        // As a dot it would count as one.
        && !url.to_ascii_lowercase().contains("%2e")
}

/// What is wrong with an answer that should be JSON, without quoting it.
pub(crate) fn unreadable(text: &str, error: &serde_json::Error) -> String {
    match text.trim_start().chars().next() {
        None => "the answer is empty".to_owned(),
        Some('<') => "the answer is an HTML page in place of JSON".to_owned(),
        Some(_) if error.is_eof() => "the answer is cut off".to_owned(),
        Some(_) => format!(
            "the answer is not the JSON that was expected (line {}, column {})",
            error.line(),
            error.column()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Page, String> {
        Page::parse(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn page_is_split_into_its_records() {
        let page = parse(
            r#"{"totalSize":3,"done":false,"nextRecordsUrl":"/services/data/v66.0/query/01gDn0000012AbCIAU-2",
              "records":[ {"Id":"a","Name":"}ä\""} , {"Id":"b","Sub":{"records":[]}}]}"#,
        )
        .unwrap();
        let records: Vec<_> = page.records().collect();
        assert_eq!(records, [r#"{"Id":"a","Name":"}ä\""}"#, r#"{"Id":"b","Sub":{"records":[]}}"#]);
        assert_eq!(
            (page.total, page.next.as_deref()),
            (3, Some("/services/data/v66.0/query/01gDn0000012AbCIAU-2"))
        );
    }

    #[test]
    fn next_page_lies_below_the_query_resource_of_the_same_org() {
        let follow = |url: &str| {
            parse(&format!(r#"{{"totalSize":2,"done":false,"nextRecordsUrl":"{url}","records":[]}}"#))
                .map(|p| p.next)
        };
        for own in ["/services/data/v66.0/query/01g-2000", "/services/data/v66.0/queryAll/01g-2000"] {
            assert_eq!(follow(own).unwrap().as_deref(), Some(own));
        }
        for elsewhere in [
            "https://evil.example/services/data/v66.0/query/01g",
            "//evil.example/services/data/v66.0/query/01g",
            "/services/data/v66.0/query/../../../oauth2/token",
            "/services/data/v66.0/query/%2e%2E/sobjects",
            "/services/data/v66.0/sobjects/Account",
            "/services/data@evil.example/query",
            "/services/data/v66.0/query\\\\evil.example",
            "http://169.254.169.254/latest/query",
        ] {
            assert!(follow(elsewhere).unwrap_err().contains("malformed"), "{elsewhere}");
        }
    }

    #[test]
    fn broken_answers_say_what_is_wrong() {
        for (text, expected) in [
            ("", "empty"),
            ("  \n", "empty"),
            ("<html><body>Maintenance</body></html>", "HTML"),
            (r#"{"totalSize":1,"done":true,"records":[{"Id":"a""#, "cut off"),
            (r#"{"totalSize":1,"done":true}"#, "not the JSON"),
            (r#"[{"message":"x"}]"#, "not the JSON"),
            (r#"{"totalSize":2,"done":false,"records":[]}"#, "no next page"),
            (
                r#"{"totalSize":2,"done":false,"nextRecordsUrl":"https://evil.example/query","records":[]}"#,
                "malformed",
            ),
            (
                r#"{"totalSize":2,"done":false,"nextRecordsUrl":"/services/data/v66.0/../query","records":[]}"#,
                "malformed",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(Page::parse(Bytes::from_static(&[b'{', 0xff, b'}'])).unwrap_err().contains("UTF-8"));
    }
}
