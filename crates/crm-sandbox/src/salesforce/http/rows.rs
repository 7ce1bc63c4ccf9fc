//! Single rows: read, create, update, upsert, delete.

use chrono::DateTime;
use http::Method;
use http::header::{LAST_MODIFIED, LOCATION};
use serde_json::{Value as Json, json};

use super::describe::http_date;
use super::error::ApiError;
use super::request::{self, Call, Caller};
use crate::salesforce::model::{Org, RecordId, Table, write_json_string};
use crate::salesforce::state::State;
use crate::salesforce::write::{Fields, RowError, UpsertError, WriteOptions};
use crate::wire::{Answer, JSON};

/// A write in the caller's name.
pub(super) fn as_caller(call: &Call, caller: &Caller) -> WriteOptions {
    let insists = call.option("sforce-duplicate-rule-header", "allowSave");
    WriteOptions {
        actor: Some(caller.user),
        allow_duplicates: insists.is_some_and(|flag| flag.eq_ignore_ascii_case("true")),
        request: Some(call.number),
        ..WriteOptions::default()
    }
}

/// `POST .../sobjects/{Object}`
pub(super) fn create(
    state: &State,
    call: &Call,
    caller: &Caller,
    object: &str,
    base: &str,
) -> Result<Answer, ApiError> {
    let body: Fields = call.json()?;
    let mut org = state.org_mut();
    let name = org.table(object).ok_or_else(ApiError::not_found)?.def.name.clone();
    let id = org.create(object, &body, as_caller(call, caller))?;
    let answer = Answer::json(201, &json!({"id": id, "success": true, "errors": []}));
    Ok(answer.with(LOCATION, &format!("{base}/sobjects/{name}/{id}")))
}

/// `.../sobjects/{Object}/{id}`
pub(super) fn by_id(
    state: &State,
    call: &Call,
    caller: &Caller,
    (object, id): (&str, &str),
    base: &str,
) -> Result<Answer, ApiError> {
    let id = {
        let org = state.org();
        let table = org.table(object).ok_or_else(ApiError::not_found)?;
        row_id(table, id)?
    };
    one(state, call, caller, id, base)
}

/// `.../sobjects/{Object}/{ExternalIdField}/{value}`
pub(super) fn by_key(
    state: &State,
    call: &Call,
    caller: &Caller,
    (object, field, key): (&str, &str, &str),
    base: &str,
) -> Result<Answer, ApiError> {
    if call.method == Method::PATCH {
        return upsert(state, call, caller, (object, field, key), base);
    }
    let found = state.org().find_by_key(object, field, key)?;
    match found.as_slice() {
        [id] => one(state, call, caller, *id, base),
        [] => Err(ApiError::not_found()),
        several => Ok(choices(several, object, base)),
    }
}

fn one(state: &State, call: &Call, caller: &Caller, id: RecordId, base: &str) -> Result<Answer, ApiError> {
    match call.method {
        Method::GET | Method::HEAD => read(&state.org(), call, id, base),
        Method::PATCH => {
            let body: Fields = call.json()?;
            let mut org = state.org_mut();
            if let Some(status) = precondition(&org, call, id) {
                return Ok(Answer::empty(status));
            }
            org.update(id, &body, as_caller(call, caller))?;
            Ok(Answer::empty(204))
        }
        Method::DELETE => {
            let mut org = state.org_mut();
            if let Some(status) = precondition(&org, call, id) {
                return Ok(Answer::empty(status));
            }
            org.delete(id, as_caller(call, caller))?;
            Ok(Answer::empty(204))
        }
        _ => Err(ApiError::method(&call.method, "GET,HEAD,PATCH,DELETE")),
    }
}

fn upsert(
    state: &State,
    call: &Call,
    caller: &Caller,
    (object, field, key): (&str, &str, &str),
    base: &str,
) -> Result<Answer, ApiError> {
    let body: Fields = call.json()?;
    let update_only = call.param("updateOnly").is_some_and(|flag| flag.eq_ignore_ascii_case("true"));
    let mut org = state.org_mut();
    if let [id] = org.find_by_key(object, field, key)?[..]
        && let Some(status) = precondition(&org, call, id)
    {
        return Ok(Answer::empty(status));
    }
    let done = org.upsert(object, (field, key), &body, update_only, as_caller(call, caller));
    match done {
        Ok(done) => {
            let status = if done.created { 201 } else { 200 };
            let silent = !done.created && request::version(call).is_some_and(|version| version < 46);
            if silent {
                return Ok(Answer::empty(204));
            }
            let body = json!({"id": done.id, "success": true, "errors": [], "created": done.created});
            Ok(Answer::json(status, &body))
        }
        Err(UpsertError::Several(ids)) => Ok(choices(&ids, object, base)),
        Err(UpsertError::Row(error)) => Err(error.into()),
    }
}

