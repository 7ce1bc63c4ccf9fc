//! sObject Collections: up to 200 rows in one call, each with its own outcome.

use http::Method;
use serde::Deserialize;
use serde_json::Value as Json;

use super::error::ApiError;
use super::request::{Call, Caller};
use super::rows::{as_caller, outcome, positions, write_row};
use crate::salesforce::model::{Org, RecordId};
use crate::salesforce::state::State;
use crate::salesforce::write::{Fields, RowError, UpsertError};
use crate::wire::{Answer, JSON};

/// Rows per writing call.
const MAX_ROWS: usize = 200;
/// Ids per reading call.
const MAX_READ: usize = 2_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WriteBody {
    #[serde(default)]
    all_or_none: bool,
    records: Vec<Fields>,
}

#[derive(Deserialize)]
struct ReadBody {
    ids: Vec<String>,
    fields: Vec<String>,
}

type Done = Result<(RecordId, Option<bool>), RowError>;

/// `.../composite/sobjects`: POST inserts, PATCH updates, DELETE deletes.
pub(super) fn write(state: &State, call: &Call, caller: &Caller) -> Result<Answer, ApiError> {
    let options = as_caller(call, caller);
    if call.method == Method::DELETE {
        let ids: Vec<&str> = call.param("ids").unwrap_or("").split(',').filter(|id| !id.is_empty()).collect();
        let all_or_none = call.param("allOrNone").is_some_and(|flag| flag.eq_ignore_ascii_case("true"));
        check_size(ids.len(), MAX_ROWS)?;
        return Ok(run(state, all_or_none, &ids, |org, text| {
            let id = RecordId::parse(text).ok_or_else(|| RowError::malformed_id("Id", text))?;
            org.delete(id, options).map_err(as_cross_reference)?;
            Ok((id, None))
        }));
    }
    let body: WriteBody = call.json()?;
    check_size(body.records.len(), MAX_ROWS)?;
    match call.method {
        Method::POST => Ok(run(state, body.all_or_none, &body.records, |org, record| {
            let object = object_of(record)?;
            Ok((org.create(&object, record, options)?, None))
        })),
        Method::PATCH => Ok(run(state, body.all_or_none, &body.records, |org, record| {
            let mut record = record.clone();
            let key = record.keys().find(|key| key.eq_ignore_ascii_case("id")).cloned();
            let id = key.and_then(|key| record.remove(&key));
            let text = id.as_ref().and_then(Json::as_str).ok_or_else(missing_id)?;
            let id = RecordId::parse(text).ok_or_else(|| RowError::malformed_id("Id", text))?;
            org.update(id, &record, options).map_err(as_cross_reference)?;
            Ok((id, None))
        })),
        _ => Err(ApiError::method(&call.method, "POST,PATCH,DELETE")),
    }
}

/// `PATCH .../composite/sobjects/{Object}/{ExternalIdField}`
pub(super) fn upsert(
    state: &State,
    call: &Call,
    caller: &Caller,
    object: &str,
    field: &str,
) -> Result<Answer, ApiError> {
    let body: WriteBody = call.json()?;
    check_size(body.records.len(), MAX_ROWS)?;
    let options = as_caller(call, caller);
    let keys: Vec<Option<String>> = body.records.iter().map(|record| key_of(record, field)).collect();
    let rows: Vec<(usize, &Fields)> = body.records.iter().enumerate().collect();
    Ok(run(state, body.all_or_none, &rows, |org, (index, record)| {
        let key = keys[*index]
            .as_deref()
            .ok_or_else(|| RowError::new("MISSING_ARGUMENT", format!("{field} not specified"), &[]))?;
        let twice = keys.iter().filter(|other| other.as_deref() == Some(key)).count() > 1;
        if twice {
            let message = format!("duplicate value found: {field} occurs more than once in this request");
            return Err(RowError::new("DUPLICATE_VALUE", message, &[field]));
        }
        let mut record = (*record).clone();
        record.retain(|name, _| !name.eq_ignore_ascii_case(field));
        match org.upsert(object, (field, key), &record, false, options) {
            Ok(done) => Ok((done.id, Some(done.created))),
            Err(UpsertError::Row(error)) => Err(error),
            Err(UpsertError::Several(ids)) => {
                let message = format!("{field}: the external id fits {} rows", ids.len());
                Err(RowError::new("DUPLICATE_EXTERNAL_ID", message, &[field]))
            }
        }
    }))
}

