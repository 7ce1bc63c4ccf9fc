//! `/crm/v3/properties/{type}`

use http::Method;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::batch::{check_size, tail};
use super::error::ApiError;
use super::page::{Page, flag};
use crate::hubspot::model::{Formula, ObjectDef, PropertyDef, Source, time::iso};
use crate::hubspot::schema::PropertySpec;
use crate::hubspot::state::State;
use crate::wire::{Answer, Call};

const MAX_INPUTS: usize = 100;

pub(super) fn serve(state: &State, call: &Call, object: &str, rest: &[&str]) -> Result<Answer, ApiError> {
    match (&call.method, rest) {
        (&Method::GET, []) => list(state, call, object),
        (&Method::POST, []) => {
            let spec: PropertySpec = call.json()?;
            state.account_mut().add_property(object, &spec)?;
            one(state, object, &spec.name, false, 201)
        }
        (_, ["groups", ..]) => groups(state, call, object),
        (&Method::POST, ["batch", operation]) => batch(state, call, object, operation),
        (&Method::GET, [name]) => one(state, object, name, flag(call, "archived"), 200),
        (&Method::PATCH, [name]) => {
            let spec: PropertySpec = call.json()?;
            changeable(state, object, name)?;
            state.account_mut().change_property(object, name, &spec)?;
            one(state, object, name, false, 200)
        }
        (&Method::DELETE, [name]) => {
            changeable(state, object, name)?;
            state.account_mut().archive_property(object, name)?;
            Ok(Answer::empty(204))
        }
        _ => Err(ApiError::method()),
    }
}

fn list(state: &State, call: &Call, name: &str) -> Result<Answer, ApiError> {
    let account = state.account();
    let def = &account.tables[account.object_or_refuse(name)?].def;
    let archived = flag(call, "archived");
    let mut shown: Vec<&PropertyDef> =
        def.properties().iter().filter(|property| property.archived == archived).collect();
    shown.sort_by(|one, other| one.name.cmp(&other.name));
    let results: Vec<Json> =
        shown.into_iter().zip(0..).map(|(property, place)| body(property, place)).collect();
    Ok(Answer::json(200, &json!({"results": results})))
}

fn one(state: &State, object: &str, name: &str, archived: bool, status: u16) -> Result<Answer, ApiError> {
    let account = state.account();
    let def = &account.tables[account.object_or_refuse(object)?].def;
    let property = find(def, name, archived).ok_or_else(|| missing(name))?;
    Ok(Answer::json(status, &body(property, 0)))
}

fn find<'a>(def: &'a ObjectDef, name: &str, archived: bool) -> Option<&'a PropertyDef> {
    def.property(name).filter(|property| property.archived == archived)
}

fn missing(name: &str) -> ApiError {
    ApiError::not_found(format!("Property with name '{name}' does not exist for this object type"))
}

/// HubSpot's own properties stay as they are.
fn changeable(state: &State, object: &str, name: &str) -> Result<(), ApiError> {
    let account = state.account();
    let def = &account.tables[account.object_or_refuse(object)?].def;
    let property = find(def, name, false).ok_or_else(|| missing(name))?;
    if property.hubspot_defined {
        return Err(ApiError::bad_request(format!("Property '{name}' is defined by HubSpot")));
    }
    Ok(())
}

/// The groups that properties are listed in.
fn groups(state: &State, call: &Call, object: &str) -> Result<Answer, ApiError> {
    super::route::only(call, &Method::GET)?;
    let account = state.account();
    let def = &account.tables[account.object_or_refuse(object)?].def;
    let mut names: Vec<&str> = def.properties().iter().map(|property| property.group.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let results: Vec<Json> = names
        .into_iter()
        .zip(0..)
        .map(|(name, place)| json!({"name": name, "label": name, "displayOrder": place, "archived": false}))
        .collect();
    Ok(Answer::json(200, &json!({"results": results})))
}

#[derive(Deserialize)]
struct Batch<T> {
    inputs: Vec<T>,
    #[serde(default)]
    archived: bool,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

fn batch(state: &State, call: &Call, object: &str, operation: &str) -> Result<Answer, ApiError> {
    match operation {
        "read" => {
            let body: Batch<Named> = call.json()?;
            check_size(body.inputs.len(), MAX_INPUTS)?;
            let names = body.inputs.into_iter().map(|input| input.name).collect();
            shown(state, object, names, body.archived, 200)
        }
        "create" => {
            let body: Batch<PropertySpec> = call.json()?;
            check_size(body.inputs.len(), MAX_INPUTS)?;
            for spec in &body.inputs {
                state.account_mut().add_property(object, spec)?;
            }
            shown(state, object, body.inputs.into_iter().map(|spec| spec.name).collect(), false, 201)
        }
        "archive" => {
            let body: Batch<Named> = call.json()?;
            check_size(body.inputs.len(), MAX_INPUTS)?;
            for input in &body.inputs {
                changeable(state, object, &input.name)?;
                state.account_mut().archive_property(object, &input.name)?;
            }
            Ok(Answer::empty(204))
        }
        _ => Err(ApiError::no_resource()),
    }
}

fn shown(
    state: &State,
    object: &str,
    names: Vec<String>,
    archived: bool,
    ok: u16,
) -> Result<Answer, ApiError> {
    let account = state.account();
    let def = &account.tables[account.object_or_refuse(object)?].def;
    let mut page = Page::new(super::batch::HEAD, names.len() * 512);
    let mut errors = Vec::new();
    for name in names {
        match find(def, &name, archived) {
            Some(property) => {
                page.push(|out| out.extend_from_slice(body(property, 0).to_string().as_bytes()));
            }
            None => errors.push(json!({
                "status": "error",
                "category": "OBJECT_NOT_FOUND",
                "message": format!("Property with name '{name}' does not exist for this object type"),
                "context": {"name": [name]},
            })),
        }
    }
    let status = if errors.is_empty() { ok } else { 207 };
    Ok(page.end_batch(status, &tail(state, &errors)))
}

/// A property as it goes over the wire.
pub(super) fn body(property: &PropertyDef, display_order: i64) -> Json {
    let own = !property.hubspot_defined;
    let read_only = !property.writable();
    let mut body = json!({
        "name": property.name,
        "label": property.label,
        "type": property.kind.as_str(),
        "fieldType": property.field_type,
        "description": property.description,
        "groupName": property.group,
        "options": property.options,
        "displayOrder": display_order,
        "calculated": property.calculated,
        "externalOptions": property.external_options,
        "hasUniqueValue": property.unique,
        "hidden": property.hidden,
        "hubspotDefined": property.hubspot_defined,
        "formField": !read_only,
        "modificationMetadata": {
            "archivable": own,
            "readOnlyDefinition": !own,
            "readOnlyOptions": !own,
            "readOnlyValue": read_only,
        },
        "dataSensitivity": "non_sensitive",
        "createdAt": iso(property.created_at),
        "updatedAt": iso(property.updated_at),
        "archived": property.archived,
    });
    if let Some(other) = &property.referenced_object_type {
        body["referencedObjectType"] = json!(other);
    }
    if property.currency {
        body["showCurrencySymbol"] = json!(true);
        if property.name == "amount" {
            body["currencyPropertyName"] = json!("deal_currency_code");
        }
    }
    if property.source == Source::Calculated(Formula::Projected) {
        body["calculationFormula"] = json!("amount * hs_deal_stage_probability");
    }
    if property.archived {
        body["archivedAt"] = json!(iso(property.updated_at));
    }
    body
}
