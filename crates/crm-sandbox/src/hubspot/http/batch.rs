//! `/crm/v3/objects/{type}/batch/...`: up to 100 rows at once, 207 when some of them fail.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::error::ApiError;
use super::objects::{NewRow, RowRef, create_row};
use super::page::{Page, flag};
use crate::hubspot::model::{Account, Row, time::iso_millis};
use crate::hubspot::render::{Columns, write_open, write_row};
use crate::hubspot::state::State;
use crate::hubspot::write::{Properties, RowError, WriteOptions};
use crate::wire::{Answer, Call};

const MAX_INPUTS: usize = 100;

pub(super) fn serve(state: &State, call: &Call, name: &str, operation: &str) -> Result<Answer, ApiError> {
    match operation {
        "read" => read(state, call, name),
        "create" => create(state, call, name),
        "update" => update(state, call, name),
        "upsert" => upsert(state, call, name),
        "archive" => archive(state, call, name),
        _ => Err(ApiError::no_resource()),
    }
}

/// The inputs of a batch.
#[derive(Debug, Deserialize)]
struct Batch<T> {
    inputs: Vec<T>,
}

impl<T> Batch<T> {
    fn checked(self) -> Result<Vec<T>, ApiError> {
        check_size(self.inputs.len(), MAX_INPUTS).map(|()| self.inputs)
    }
}

pub(super) fn check_size(size: usize, max: usize) -> Result<(), ApiError> {
    match size {
        0 => Err(ApiError::bad_request("Invalid input: inputs must not be empty")),
        _ if size > max => Err(ApiError::bad_request(format!(
            "Invalid input: at most {max} inputs are allowed, but got {size}"
        ))),
        _ => Ok(()),
    }
}

/// What stands after the results. No errors, no error keys.
pub(super) fn tail(state: &State, errors: &[Json]) -> String {
    let now = state.clock.now_ms();
    let times =
        format!(",\"startedAt\":\"{}\",\"completedAt\":\"{}\"", iso_millis(now), iso_millis(now + 40));
    match errors.len() {
        0 => times,
        count => format!(",\"numErrors\":{count},\"errors\":{}{times}", Json::from(errors.to_vec())),
    }
}

pub(super) const HEAD: &str = "{\"status\":\"COMPLETE\",";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadBody {
    inputs: Vec<RowRef>,
    #[serde(default)]
    properties: Vec<String>,
    #[serde(default)]
    properties_with_history: Vec<String>,
    id_property: Option<String>,
}

fn read(state: &State, call: &Call, name: &str) -> Result<Answer, ApiError> {
    let body: ReadBody = call.json()?;
    check_size(body.inputs.len(), MAX_INPUTS)?;
    let account = state.account();
    let object = account.object_or_refuse(name)?;
    let table = &account.tables[object];
    account.check_id_property(object, body.id_property.as_deref())?;
    let archived = flag(call, "archived");
    let (mut found, mut missing) = (BTreeMap::new(), Vec::new());
    for input in &body.inputs {
        let key = input.text();
        let id = if archived {
            key.parse().ok().filter(|id| table.row(*id).is_some_and(|row| row.archived_at.is_some()))
        } else {
            account.find(object, &key, body.id_property.as_deref())
        };
        match id.and_then(|id| table.row(id).map(|row| (id, row))) {
            Some((id, row)) => {
                found.insert(id, row);
            }
            None => missing.push(key),
        }
    }
    let columns = Columns::new(&table.def, body.properties.iter().map(String::as_str))
        .with_history(&table.def, body.properties_with_history.iter().map(String::as_str));
    let mut page = Page::new(HEAD, found.len() * 512);
    for row in found {
        page.push(|out| write_row(&account, object, row, &columns, out));
    }
    if missing.is_empty() {
        return Ok(page.end_batch(200, &tail(state, &[])));
    }
    Ok(page.end_batch(207, &tail(state, &[not_found(&account, object, &missing)])))
}

