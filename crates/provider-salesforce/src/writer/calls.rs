//! The calls that write, one function each.

use bytes::Bytes;
use chrono::DateTime;
use http::header::{HeaderName, HeaderValue, IF_UNMODIFIED_SINCE};
use provider_http::{ApiRequest, HttpError};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sync_core::Version;
use sync_core::value::parse_instant;

use super::body::Body;
use super::outcome::RowResult;
use super::{Action, Row};
use crate::client::{SalesforceClient, json as read_json};
use crate::error::CallError;
use crate::id::SalesforceId;
use crate::map::version;
use crate::plan::STAMP;

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

    /// Updates one record unless it was changed after that version; a refusal has status 412.
    pub(super) async fn update_unchanged(
        &self,
        object: &str,
        id: SalesforceId,
        expected: Version,
        body: &Body,
    ) -> Result<(), CallError> {
        let call = "update a record";
        let mut request = ApiRequest::patch(call, self.path("sobjects"))
            .segment(object)
            .segment(id.as_str())
            .json(body)
            .map_err(CallError::Http)?;
        let since = DateTime::from_timestamp_millis(expected.0).unwrap_or_default();
        let since =
            HeaderValue::try_from(since.format("%a, %d %b %Y %H:%M:%S GMT").to_string()).map_err(|_| {
                CallError::Http(HttpError::InvalidRequest { call, reason: "the version is no date" })
            })?;
        request = request.header(IF_UNMODIFIED_SINCE, since);
        self.send(self.as_us(request)).await.map(|_| ())
    }

    /// The present versions of records, in order; `None` for what is not there.
    pub(super) async fn versions(
        &self,
        object: &str,
        ids: &[SalesforceId],
    ) -> Result<Vec<Option<Version>>, CallError> {
        #[derive(Deserialize)]
        struct Stamped {
            #[serde(rename = "SystemModstamp")]
            stamp: String,
        }

        let call = "read versions before writing";
        let ids: Vec<&str> = ids.iter().map(SalesforceId::as_str).collect();
        let request = ApiRequest::post(call, self.path("composite/sobjects"))
            .segment(object)
            .json(&json!({"ids": ids, "fields": [STAMP]}))
            .map_err(CallError::Http)?
            .repeatable(true);
        let answer = self.send(request).await?;
        let rows: Vec<Option<Stamped>> = read_json(call, &answer)?;
        if rows.len() != ids.len() {
            let what = format!("{} versions came for {} records", rows.len(), ids.len());
            return Err(CallError::Garbled { call, what });
        }
        let read = |row: Option<Stamped>| {
            row.map(|row| parse_instant(&row.stamp).map(version).ok_or("a stamp is no instant".to_owned()))
                .transpose()
        };
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|what| CallError::Garbled { call, what })
    }

    /// Says who writes, so that change events can be told from others'.
    fn as_us(&self, request: ApiRequest) -> ApiRequest {
        let request = request.header(AUTO_ASSIGN, HeaderValue::from_static("FALSE"));
        match HeaderValue::try_from(format!("client={}", self.config().client_name)) {
            Ok(options) => request.header(CALL_OPTIONS, options),
            Err(_) => request,
        }
    }
}

/// The errors of a refused call, in the documented form.
pub(super) fn errors_of(body: &Bytes) -> Option<Vec<super::outcome::RowError>> {
    serde_json::from_slice(body).ok()
}
