//! `/crm-object-schemas/v3/schemas`: custom objects.

use http::Method;
use serde_json::{Value as Json, json};

use super::error::ApiError;
use super::properties;
use crate::hubspot::model::{Account, Pair, time::iso};
use crate::hubspot::schema::ObjectSpec;
use crate::hubspot::state::State;
use crate::wire::{Answer, Call};

pub(super) fn serve(state: &State, call: &Call, rest: &[&str]) -> Result<Answer, ApiError> {
    match (&call.method, rest) {
        (&Method::GET, []) => {
            let account = state.account();
            let custom = (0..account.tables.len()).filter(|object| account.tables[*object].def.custom);
            let results: Vec<Json> = custom.map(|object| schema(&account, object)).collect();
            Ok(Answer::json(200, &json!({"results": results})))
        }
        (&Method::GET, [name]) => {
            let account = state.account();
            let object = account.object_or_refuse(name)?;
            Ok(Answer::json(200, &schema(&account, object)))
        }
        (&Method::POST, []) => {
            let spec: ObjectSpec = call.json()?;
            let mut account = state.account_mut();
            let object = account.add_object(&spec)?;
            Ok(Answer::json(201, &schema(&account, object)))
        }
        _ => Err(ApiError::method()),
    }
}

fn schema(account: &Account, object: usize) -> Json {
    let def = &account.tables[object].def;
    let properties: Vec<Json> = def
        .properties()
        .iter()
        .zip(0..)
        .filter(|(property, _)| !property.archived)
        .map(|(property, place)| properties::body(property, place))
        .collect();
    let mut associations = Vec::new();
    for to in 0..account.tables.len() {
        let back = (to != object).then_some((to, object));
        for (from, to) in std::iter::once((object, to)).chain(back) {
            associations.extend(account.links.labels_of(Pair { from, to }).map(|label| {
                json!({
                    "id": label.type_id.to_string(),
                    "fromObjectTypeId": account.tables[from].def.type_id,
                    "toObjectTypeId": account.tables[to].def.type_id,
                    "name": label.name,
                    "createdAt": Json::Null,
                    "updatedAt": Json::Null,
                })
            }));
        }
    }
    let id = def.type_id.split_once('-').map_or("", |(_, number)| number);
    json!({
        "id": id,
        "objectTypeId": def.type_id,
        "name": def.short_name(),
        "fullyQualifiedName": def.name,
        "labels": {"singular": def.labels.0, "plural": def.labels.1},
        "primaryDisplayProperty": def.primary_display,
        "secondaryDisplayProperties": [],
        "requiredProperties": def.required,
        "searchableProperties": def.searchable,
        "properties": properties,
        "associations": associations,
        "archived": false,
        "createdAt": iso(def.created_at),
        "updatedAt": iso(def.created_at),
    })
}
