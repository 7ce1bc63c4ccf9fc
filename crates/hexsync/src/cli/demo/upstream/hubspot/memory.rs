//! What the account remembers of a record, as our row should hold it.

use crm_sandbox::hubspot::HubspotControl;
use serde_json::{Value as Json, json};
use sync_wiring::core::{CUSTOM_PREFIX, FieldValue};

use super::CRM;
use crate::cli::demo::names::{self, Expected, Form, Held, Name, Names, in_form};
use crate::cli::demo::upstream::Key;

/// Properties that the customer made and that take their value from another record: they change without a sign on
/// this one.
const ELSEWHERE: [&str; 1] = ["company_tier"];
/// The label of the association that counts before others.
const PRIMARY: &str = "Primary";

/// A live record; `None` when there is none.
pub(super) fn expected(control: &HubspotControl, key: &Key) -> Option<Expected> {
    let names = names::of(CRM, key.entity)?;
    match names.object.split_once('/') {
        Some((from, to)) => link(control, names, (from, to), key.id.as_str()),
        None if names.object == "owners" => {
            let owners = control.owners(false);
            let owner = owners.iter().find(|owner| owner["id"] == key.id.as_str())?;
            let own = names.fields.iter().map(|name| held(name, value(owner, name)));
            Some(Expected { own: own.collect(), custom: Vec::new() })
        }
        None => record(control, names, key.id.as_str().parse().ok()?),
    }
}

fn record(control: &HubspotControl, names: &Names, id: u64) -> Option<Expected> {
    let record = control.row(names.object, id)?;
    if record["archived"] == json!(true) {
        return None;
    }
    let properties = &record["properties"];
    let own = names.fields.iter().map(|name| match name.form {
        Form::Linked => Held { linked: true, ..held(name, linked(control, names.object, id, name.theirs)) },
        _ => held(name, value(properties, name)),
    });
    let is_own = |property: &str| names.fields.iter().any(|name| name.theirs == property);
    let custom = control.read(|account| {
        let def = account.object_def(names.object)?;
        let made = def
            .properties()
            .iter()
            .filter(|property| !property.hubspot_defined && !property.archived && !is_own(&property.name));
        Some(made.map(|property| property.name.clone()).collect::<Vec<_>>())
    })?;
    let custom = custom.into_iter().map(|property| Held {
        ours: format!("{CUSTOM_PREFIX}{property}"),
        value: in_form(filled(&properties[&property]), Form::Same),
        elsewhere: ELSEWHERE.contains(&property.as_str()),
        linked: false,
        theirs: property,
    });
    Some(Expected { own: own.collect(), custom: custom.collect() })
}

/// An association of two records: `12-34`.
fn link(control: &HubspotControl, names: &Names, (from, to): (&str, &str), id: &str) -> Option<Expected> {
    let (one, other) = id.split_once('-')?;
    let (one, other): (u64, u64) = (one.parse().ok()?, other.parse().ok()?);
    let all = control.read(|account| account.associations_of(from, one, to));
    let (_, labels) = all.into_iter().find(|(to, _)| *to == other)?;
    let (primary, labels): (Vec<_>, Vec<_>) = labels.into_iter().partition(|label| label == PRIMARY);
    let record = json!({
        "from": one.to_string(),
        "to": other.to_string(),
        "label": labels.join("; "),
        "primary": !primary.is_empty(),
    });
    let own = names.fields.iter().map(|name| held(name, value(&record, name)));
    Some(Expected { own: own.collect(), custom: Vec::new() })
}

/// The associated record that a field holds: the primary one, else the one with the lowest id.
fn linked(control: &HubspotControl, object: &str, id: u64, to: &str) -> Json {
    let all = control.read(|account| account.associations_of(object, id, to));
    let primary = all.iter().filter(|(_, labels)| labels.iter().any(|label| label == PRIMARY));
    let chosen = primary.map(|(id, _)| *id).min().or_else(|| all.iter().map(|(id, _)| *id).min());
    chosen.map_or(Json::Null, |id| id.to_string().into())
}

fn value(record: &Json, name: &Name) -> Json {
    match name.form {
        Form::Joined => {
            let parts = name.theirs.split(' ').filter_map(|part| record[part].as_str());
            let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
            filled(&parts.join(" ").into())
        }
        _ => filled(&record[name.theirs]),
    }
}

/// An empty text is no value to HubSpot.
fn filled(value: &Json) -> Json {
    if value == "" { Json::Null } else { value.clone() }
}

fn held(name: &Name, value: Json) -> Held {
    let value: FieldValue = in_form(value, name.form);
    Held {
        theirs: name.theirs.to_owned(),
        ours: name.ours.to_owned(),
        value,
        elsewhere: false,
        linked: false,
    }
}