fn not_found(account: &Account, object: usize, keys: &[String]) -> Json {
    let singular = account.tables[object].def.singular.to_uppercase();
    json!({
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": format!(
            "Could not get some {singular} objects, they may be deleted or not exist. Check that ids are valid."
        ),
        "context": {"ids": keys},
    })
}

/// What a batch of writes did.
#[derive(Default)]
struct Outcome {
    /// Written rows, with whether they are new, and in which order their inputs came.
    rows: Vec<(u64, bool)>,
    errors: Vec<Json>,
}

impl Outcome {
    fn failed(&mut self, error: &RowError, trace: &str) {
        self.errors.push(json!({
            "status": "error",
            "category": error.category,
            "message": error.message,
            "errors": error.errors,
            "context": {"objectWriteTraceId": [trace]},
        }));
    }

    /// Each row once, with what was written.
    fn answer(
        self,
        state: &State,
        account: &Account,
        object: usize,
        names: &[&str],
        ok: u16,
        new: bool,
    ) -> Answer {
        let table = &account.tables[object];
        let columns = Columns::new(&table.def, names.iter().copied());
        let rows: BTreeMap<u64, bool> = self.rows.into_iter().rev().collect();
        let mut page = Page::new(HEAD, rows.len() * 512);
        for (id, is_new) in rows {
            let Some(row) = table.row(id) else { continue };
            page.push(|out| {
                write_open(account, object, (id, row), &columns, out);
                if new {
                    out.extend_from_slice(if is_new { b",\"new\":true" } else { b",\"new\":false" });
                }
                out.push(b'}');
            });
        }
        let status = if self.errors.is_empty() { ok } else { 207 };
        page.end_batch(status, &tail(state, &self.errors))
    }
}

/// Rows as they were before a batch, to go back to when it fails as a whole.
struct Undo {
    before: Vec<(u64, Option<Row>)>,
    /// What subscribers had been told before.
    events: usize,
}

impl Undo {
    fn new(account: &Account) -> Self {
        Self { before: Vec::new(), events: account.events.mark() }
    }

    fn remember(&mut self, account: &Account, object: usize, id: u64) {
        self.before.push((id, account.tables[object].row(id).cloned()));
    }

    fn roll_back(self, account: &mut Account, object: usize) {
        for (id, row) in self.before.into_iter().rev() {
            match row {
                Some(row) => account.tables[object].put(id, row, None),
                None => {
                    account.purge(object, id);
                }
            }
        }
        account.generation += 1;
        account.events.forget_after(self.events);
        account.guards.enrolled.clear();
    }
}

fn create(state: &State, call: &Call, name: &str) -> Result<Answer, ApiError> {
    let inputs = call.json::<Batch<NewRow>>()?.checked()?;
    let mut account = state.account_mut();
    let object = account.object_or_refuse(name)?;
    let partial = inputs.iter().all(|input| input.object_write_trace_id.is_some());
    let (mut done, mut undo) = (Outcome::default(), Undo::new(&account));
    for input in &inputs {
        match (create_row(&mut account, object, input), input.object_write_trace_id.as_deref()) {
            (Ok(id), _) => {
                undo.before.push((id, None));
                done.rows.push((id, true));
            }
            (Err(error), Some(trace)) if partial => done.failed(&error, trace),
            (Err(error), _) => {
                undo.roll_back(&mut account, object);
                return Err(error.into());
            }
        }
    }
    let names = written(inputs.iter().map(|input| &input.properties));
    Ok(done.answer(state, &account, object, &names, 201, false))
}

/// A changed row.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangedRow {
    id: Json,
    id_property: Option<String>,
    #[serde(default)]
    properties: Properties,
    object_write_trace_id: Option<String>,
}

impl ChangedRow {
    fn key(&self) -> String {
        RowRef { id: self.id.clone() }.text()
    }
}

fn written<'a>(all: impl Iterator<Item = &'a Properties>) -> Vec<&'a str> {
    all.flat_map(|properties| properties.keys().map(String::as_str)).collect()
}

