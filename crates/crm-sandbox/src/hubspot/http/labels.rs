//! `/crm/v4/associations/{from}/{to}/labels`

use http::Method;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::associations::{category, pair};
use super::error::ApiError;
use crate::hubspot::model::{Account, AssociationLabel, Category, Pair};
use crate::hubspot::state::State;
use crate::wire::{Answer, Call};

pub(super) fn serve(
    state: &State,
    call: &Call,
    (from, to): (&str, &str),
    rest: &[&str],
) -> Result<Answer, ApiError> {
    match (&call.method, rest) {
        (&Method::GET, []) => {
            let account = state.account();
            let pair = pair(&account, from, to)?;
            let results: Vec<Json> = account.links.labels_of(pair).map(shown).collect();
            Ok(Answer::json(200, &json!({"results": results})))
        }
        (&Method::POST, []) => create(state, call, (from, to)),
        (&Method::PUT, []) => rename(state, call, (from, to)),
        (&Method::DELETE, [type_id]) => {
            let mut account = state.account_mut();
            let pair = pair(&account, from, to)?;
            let type_id = type_id.parse().map_err(|_| ApiError::no_resource())?;
            let own = account
                .links
                .label(pair, type_id)
                .is_some_and(|label| label.category == Category::UserDefined && label.label.is_some());
            if own {
                account.links.undefine(pair, type_id);
                account.generation += 1;
            }
            Ok(Answer::empty(204))
        }
        _ => Err(ApiError::method()),
    }
}

fn shown(label: &AssociationLabel) -> Json {
    json!({"category": category(label.category), "typeId": label.type_id, "label": label.label})
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewLabel {
    label: String,
    name: String,
    inverse_label: Option<String>,
}

fn create(state: &State, call: &Call, names: (&str, &str)) -> Result<Answer, ApiError> {
    let body: NewLabel = call.json()?;
    let mut account = state.account_mut();
    let pair = pair(&account, names.0, names.1)?;
    if account.links.labels_of(pair).any(|label| label.name == body.name) {
        return Err(ApiError::bad_request(format!("A label named {} exists already", body.name)));
    }
    let results = define(&mut account, pair, &body);
    Ok(Answer::json(200, &json!({"results": results})))
}

fn define(account: &mut Account, pair: Pair, new: &NewLabel) -> Vec<Json> {
    let there = account.links.free_type_id();
    let back = if pair.from == pair.to && new.inverse_label.is_none() { there } else { there + 1 };
    let label = |type_id, inverse, text: &str, pair| AssociationLabel {
        category: Category::UserDefined,
        type_id,
        label: Some(text.to_owned()),
        name: new.name.clone(),
        primary: false,
        pair,
        inverse,
    };
    let mut made = vec![label(there, back, &new.label, pair)];
    if back != there {
        made.push(label(back, there, new.inverse_label.as_ref().unwrap_or(&new.label), pair.back()));
    }
    let results = made.iter().map(shown).collect();
    for label in made {
        account.links.define(label);
    }
    account.generation += 1;
    results
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rename {
    association_type_id: u32,
    label: String,
}

fn rename(state: &State, call: &Call, names: (&str, &str)) -> Result<Answer, ApiError> {
    let body: Rename = call.json()?;
    let mut account = state.account_mut();
    let pair = pair(&account, names.0, names.1)?;
    account.generation += 1;
    let mut labels = account.links.labels_mut(pair);
    let own = labels.find(|label| label.type_id == body.association_type_id && label.label.is_some());
    let label = own.ok_or_else(ApiError::no_resource)?;
    label.label = Some(body.label);
    Ok(Answer::empty(204))
}
