//! The bytes of answers.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use provider_http::slices;
use serde::Deserialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::id::HubspotId;

/// One page of a list or a search, with its records as they came.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) rows: Vec<Row>,
    /// Where the next page is; `None` on the last.
    pub(crate) next: Option<String>,
    /// How many records a search found, these and those of further pages.
    pub(crate) total: Option<u64>,
}

/// One record of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    json: Bytes,
    /// `None` when it came without a usable one.
    pub(crate) id: Option<HubspotId>,
    /// The other record of an association.
    pub(crate) to: Option<HubspotId>,
    /// When the record was last modified that an association belongs to.
    pub(crate) stamp: Option<DateTime<Utc>>,
    /// Associated records, in the order of the plan's links.
    pub(crate) links: Vec<Option<HubspotId>>,
}

impl Row {
    /// A record from its JSON text, which is valid UTF-8.
    pub(crate) fn new(json: Bytes) -> Self {
        let id = str::from_utf8(&json).ok().and_then(|text| id_of(text, "id"));
        Self { json, id, to: None, stamp: None, links: Vec::new() }
    }

    /// An association, written as a record of its own.
    pub(crate) fn pair(json: String, from: HubspotId, to: HubspotId) -> Self {
        Self { json: json.into(), id: Some(from), to: Some(to), stamp: None, links: Vec::new() }
    }

    /// The JSON text.
    pub(crate) fn text(&self) -> &str {
        // Checked when the answer was split.
        str::from_utf8(&self.json).unwrap_or_default()
    }
}

/// An id of a JSON object, sent as text or as a number.
pub(crate) fn id_of(json: &str, field: &str) -> Option<HubspotId> {
    let raw = slices::field(json, field).ok()??;
    HubspotId::parse(raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')).unwrap_or(raw))
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    results: Vec<&'a RawValue>,
    paging: Option<Paging>,
    total: Option<u64>,
}

/// Where an answer goes on.
#[derive(Debug, Deserialize)]
pub(crate) struct Paging {
    next: Option<Next>,
}

#[derive(Debug, Deserialize)]
struct Next {
    after: Json,
}

impl Paging {
    /// The token of the next page; `None` at the end.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn next(paging: Option<Self>) -> Result<Option<String>, String> {
        match paging.and_then(|paging| paging.next).map(|next| next.after) {
            None => Ok(None),
            Some(Json::String(after)) if !after.is_empty() => Ok(Some(after)),
            Some(Json::Number(after)) => Ok(Some(after.to_string())),
            Some(_) => Err("the place of the next page is malformed".to_owned()),
        }
    }
}

impl Page {
    /// Splits an answer into its records, of which only the id is looked at.
    ///
    /// # Errors
    /// What is wrong with it: no JSON, cut off, no list of results, or an end that is none.
    pub(crate) fn parse(body: &Bytes) -> Result<Self, String> {
        let text = str::from_utf8(body).map_err(|_| "the answer is not UTF-8".to_owned())?;
        let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|error| unreadable(text, &error))?;
        let rows = rows(body, &envelope.results);
        Ok(Self { rows, next: Paging::next(envelope.paging)?, total: envelope.total })
    }
}

fn rows(body: &Bytes, results: &[&RawValue]) -> Vec<Row> {
    results.iter().map(|record| Row::new(body.slice_ref(record.get().as_bytes()))).collect()
}

/// The answer to a batch read: what is there, and which ids are not.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) rows: Vec<Row>,
}

/// One thing that went wrong within a batch.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchError {
    #[serde(default)]
    pub(crate) category: String,
    #[serde(default)]
    pub(crate) sub_category: Option<String>,
}

impl BatchError {
    /// Whether it tells of something that is not there, as opposed to something that did not work.
    pub(crate) fn is_absence(&self) -> bool {
        self.category == "OBJECT_NOT_FOUND"
            || self.sub_category.as_deref().is_some_and(|sub| sub.ends_with("NO_ASSOCIATIONS_FOUND"))
    }
}

#[derive(Deserialize)]
struct BatchEnvelope<'a> {
    #[serde(default)]
    status: Option<String>,
    #[serde(borrow)]
    results: Vec<&'a RawValue>,
    #[serde(default)]
    errors: Vec<BatchError>,
}