fn update(state: &State, call: &Call, name: &str) -> Result<Answer, ApiError> {
    let inputs = call.json::<Batch<ChangedRow>>()?.checked()?;
    let mut account = state.account_mut();
    let object = account.object_or_refuse(name)?;
    let partial = inputs.iter().all(|input| input.object_write_trace_id.is_some());
    let (mut done, mut undo, mut missing) = (Outcome::default(), Undo::new(&account), Vec::new());
    for input in &inputs {
        let key = input.key();
        account.check_id_property(object, input.id_property.as_deref())?;
        if key.parse().is_ok_and(|id| account.tables[object].aliases.contains_key(&id)) {
            // Ids that were merged away drop out without a word.
            continue;
        }
        let Some(id) = account.find(object, &key, input.id_property.as_deref()) else {
            missing.push(key);
            continue;
        };
        undo.remember(&account, object, id);
        let result = account.update(object, id, &input.properties, WriteOptions::api());
        match (result, input.object_write_trace_id.as_deref()) {
            (Ok(()), _) => done.rows.push((id, false)),
            (Err(error), Some(trace)) if partial => done.failed(&error, trace),
            (Err(error), _) => {
                undo.roll_back(&mut account, object);
                return Err(error.into());
            }
        }
    }
    if !missing.is_empty() {
        done.errors.push(not_found(&account, object, &missing));
    }
    let names = written(inputs.iter().map(|input| &input.properties));
    Ok(done.answer(state, &account, object, &names, 200, false))
}

fn upsert(state: &State, call: &Call, name: &str) -> Result<Answer, ApiError> {
    let inputs = call.json::<Batch<ChangedRow>>()?.checked()?;
    let mut account = state.account_mut();
    let object = account.object_or_refuse(name)?;
    let by_email = inputs.iter().any(|input| input.id_property.as_deref() == Some("email"));
    let partial = !by_email && inputs.iter().all(|input| input.object_write_trace_id.is_some());
    let (mut done, mut undo) = (Outcome::default(), Undo::new(&account));
    for input in &inputs {
        let property = input.id_property.as_deref().filter(|name| *name != "hs_object_id");
        let property = property.ok_or_else(|| {
            ApiError::bad_request("idProperty is required and must be a unique identifier property")
        })?;
        account.check_id_property(object, Some(property))?;
        let found = account.find(object, &input.key(), Some(property));
        if let Some(id) = found {
            undo.remember(&account, object, id);
        }
        let result = upsert_one(&mut account, object, property, input, found);
        match (result, input.object_write_trace_id.as_deref()) {
            (Ok(id), _) => {
                if found.is_none() {
                    undo.before.push((id, None));
                }
                done.rows.push((id, found.is_none()));
            }
            (Err(error), Some(trace)) if partial => done.failed(&error, trace),
            (Err(error), _) => {
                undo.roll_back(&mut account, object);
                return Err(error.into());
            }
        }
    }
    let mut names = written(inputs.iter().map(|input| &input.properties));
    names.extend(inputs.iter().filter_map(|input| input.id_property.as_deref()));
    Ok(done.answer(state, &account, object, &names, 200, true))
}

fn upsert_one(
    account: &mut Account,
    object: usize,
    property: &str,
    input: &ChangedRow,
    found: Option<u64>,
) -> Result<u64, RowError> {
    match found {
        Some(id) => account.update(object, id, &input.properties, WriteOptions::api()).map(|()| id),
        None => {
            let mut properties = input.properties.clone();
            properties.entry(property).or_insert_with(|| input.key().into());
            account.create(object, &properties, WriteOptions::api())
        }
    }
}

fn archive(state: &State, call: &Call, name: &str) -> Result<Answer, ApiError> {
    let inputs = call.json::<Batch<RowRef>>()?.checked()?;
    let mut account = state.account_mut();
    let object = account.object_or_refuse(name)?;
    for input in inputs {
        if let Some(id) = account.find(object, &input.text(), None) {
            account.archive(object, id, WriteOptions::api());
        }
    }
    Ok(Answer::empty(204))
}
