//! Associations v4: of one row, and of up to a thousand at once.

use http::Method;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::batch::{HEAD, check_size, tail};
use super::error::ApiError;
use super::objects::{RowRef, TypeRef, next_link};
use super::page::{Page, limit_param};
use super::route::only;
use crate::hubspot::model::{Account, Category, Pair};
use crate::hubspot::render::{write_number, write_text};
use crate::hubspot::state::State;
use crate::hubspot::write::{LinkType, WriteOptions};
use crate::wire::{Answer, Call};

const MAX_READ: usize = 1_000;
const MAX_WRITE: usize = 2_000;
/// Associations of one row that a batch read shows at once.
const BATCH_PAGE: usize = 500;

pub(super) fn pair(account: &Account, from: &str, to: &str) -> Result<Pair, ApiError> {
    Ok(Pair { from: account.object_or_refuse(from)?, to: account.object_or_refuse(to)? })
}

/// Associations with live rows, from an id on.
fn live(account: &Account, pair: Pair, from: u64, start: u64) -> impl Iterator<Item = (u64, &[u32])> {
    let table = &account.tables[pair.to];
    account.links.of_after(pair, from, start).filter(|(to, _)| table.live_row(*to).is_some())
}

fn write_link(account: &Account, pair: Pair, to: u64, types: &[u32], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"toObjectId\":");
    write_number(to, out);
    out.extend_from_slice(b",\"associationTypes\":[");
    let labels = types.iter().filter_map(|type_id| account.links.label(pair, *type_id));
    for (place, label) in labels.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"category\":\"");
        out.extend_from_slice(category(label.category).as_bytes());
        out.extend_from_slice(b"\",\"typeId\":");
        write_number(u64::from(label.type_id), out);
        out.extend_from_slice(b",\"label\":");
        match &label.label {
            Some(label) => write_text(label, out),
            None => out.extend_from_slice(b"null"),
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
}

pub(in crate::hubspot) fn category(category: Category) -> &'static str {
    match category {
        Category::HubspotDefined => "HUBSPOT_DEFINED",
        Category::UserDefined => "USER_DEFINED",
        Category::IntegratorDefined => "INTEGRATOR_DEFINED",
    }
}

/// `/crm/v4/objects/{type}/{id}/associations/...`
pub(super) fn of_row(
    state: &State,
    call: &Call,
    version: &str,
    row: (&str, &str),
    rest: &[&str],
) -> Result<Answer, ApiError> {
    match rest {
        [to] if call.method == Method::GET => list(state, call, version, row, to),
        ["default", to, to_id] => {
            only(call, &Method::PUT)?;
            let mut account = state.account_mut();
            let pair = pair(&account, row.0, to)?;
            let ids = (number(row.1)?, number(to_id)?);
            account.associate(pair, ids, &[], WriteOptions::api())?;
            let results = [default_result(&account, pair, ids)];
            Ok(Answer::json(200, &json!({"status": "COMPLETE", "results": results})))
        }
        [to, to_id] => change(state, call, row, (*to, *to_id)),
        _ => Err(ApiError::no_resource()),
    }
}

fn number(text: &str) -> Result<u64, ApiError> {
    text.parse().map_err(|_| ApiError::bad_request(format!("{text} is not an id")))
}

fn list(state: &State, call: &Call, version: &str, row: (&str, &str), to: &str) -> Result<Answer, ApiError> {
    let account = state.account();
    let pair = pair(&account, row.0, to)?;
    let id = account.find(pair.from, row.1, None).ok_or_else(ApiError::no_resource)?;
    let limit = limit_param(call, 500, 500)?;
    let start = call.param("after").filter(|after| !after.is_empty()).map_or(Ok(0), number)?;
    let mut links = live(&account, pair, id, start);
    let mut page = Page::new("{", 4_096);
    for (to, types) in links.by_ref().take(limit) {
        if version == "v3" {
            for label in types.iter().filter_map(|type_id| account.links.label(pair, *type_id)) {
                let entry = json!({"id": to.to_string(), "type": label.name});
                page.push(|out| out.extend_from_slice(entry.to_string().as_bytes()));
            }
        } else {
            page.push(|out| write_link(&account, pair, to, types, out));
        }
    }
    let Some((next, _)) = links.next() else { return Ok(page.end(None)) };
    let after = next.to_string();
    Ok(page.end(Some((&after, &next_link(call, &after)))))
}

