//! Lists and single rows.

use std::fmt::Write as _;

use http::Method;
use serde::Deserialize;
use serde_json::Value as Json;
use url::form_urlencoded::byte_serialize;

use super::error::ApiError;
use super::page::{Page, flag, limit_param, list_param};
use crate::hubspot::model::{Account, Category, Pair, Row};
use crate::hubspot::render::{Columns, write_row};
use crate::hubspot::state::State;
use crate::hubspot::write::{LinkType, Properties, RowError, WriteOptions};
use crate::wire::{Answer, Call, JSON};

/// Pages are smaller when history is asked for.
const MAX_WITH_HISTORY: usize = 50;

/// `/crm/v3/objects/{type}`
pub(super) fn collection(state: &State, call: &Call, object: &str) -> Result<Answer, ApiError> {
    match call.method {
        Method::GET => list(state, call, object),
        Method::POST => create(state, call, object),
        _ => Err(ApiError::method()),
    }
}

fn list(state: &State, call: &Call, name: &str) -> Result<Answer, ApiError> {
    let account = state.account();
    let object = account.object_or_refuse(name)?;
    let columns = columns(&account, object, call)?;
    let max = state.setting(|settings| settings.list_page);
    let max = if columns.has_history() { max.min(MAX_WITH_HISTORY) } else { max };
    let limit = limit_param(call, 10, max)?;
    let start: u64 = match call.param("after").filter(|after| !after.is_empty()) {
        None => 0,
        Some(after) => after
            .parse()
            .map_err(|_| ApiError::bad_request(format!("The given 'after' is not valid: {after}")))?,
    };
    let mut rows = account.tables[object].list(flag(call, "archived"), start..);
    let mut page = Page::new("{", limit * 512);
    for row in rows.by_ref().take(limit) {
        page.push(|out| write_row(&account, object, row, &columns, out));
    }
    let Some((next, _)) = rows.next() else { return Ok(page.end(None)) };
    let after = next.to_string();
    Ok(page.end(Some((&after, &next_link(call, &after)))))
}

/// The same call with another `after`.
pub(super) fn next_link(call: &Call, after: &str) -> String {
    let mut link = format!("https://api.hubapi.com/{}?", call.segments.join("/"));
    for (key, value) in call.query.iter().filter(|(key, _)| key != "after") {
        link.extend(byte_serialize(key.as_bytes()));
        link.push('=');
        link.extend(byte_serialize(value.as_bytes()));
        link.push('&');
    }
    // Writing to a String can't fail.
    let _ = write!(link, "after={after}");
    link
}

/// What the query asks to see of each row.
fn columns(account: &Account, object: usize, call: &Call) -> Result<Columns, ApiError> {
    let def = &account.tables[object].def;
    let others = list_param(call, "associations").into_iter().map(|name| account.object_or_refuse(name));
    Ok(Columns::new(def, list_param(call, "properties"))
        .with_history(def, list_param(call, "propertiesWithHistory"))
        .with_associations(others.collect::<Result<_, _>>()?))
}

/// A new row, as single and batch calls send it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewRow {
    #[serde(default)]
    pub(super) properties: Properties,
    #[serde(default)]
    pub(super) associations: Vec<NewLink>,
    pub(super) object_write_trace_id: Option<String>,
}

/// An association of a new row.
#[derive(Debug, Deserialize)]
pub(super) struct NewLink {
    to: RowRef,
    #[serde(default)]
    types: Vec<TypeRef>,
}

/// A row, by an id that may come as text or number.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RowRef {
    pub(super) id: Json,
}

impl RowRef {
    pub(super) fn text(&self) -> String {
        match &self.id {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    pub(super) fn number(&self) -> Option<u64> {
        self.text().parse().ok()
    }
}

/// A type of association.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TypeRef {
    pub(super) association_category: Category,
    pub(super) association_type_id: u32,
}

impl From<TypeRef> for LinkType {
    fn from(kind: TypeRef) -> Self {
        Self { category: kind.association_category, type_id: kind.association_type_id }
    }
}

/// Makes a row with its associations; nothing is left of it when one of them is refused.
pub(super) fn create_row(account: &mut Account, object: usize, new: &NewRow) -> Result<u64, RowError> {
    let mark = account.events.mark();
    let id = account.create(object, &new.properties, WriteOptions::api())?;
    for link in &new.associations {
        if let Err(error) = link_new(account, object, id, link) {
            account.purge(object, id);
            account.events.forget_after(mark);
            return Err(error);
        }
    }
    Ok(id)
}

fn link_new(account: &mut Account, object: usize, id: u64, link: &NewLink) -> Result<(), RowError> {
    let to = link.to.number().ok_or_else(|| RowError::no_object(link.to.text()))?;
    let types: Vec<LinkType> = link.types.iter().copied().map(Into::into).collect();
    // The other object follows from the type.
    let find = |other: &usize| {
        let pair = Pair { from: object, to: *other };
        types.first().is_some_and(|kind| {
            account.links.label(pair, kind.type_id).is_some_and(|label| label.category == kind.category)
        })
    };
    let other = (0..account.tables.len()).find(find);
    let other = other.ok_or_else(|| RowError::bad_request("One of the association types is not valid"))?;
    account.associate(Pair { from: object, to: other }, (id, to), &types, WriteOptions::api())
}

fn create(state: &State, call: &Call, name: &str) -> Result<Answer, ApiError> {
    let new: NewRow = call.json()?;
    let mut account = state.account_mut();
    let object = account.object_or_refuse(name)?;
    let id = create_row(&mut account, object, &new)?;
    Ok(show(&account, object, id, new.properties.keys().map(String::as_str), 201))
}

/// A row as a write answers it: what was written, and what every row shows.
fn show<'a>(
    account: &Account,
    object: usize,
    id: u64,
    names: impl IntoIterator<Item = &'a str>,
    status: u16,
) -> Answer {
    let table = &account.tables[object];
    let Some(row) = table.row(id) else { return Answer::empty(status) };
    let columns = Columns::new(&table.def, names);
    render(account, object, (id, row), &columns, status)
}