impl Batch {
    /// Splits an answer into its records. Ids that are not there are simply not among them.
    ///
    /// # Errors
    /// What is wrong with it; also an answer that is not finished, or failed in part for another reason than
    /// ids that are not there: what is missing from it proves nothing.
    pub(crate) fn parse(body: &Bytes) -> Result<Self, String> {
        let text = str::from_utf8(body).map_err(|_| "the answer is not UTF-8".to_owned())?;
        let envelope: BatchEnvelope<'_> =
            serde_json::from_str(text).map_err(|error| unreadable(text, &error))?;
        finished(envelope.status.as_deref(), &envelope.errors)?;
        Ok(Self { rows: rows(body, &envelope.results) })
    }
}

/// Whether a batch is complete but for what is not there.
pub(crate) fn finished(status: Option<&str>, errors: &[BatchError]) -> Result<(), String> {
    if let Some(status) = status.filter(|status| *status != "COMPLETE") {
        let status: String = status.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
        return Err(format!("the batch is not finished ({status})"));
    }
    match errors.iter().find(|error| !error.is_absence()) {
        None => Ok(()),
        Some(error) => {
            let category: String = error.category.chars().filter(|c| c.is_ascii_graphic()).take(60).collect();
            Err(format!("part of the batch failed ({category})"))
        }
    }
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
        Page::parse(&Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn page_is_split_into_its_records() {
        let page = parse(
            r#"{"results":[ {"id":"7","properties":{"a":"}ä\""}} , {"id":8} , {"id":"x"}],
              "paging":{"next":{"after":"9","link":"https://api.example.test/x?after=9"}}}"#,
        )
        .unwrap();
        let rows: Vec<_> = page.rows.iter().map(|row| (row.text(), row.id.map(HubspotId::get))).collect();
        assert_eq!(
            rows,
            [
                (r#"{"id":"7","properties":{"a":"}ä\""}}"#, Some(7)),
                (r#"{"id":8}"#, Some(8)),
                (r#"{"id":"x"}"#, None)
            ]
        );
        assert_eq!(page.next.as_deref(), Some("9"));
        assert_eq!(
            parse(r#"{"results":[],"paging":{"next":{"after":200}}}"#).unwrap().next.as_deref(),
            Some("200")
        );
        for last in [r#"{"results":[]}"#, r#"{"results":[],"paging":null}"#, r#"{"results":[],"paging":{}}"#]
        {
            assert_eq!(parse(last).unwrap().next, None);
        }
    }

    #[test]
    fn broken_answers_say_what_is_wrong() {
        for (text, expected) in [
            ("", "empty"),
            ("<html><body>Maintenance</body></html>", "HTML"),
            (r#"{"results":[{"id":"a""#, "cut off"),
            (r#"{"total":1}"#, "not the JSON"),
            (r#"[{"message":"x"}]"#, "not the JSON"),
            (r#"{"results":[],"paging":{"next":{"after":""}}}"#, "malformed"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(Page::parse(&Bytes::from_static(&[b'{', 0xff, b'}'])).unwrap_err().contains("UTF-8"));
    }

    #[test]
    fn batch_tells_absence_from_failure() {
        let batch = |text: &str| Batch::parse(&Bytes::copy_from_slice(text.as_bytes()));
        let absent = r#"{"status":"COMPLETE","results":[{"id":"7"}],"numErrors":1,"errors":[{"status":"error",
            "category":"OBJECT_NOT_FOUND","message":"Could not get some","context":{"ids":["8"]}}]}"#;
        assert_eq!(batch(absent).unwrap().rows.len(), 1);
        let none = r#"{"results":[],"errors":[{"category":"X","subCategory":"crm.associations.NO_ASSOCIATIONS_FOUND"}]}"#;
        assert!(batch(none).unwrap().rows.is_empty());
        for (text, expected) in [
            (r#"{"status":"PROCESSING","results":[]}"#, "not finished (PROCESSING)"),
            (
                r#"{"status":"COMPLETE","results":[],"errors":[{"category":"INTERNAL_ERROR"}]}"#,
                "failed (INTERNAL_ERROR)",
            ),
            (r#"{"status":"COMPLETE","results":[],"errors":[{}]}"#, "part of the batch failed"),
        ] {
            assert!(batch(text).unwrap_err().contains(expected), "{text}");
        }
    }
}
