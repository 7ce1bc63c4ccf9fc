//! The calls that write, one function each.

use std::collections::HashMap;

use bytes::Bytes;
use chrono::DateTime;
use http::header::{HeaderName, HeaderValue};
use provider_http::ApiRequest;
use serde::de::IgnoredAny;
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sync_core::Version;

use super::body::Body;
use super::outcome::{PartAnswer, RowResult};
use super::{Action, Row};
use crate::client::{SalesforceClient, json as read_json};
use crate::error::CallError;
use crate::id::SalesforceId;

const CALL_OPTIONS: HeaderName = HeaderName::from_static("sforce-call-options");
/// Owners are sent as they are meant: the org's assignment rules don't choose others.
const AUTO_ASSIGN: HeaderName = HeaderName::from_static("sforce-auto-assign");

/// Records of one collection call.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Records<'a> {
    all_or_none: bool,
    records: Vec<Record<'a>>,
}

/// One of them: its object, its id or key, its values.
struct Record<'a> {
    object: &'a str,
    name: Option<(&'a str, &'a str)>,
    body: &'a Body,
}

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("attributes", &json!({"type": self.object}))?;
        if let Some((field, value)) = self.name {
            map.serialize_entry(field, value)?;
        }
        for (name, value) in self.body.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// A call made of calls: they have headers of their own, and fail one by one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Composite<'a> {
    all_or_none: bool,
    composite_request: Vec<Part<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    method: &'static str,
    url: String,
    reference_id: String,
    http_headers: HashMap<&'static str, String>,
    body: &'a Body,
}

impl SalesforceClient {
    /// Sends rows of one kind in one call. The answer has a result per row, in order.
    pub(super) async fn write_rows(
        &self,
        object: &str,
        key: Option<&str>,
        rows: &[Row],
    ) -> Result<Vec<RowResult>, CallError> {
        let request = match rows.first().map(|row| &row.action) {
            None => return Ok(Vec::new()),
            Some(Action::Create { .. }) => self.create(object, key, rows)?,
            Some(Action::Update { .. }) => self.update(object, rows)?,
            Some(Action::Archive { .. }) => self.archive(rows),
        };
        let call = request.name();
        let answer = self.send(self.as_us(request)).await?;
        let results: Vec<RowResult> = read_json(call, &answer)?;
        if results.len() == rows.len() {
            Ok(results)
        } else {
            let what = format!("{} results came for {} records", results.len(), rows.len());
            Err(CallError::Garbled { call, what })
        }
    }

    /// By upsert where there is a key field, else by insert.
    fn create(&self, object: &str, key: Option<&str>, rows: &[Row]) -> Result<ApiRequest, CallError> {
        let records = rows.iter().filter_map(|row| match &row.action {
            Action::Create { key: value, body } => {
                Some(Record { object, name: key.map(|field| (field, value.as_str())), body })
            }
            _ => None,
        });
        let body = Records { all_or_none: false, records: records.collect() };
        let path = self.path("composite/sobjects");
        let request = match key {
            Some(field) => ApiRequest::patch("create records by key", path).segment(object).segment(field),
            None => ApiRequest::post("create records", path),
        };
        request.json(&body).map_err(CallError::Http)
    }

    fn update(&self, object: &str, rows: &[Row]) -> Result<ApiRequest, CallError> {
        let records = rows.iter().filter_map(|row| match &row.action {
            Action::Update { id, body, .. } => Some(Record { object, name: Some(("id", id.as_str())), body }),
            _ => None,
        });
        let body = Records { all_or_none: false, records: records.collect() };
        let request = ApiRequest::patch("update records", self.path("composite/sobjects"));
        request.json(&body).map_err(CallError::Http)
    }

    fn archive(&self, rows: &[Row]) -> ApiRequest {
        let ids: Vec<&str> = rows
            .iter()
            .filter_map(|row| match &row.action {
                Action::Archive { id } => Some(id.as_str()),
                _ => None,
            })
            .collect();
        ApiRequest::delete("delete records", self.path("composite/sobjects"))
            .query("ids", ids.join(","))
            .query("allOrNone", "false")
    }

    /// Updates records unless they were changed after the versions they are expected to have, each compared by
    /// Salesforce as it is written. The answer of each, in order; `None` for a row that was left out of them.
    pub(super) async fn update_unchanged(
        &self,
        object: &str,
        rows: &[Row],
    ) -> Result<Vec<Option<PartAnswer>>, CallError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            composite_response: Vec<PartAnswer>,
        }

        let call = "update unchanged records";
        let parts = rows.iter().filter_map(|row| match &row.action {
            Action::Update { id, body, expected: Some(expected) } => Some(Part {
                method: "PATCH",
                url: self.path(&format!("sobjects/{object}/{id}")),
                reference_id: reference(row),
                http_headers: self.part_headers(*expected),
                body,
            }),
            _ => None,
        });
        let body = Composite { all_or_none: false, composite_request: parts.collect() };
        let request = ApiRequest::post(call, self.path("composite")).json(&body).map_err(CallError::Http)?;
        let answer = self.send(self.as_us(request)).await?;
        let answer: Answer = read_json(call, &answer)?;
        let mut parts: HashMap<String, PartAnswer> =
            answer.composite_response.into_iter().map(|part| (part.reference_id.clone(), part)).collect();
        Ok(rows.iter().map(|row| parts.remove(&reference(row))).collect())
    }

    /// Parts of a composite call inherit no headers but those about its format and its user.
    fn part_headers(&self, expected: Version) -> HashMap<&'static str, String> {
        let since = DateTime::from_timestamp_millis(expected.0).unwrap_or_default();
        HashMap::from([
            ("If-Unmodified-Since", since.format("%a, %d %b %Y %H:%M:%S GMT").to_string()),
            ("Sforce-Auto-Assign", "FALSE".to_owned()),
            ("Sforce-Call-Options", self.call_options()),
        ])
    }

    /// Which of these records are there, in order.
    pub(super) async fn are_there(&self, object: &str, ids: &[SalesforceId]) -> Result<Vec<bool>, CallError> {
        let call = "look for records";
        let ids: Vec<&str> = ids.iter().map(SalesforceId::as_str).collect();
        let request = ApiRequest::post(call, self.path("composite/sobjects"))
            .segment(object)
            .json(&json!({"ids": ids, "fields": ["Id"]}))
            .map_err(CallError::Http)?
            .repeatable(true);
        let answer = self.send(request).await?;
        let rows: Vec<Option<IgnoredAny>> = read_json(call, &answer)?;
        if rows.len() != ids.len() {
            let what = format!("{} rows came for {} records", rows.len(), ids.len());
            return Err(CallError::Garbled { call, what });
        }
        Ok(rows.iter().map(Option::is_some).collect())
    }

    /// Says who writes, so that change events can be told from others'.
    fn as_us(&self, request: ApiRequest) -> ApiRequest {
        let request = request.header(AUTO_ASSIGN, HeaderValue::from_static("FALSE"));
        match HeaderValue::try_from(self.call_options()) {
            Ok(options) => request.header(CALL_OPTIONS, options),
            Err(_) => request,
        }
    }

    fn call_options(&self) -> String {
        format!("client={}", self.config().client_name)
    }
}

/// What a row's part of a composite call is called.
fn reference(row: &Row) -> String {
    format!("row{}", row.at)
}

/// The errors of a refused call, in the documented form.
pub(super) fn errors_of(body: &Bytes) -> Option<Vec<super::outcome::RowError>> {
    serde_json::from_slice(body).ok()
}