/// HTTP 300: the key fits several rows.
fn choices(ids: &[RecordId], object: &str, base: &str) -> Answer {
    let urls: Vec<String> = ids.iter().map(|id| format!("{base}/sobjects/{object}/{id}")).collect();
    Answer::json(300, &urls)
}

/// Reads an id of this object out of a path or body.
pub(super) fn row_id(table: &Table, text: &str) -> Result<RecordId, ApiError> {
    match RecordId::parse(text) {
        Some(id) if id.prefix() == &*table.def.key_prefix => Ok(id),
        Some(_) => Err(ApiError::not_found()),
        None if text.len() == 15 || text.len() == 18 => Err(RowError::malformed_id("Id", text).into()),
        None => Err(ApiError::not_found()),
    }
}

fn read(org: &Org, call: &Call, id: RecordId, base: &str) -> Result<Answer, ApiError> {
    let table = org.table_of(&id).ok_or_else(ApiError::not_found)?;
    let row = table.visible(&id, org.now_ms()).ok_or_else(ApiError::not_found)?;
    if row.is_deleted() {
        return Err(RowError::deleted().into());
    }
    let stamp = row.stamp();
    if let Some(status) = precondition(org, call, id) {
        return Ok(Answer::empty(status));
    }
    let since = call.header("if-modified-since").and_then(|text| DateTime::parse_from_rfc2822(text).ok());
    if since.is_some_and(|since| stamp / 1000 <= since.timestamp()) {
        return Ok(Answer::empty(304));
    }
    let fields = match call.param("fields") {
        Some(names) => positions(table, names.split(','))?,
        None => table.def.visible_fields().map(|(index, _)| index).collect(),
    };
    let mut body = Vec::with_capacity(2048);
    write_row(org, table, id, &fields, base, &mut body);
    Ok(Answer::bytes(200, JSON, body).with(LAST_MODIFIED, &http_date(stamp)))
}

/// Positions of named fields.
pub(super) fn positions<'a>(
    table: &Table,
    names: impl Iterator<Item = &'a str>,
) -> Result<Vec<usize>, ApiError> {
    names
        .map(|name| {
            let name = name.trim();
            table.def.field_index(name).ok_or_else(|| RowError::no_column(name, &table.def.name).into())
        })
        .collect()
}

/// Appends a row as JSON; `null` when readers see none.
pub(super) fn write_row(
    org: &Org,
    table: &Table,
    id: RecordId,
    fields: &[usize],
    base: &str,
    out: &mut Vec<u8>,
) {
    let now = org.now_ms();
    let Some(row) = table.visible(&id, now).filter(|row| !row.is_deleted()) else {
        out.extend_from_slice(b"null");
        return;
    };
    let name = &table.def.name;
    out.extend_from_slice(b"{\"attributes\":{\"type\":");
    write_json_string(name, out);
    out.extend_from_slice(b",\"url\":");
    write_json_string(&format!("{base}/sobjects/{name}/{id}"), out);
    out.push(b'}');
    for field in fields {
        out.push(b',');
        write_json_string(&table.def.fields()[*field].name, out);
        out.push(b':');
        org.value(table, row, *field, now).write_json(out);
    }
    out.push(b'}');
}

/// 412 when the row moved since the client's copy; a write whose condition can't be read is refused.
fn precondition(org: &Org, call: &Call, id: RecordId) -> Option<u16> {
    let since = DateTime::parse_from_rfc2822(call.header("if-unmodified-since")?);
    let Ok(since) = since else { return (call.method == Method::PATCH).then_some(400) };
    let stamp = org.table_of(&id)?.newest(&id)?.stamp();
    (stamp / 1000 > since.timestamp()).then_some(412)
}

/// One element of a collection's answer.
pub(super) fn outcome(result: Result<(RecordId, Option<bool>), RowError>) -> Json {
    match result {
        Ok((id, None)) => json!({"id": id, "success": true, "errors": []}),
        Ok((id, Some(created))) => json!({"id": id, "success": true, "errors": [], "created": created}),
        Err(error) => json!({
            "success": false,
            "errors": [{"statusCode": error.code, "message": error.message, "fields": error.fields}],
        }),
    }
}