/// Labels one association, or ends it.
fn change(state: &State, call: &Call, row: (&str, &str), to: (&str, &str)) -> Result<Answer, ApiError> {
    let types: Vec<TypeRef> = if call.method == Method::PUT { call.json()? } else { Vec::new() };
    let mut account = state.account_mut();
    let pair = pair(&account, row.0, to.0)?;
    let ids = (number(row.1)?, number(to.1)?);
    match call.method {
        Method::PUT => {
            let types: Vec<LinkType> = types.into_iter().map(Into::into).collect();
            account.associate(pair, ids, &types, WriteOptions::api())?;
            Ok(Answer::json(201, &created(&account, pair, ids, &types)))
        }
        Method::DELETE => {
            account.dissociate(pair, ids, None, WriteOptions::api());
            Ok(Answer::empty(204))
        }
        _ => Err(ApiError::method()),
    }
}

fn created(account: &Account, pair: Pair, ids: (u64, u64), types: &[LinkType]) -> Json {
    let labels: Vec<String> =
        types.iter().filter_map(|kind| account.links.label(pair, kind.type_id)?.label.clone()).collect();
    json!({
        "fromObjectTypeId": account.tables[pair.from].def.type_id,
        "fromObjectId": ids.0,
        "toObjectTypeId": account.tables[pair.to].def.type_id,
        "toObjectId": ids.1,
        "labels": labels,
    })
}

fn default_result(account: &Account, pair: Pair, ids: (u64, u64)) -> Json {
    let plain = account.links.plain(pair);
    json!({
        "from": {"id": ids.0.to_string()},
        "to": {"id": ids.1.to_string()},
        "associationSpec": {
            "associationCategory": plain.map(|label| category(label.category)),
            "associationTypeId": plain.map(|label| label.type_id),
        },
    })
}

/// `/crm/v4/associations/{from}/{to}/batch/...`
pub(super) fn batch(
    state: &State,
    call: &Call,
    (from, to): (&str, &str),
    operation: &[&str],
) -> Result<Answer, ApiError> {
    match operation {
        ["read"] => read(state, call, (from, to)),
        ["create"] => write(state, call, (from, to), false),
        ["associate", "default"] => write(state, call, (from, to), true),
        ["archive"] => archive(state, call, (from, to)),
        ["labels", "archive"] => archive_labels(state, call, (from, to)),
        _ => Err(ApiError::no_resource()),
    }
}

#[derive(Deserialize)]
struct Batch<T> {
    inputs: Vec<T>,
}

#[derive(Deserialize)]
struct From {
    #[serde(flatten)]
    row: RowRef,
    after: Option<Json>,
}

fn read(state: &State, call: &Call, names: (&str, &str)) -> Result<Answer, ApiError> {
    let body: Batch<From> = call.json()?;
    check_size(body.inputs.len(), MAX_READ)?;
    let account = state.account();
    let pair = pair(&account, names.0, names.1)?;
    let mut page = Page::new(HEAD, body.inputs.len() * 160);
    let mut errors = Vec::new();
    for input in &body.inputs {
        let key = input.row.text();
        let start =
            input.after.as_ref().map_or(Ok(0), |after| number(&RowRef { id: after.clone() }.text()))?;
        let id = account.find(pair.from, &key, None);
        let mut links = id.into_iter().flat_map(|id| live(&account, pair, id, start)).peekable();
        if links.peek().is_none() {
            errors.push(nothing_associated(&account, pair, &key));
            continue;
        }
        page.push(|out| {
            out.extend_from_slice(b"{\"from\":{\"id\":");
            write_text(&key, out);
            out.extend_from_slice(b"},\"to\":[");
            for (place, (to, types)) in links.by_ref().take(BATCH_PAGE).enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_link(&account, pair, to, types, out);
            }
            out.push(b']');
            if let Some((next, _)) = links.next() {
                let (from, to) = (&account.tables[pair.from].def.name, &account.tables[pair.to].def.name);
                let link = format!(
                    "https://api.hubapi.com/crm/v4/objects/{from}/{key}/associations/{to}?after={next}"
                );
                let paging = json!({"next": {"after": next.to_string(), "link": link}});
                out.extend_from_slice(format!(",\"paging\":{paging}").as_bytes());
            }
            out.push(b'}');
        });
    }
    let status = if errors.is_empty() { 200 } else { 207 };
    Ok(page.end_batch(status, &tail(state, &errors)))
}