/// `.../composite/sobjects/{Object}`: POST with a body, or GET with `ids` and `fields`.
pub(super) fn read(state: &State, call: &Call, object: &str, base: &str) -> Result<Answer, ApiError> {
    let body = match call.method {
        Method::POST => call.json()?,
        Method::GET => {
            let list = |name| call.param(name).unwrap_or("").split(',').map(str::to_owned).collect();
            ReadBody { ids: list("ids"), fields: list("fields") }
        }
        _ => return Err(ApiError::method(&call.method, "GET,POST")),
    };
    check_size(body.ids.len(), MAX_READ)?;
    let org = state.org();
    let table = org.table(object).ok_or_else(ApiError::not_found)?;
    let fields = positions(table, body.fields.iter().map(String::as_str))?;
    let mut out = vec![b'['];
    for (i, text) in body.ids.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        let id = RecordId::parse(text.trim()).ok_or_else(|| RowError::malformed_id("Id", text))?;
        write_row(&org, table, id, &fields, base, &mut out);
    }
    out.push(b']');
    Ok(Answer::bytes(200, JSON, out))
}

/// Writes row by row; with `all_or_none` one failure undoes all.
fn run<T>(
    state: &State,
    all_or_none: bool,
    rows: &[T],
    mut write: impl FnMut(&mut Org, &T) -> Done,
) -> Answer {
    let mut org = state.org_mut();
    let mut results: Vec<Done> = Vec::with_capacity(rows.len());
    let outcome_of_all = org.transaction(|org| {
        results.extend(rows.iter().map(|row| write(org, row)));
        if all_or_none && results.iter().any(Result::is_err) { Err(()) } else { Ok(()) }
    });
    if outcome_of_all.is_err() {
        for result in results.iter_mut().filter(|result| result.is_ok()) {
            *result = Err(RowError::new(
                "ALL_OR_NONE_OPERATION_ROLLED_BACK",
                "Record rolled back because not all records were valid and the request was using AllOrNone header",
                &[],
            ));
        }
    }
    let body: Vec<Json> = results.into_iter().map(outcome).collect();
    Answer::json(200, &body)
}

fn check_size(n: usize, max: usize) -> Result<(), ApiError> {
    match n {
        0 => Err(ApiError::bad_request("INVALID_INPUT", "at least one record is required")),
        n if n > max => {
            let message =
                format!("record limit reached. cannot submit more than {max} records into this call");
            Err(ApiError::bad_request("EXCEEDED_ID_LIMIT", message))
        }
        _ => Ok(()),
    }
}

fn object_of(record: &Fields) -> Result<String, RowError> {
    let object =
        record.get("attributes").and_then(|attributes| attributes.get("type")).and_then(Json::as_str);
    object.map(str::to_owned).ok_or_else(|| {
        RowError::new("INVALID_INPUT", "missing attributes: each record needs attributes.type", &[])
    })
}

fn key_of(record: &Fields, field: &str) -> Option<String> {
    let value = record.iter().find(|(name, _)| name.eq_ignore_ascii_case(field))?.1;
    match value {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn missing_id() -> RowError {
    RowError::new("MISSING_ARGUMENT", "Id not specified in an update call", &[])
}

/// Collections name a missing row differently from single-row calls.
fn as_cross_reference(error: RowError) -> RowError {
    if error.code == "NOT_FOUND" {
        return RowError::new("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[]);
    }
    error
}