fn render(account: &Account, object: usize, row: (u64, &Row), columns: &Columns, status: u16) -> Answer {
    let mut out = Vec::with_capacity(1024);
    write_row(account, object, row, columns, &mut out);
    Answer::bytes(status, JSON, out)
}

/// `/crm/v3/objects/{type}/{id}`
pub(super) fn one(state: &State, call: &Call, name: &str, key: &str) -> Result<Answer, ApiError> {
    match call.method {
        Method::GET => read(state, call, name, key),
        Method::PATCH => update(state, call, name, key),
        Method::DELETE => {
            let mut account = state.account_mut();
            let object = account.object_or_refuse(name)?;
            if let Some(id) = account.find(object, key, None) {
                account.archive(object, id, WriteOptions::api());
            }
            Ok(Answer::empty(204))
        }
        _ => Err(ApiError::method()),
    }
}

fn read(state: &State, call: &Call, name: &str, key: &str) -> Result<Answer, ApiError> {
    let account = state.account();
    let object = account.object_or_refuse(name)?;
    let id_property = call.param("idProperty");
    account.check_id_property(object, id_property)?;
    let columns = columns(&account, object, call)?;
    let table = &account.tables[object];
    let row = if flag(call, "archived") {
        let id = key.parse().ok();
        id.and_then(|id| table.row(id).filter(|row| row.archived_at.is_some()).map(|row| (id, row)))
    } else {
        let id = account.find(object, key, id_property);
        id.and_then(|id| table.live_row(id).map(|row| (id, row)))
    };
    let row = row.ok_or_else(ApiError::no_resource)?;
    Ok(render(&account, object, row, &columns, 200))
}

#[derive(Deserialize)]
struct Changed {
    properties: Properties,
}

fn update(state: &State, call: &Call, name: &str, key: &str) -> Result<Answer, ApiError> {
    let body: Changed = call.json()?;
    let mut account = state.account_mut();
    let object = account.object_or_refuse(name)?;
    let id_property = call.param("idProperty");
    account.check_id_property(object, id_property)?;
    let id = account.find(object, key, id_property).ok_or_else(ApiError::no_resource)?;
    account.update(object, id, &body.properties, WriteOptions::api())?;
    Ok(show(&account, object, id, body.properties.keys().map(String::as_str), 200))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Merge {
    primary_object_id: Json,
    object_id_to_merge: Json,
}

/// `POST /crm/v3/objects/{type}/merge`
pub(super) fn merge(state: &State, call: &Call, name: &str) -> Result<Answer, ApiError> {
    let body: Merge = call.json()?;
    let id = |json: Json| {
        let id = RowRef { id: json };
        id.number().ok_or_else(|| ApiError::bad_request(format!("{} is not an id", id.text())))
    };
    let (winner, loser) = (id(body.primary_object_id)?, id(body.object_id_to_merge)?);
    let mut account = state.account_mut();
    let object = account.object_or_refuse(name)?;
    let survivor = account.merge(object, winner, loser, WriteOptions::api())?;
    let defaults = account.tables[object].def.defaults.clone();
    let names = defaults.iter().map(String::as_str).chain(["hs_merged_object_ids"]);
    Ok(show(&account, object, survivor, names, 200))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GdprDelete {
    object_id: Json,
    id_property: Option<String>,
}

/// `POST /crm/v3/objects/{type}/gdpr-delete`
pub(super) fn gdpr_delete(state: &State, call: &Call, name: &str) -> Result<Answer, ApiError> {
    let body: GdprDelete = call.json()?;
    let mut account = state.account_mut();
    let object = account.object_or_refuse(name)?;
    account.check_id_property(object, body.id_property.as_deref())?;
    let key = RowRef { id: body.object_id }.text();
    // Archived rows are forgotten too.
    let archived = key.parse().ok().filter(|id| account.tables[object].row(*id).is_some());
    let found = account.find(object, &key, body.id_property.as_deref()).or(archived);
    if let Some(id) = found {
        account.forget(object, id, WriteOptions::api());
    }
    Ok(Answer::empty(204))
}
