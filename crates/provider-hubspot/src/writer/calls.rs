//! The calls that write, one function each.

use bytes::Bytes;
use provider_http::ApiRequest;
use serde::Serialize;

use super::body::Body;
use super::outcome::BatchAnswer;
use super::{Action, Row};
use crate::client::HubspotClient;
use crate::error::CallError;

#[derive(Serialize)]
struct Inputs<T> {
    inputs: Vec<T>,
}

/// One row of a batch.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Input<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_property: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<Body>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object_write_trace_id: Option<&'a str>,
}

impl HubspotClient {
    /// Sends rows of one kind in one call. Deletions have no answer but that they are done.
    pub(super) async fn write_rows(
        &self,
        path: &str,
        key: Option<&str>,
        rows: &[Row],
    ) -> Result<BatchAnswer, CallError> {
        let (call, operation) = match (rows.first().map(|row| &row.action), key) {
            (Some(Action::Create { .. }), Some(_)) => ("create records by key", "upsert"),
            (Some(Action::Create { .. }), None) => ("create records", "create"),
            (Some(Action::Archive { .. }), _) => ("archive records", "archive"),
            _ => ("update records", "update"),
        };
        let inputs = Inputs { inputs: rows.iter().map(|row| input(row, key)).collect() };
        let request = ApiRequest::post(call, format!("{}/{path}/batch/{operation}", self.crm("objects")))
            .repeatable(operation == "archive")
            .json(&inputs)
            .map_err(CallError::Http)?;
        let nothing = Bytes::from_static(b"{}");
        let answer = self.send(request).await?;
        let body = if operation == "archive" { &nothing } else { answer.bytes() };
        BatchAnswer::parse(body).map_err(|what| CallError::Garbled { call, what })
    }
}

fn input<'a>(row: &'a Row, key: Option<&'a str>) -> Input<'a> {
    let trace = Some(row.trace.as_str());
    match &row.action {
        Action::Create { key: value, body } => Input {
            id: key.map(|_| value.clone()),
            id_property: key,
            properties: Some(body.clone()),
            object_write_trace_id: trace,
        },
        Action::Update { id, body, .. } => Input {
            id: Some(id.to_string()),
            id_property: None,
            properties: Some(body.clone()),
            object_write_trace_id: trace,
        },
        Action::Archive { id } => Input {
            id: Some(id.to_string()),
            id_property: None,
            properties: None,
            object_write_trace_id: None,
        },
    }
}