/// A row without associations is an entry among the errors.
fn nothing_associated(account: &Account, pair: Pair, key: &str) -> Json {
    let (from, to) = (&account.tables[pair.from].def.singular, &account.tables[pair.to].def.singular);
    json!({
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": format!("No {to} is associated with {from} {key}."),
        "context": {"fromObjectId": [key], "fromObjectType": [from], "toObjectType": [to]},
    })
}

#[derive(Deserialize)]
struct Link {
    from: RowRef,
    to: RowRef,
    #[serde(default)]
    types: Vec<TypeRef>,
}

fn write(state: &State, call: &Call, names: (&str, &str), default: bool) -> Result<Answer, ApiError> {
    let body: Batch<Link> = call.json()?;
    check_size(body.inputs.len(), MAX_WRITE)?;
    let mut account = state.account_mut();
    let pair = pair(&account, names.0, names.1)?;
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in &body.inputs {
        let (Some(from), Some(to)) = (input.from.number(), input.to.number()) else {
            let message = format!("{} and {} must be ids", input.from.text(), input.to.text());
            return Err(ApiError::bad_request(message));
        };
        let types: Vec<LinkType> = input.types.iter().copied().map(Into::into).collect();
        if !default && types.is_empty() {
            return Err(ApiError::bad_request("Some required fields were not set: [types]"));
        }
        match account.associate(pair, (from, to), &types, WriteOptions::api()) {
            Ok(()) if default => results.push(default_result(&account, pair, (from, to))),
            Ok(()) => results.push(created(&account, pair, (from, to), &types)),
            Err(error) => errors.push(json!({
                "status": "error",
                "category": error.category,
                "message": error.message,
                "context": {"fromObjectId": [from.to_string()], "toObjectId": [to.to_string()]},
            })),
        }
    }
    let status = match (errors.is_empty(), default) {
        (false, _) => 207,
        (true, true) => 200,
        (true, false) => 201,
    };
    let mut page = Page::new(HEAD, results.len() * 120);
    for result in results {
        page.push(|out| out.extend_from_slice(result.to_string().as_bytes()));
    }
    Ok(page.end_batch(status, &tail(state, &errors)))
}

#[derive(Deserialize)]
struct Unlink {
    from: RowRef,
    to: Vec<RowRef>,
}

fn archive(state: &State, call: &Call, names: (&str, &str)) -> Result<Answer, ApiError> {
    let body: Batch<Unlink> = call.json()?;
    check_size(body.inputs.len(), MAX_WRITE)?;
    let mut account = state.account_mut();
    let pair = pair(&account, names.0, names.1)?;
    for input in &body.inputs {
        for to in &input.to {
            if let (Some(from), Some(to)) = (input.from.number(), to.number()) {
                account.dissociate(pair, (from, to), None, WriteOptions::api());
            }
        }
    }
    Ok(Answer::empty(204))
}

fn archive_labels(state: &State, call: &Call, names: (&str, &str)) -> Result<Answer, ApiError> {
    let body: Batch<Link> = call.json()?;
    check_size(body.inputs.len(), MAX_WRITE)?;
    let mut account = state.account_mut();
    let pair = pair(&account, names.0, names.1)?;
    for input in &body.inputs {
        if let (Some(from), Some(to)) = (input.from.number(), input.to.number()) {
            let types: Vec<u32> = input.types.iter().map(|kind| kind.association_type_id).collect();
            account.dissociate(pair, (from, to), Some(&types), WriteOptions::api());
        }
    }
    Ok(Answer::empty(204))
}
