//! Versions, describe-global and describe.

use chrono::{DateTime, Utc};
use http::header::LAST_MODIFIED;
use serde_json::{Value as Json, json};

use super::error::ApiError;
use super::request::Call;
use crate::salesforce::model::{FieldDef, FieldType, Formula, ObjectDef, Org};
use crate::salesforce::state::State;
use crate::wire::Answer;

/// Released versions with their labels, newest last.
pub(super) const NEWEST_VERSION: u32 = 67;
const OLDEST_VERSION: u32 = 20;
/// By version modulo 3: three releases a year, and v66 is Spring '26.
const SEASONS: [&str; 3] = ["Spring", "Summer", "Winter"];

/// `GET /services/data/`
pub(super) fn versions() -> Answer {
    let list: Vec<Json> = (OLDEST_VERSION..=NEWEST_VERSION)
        .map(|version| {
            let season = SEASONS[usize::try_from(version % 3).unwrap_or(0)];
            let year = (version + 13) / 3;
            json!({
                "label": format!("{season} '{year}"),
                "url": format!("/services/data/v{version}.0"),
                "version": format!("{version}.0"),
            })
        })
        .collect();
    Answer::json(200, &list)
}

/// Reads `v66.0`; `None` for anything the server does not speak.
pub(super) fn version(text: &str) -> Option<u32> {
    let number = text.strip_prefix('v')?.strip_suffix(".0")?.parse().ok()?;
    (OLDEST_VERSION..=NEWEST_VERSION).contains(&number).then_some(number)
}

/// `GET /services/data/{v}`
pub(super) fn resources(base: &str) -> Answer {
    let names = ["sobjects", "query", "queryAll", "limits", "composite"];
    let map: serde_json::Map<_, _> =
        names.iter().map(|name| ((*name).to_owned(), json!(format!("{base}/{name}")))).collect();
    Answer::json(200, &map)
}

/// `GET .../sobjects/`
pub(super) fn global(state: &State, call: &Call, base: &str) -> Answer {
    let org = state.org();
    if unchanged(&org, call) {
        return Answer::empty(304);
    }
    let objects: Vec<Json> = org.tables().iter().map(|table| object_keys(&table.def, base)).collect();
    let body = json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects});
    Answer::json(200, &body).with(LAST_MODIFIED, &http_date(org.schema_changed_at))
}

/// `GET .../sobjects/{Object}`
pub(super) fn basic(org: &Org, object: &str, base: &str) -> Result<Answer, ApiError> {
    let table = org.table(object).ok_or_else(ApiError::not_found)?;
    Ok(Answer::json(200, &json!({"objectDescribe": object_keys(&table.def, base), "recentItems": []})))
}

/// `GET .../sobjects/{Object}/describe/`
pub(super) fn object(state: &State, call: &Call, object: &str, base: &str) -> Result<Answer, ApiError> {
    let org = state.org();
    let table = org.table(object).ok_or_else(ApiError::not_found)?;
    if unchanged(&org, call) {
        return Ok(Answer::empty(304));
    }
    let mut body = object_keys(&table.def, base);
    body["fields"] = table.def.visible_fields().map(|(_, field)| field_keys(field)).collect();
    body["childRelationships"] = child_relationships(&org, &table.def.name);
    body["recordTypeInfos"] = json!([{
        "recordTypeId": "012000000000000AAA", "name": "Master", "developerName": "Master", "active": true,
        "available": true, "defaultRecordTypeMapping": true, "master": true,
    }]);
    Ok(Answer::json(200, &body).with(LAST_MODIFIED, &http_date(org.schema_changed_at)))
}

fn object_keys(def: &ObjectDef, base: &str) -> Json {
    let url = format!("{base}/sobjects/{}", def.name);
    let mut keys = json!({
        "name": def.name, "label": def.label, "labelPlural": def.label_plural, "keyPrefix": def.key_prefix,
        "custom": def.custom, "customSetting": false, "createable": true, "updateable": true,
        "deletable": def.deletable, "undeletable": def.deletable, "mergeable": def.mergeable,
    });
    for flag in ["queryable", "retrieveable", "replicateable", "searchable", "triggerable", "layoutable"] {
        keys[flag] = json!(true);
    }
    for flag in
        ["feedEnabled", "mruEnabled", "activateable", "deprecatedAndHidden", "hasSubtypes", "isSubtype"]
    {
        keys[flag] = json!(false);
    }
    keys["urls"] = json!({
        "sobject": url, "describe": format!("{url}/describe"), "rowTemplate": format!("{url}/{{ID}}"),
    });
    keys
}

fn field_keys(field: &FieldDef) -> Json {
    let bytes = field.length.saturating_mul(3);
    let formula = field.formula.as_ref().filter(|_| field.calculated).map(formula_text);
    let picklist: Vec<Json> = field
        .picklist
        .iter()
        .map(|entry| {
            json!({"active": entry.active, "defaultValue": false, "label": entry.label, "validFor": null, "value": entry.value})
        })
        .collect();
    let groupable = !field.field_type.is_decimal()
        && !matches!(field.field_type, FieldType::DateTime | FieldType::TextArea | FieldType::Address);
    let mut keys = json!({
        "name": field.name, "label": field.label, "type": field.field_type.as_str(), "length": field.length,
        "byteLength": if field.field_type.is_text() { bytes } else { field.length }, "precision": field.precision,
        "scale": field.scale, "digits": if field.field_type == FieldType::Int { 9 } else { 0 },
        "nillable": field.nillable, "custom": field.custom, "calculated": field.calculated,
        "calculatedFormula": formula, "createable": field.createable, "updateable": field.updateable,
        "defaultedOnCreate": field.field_type == FieldType::Boolean || &*field.name == "OwnerId",
        "externalId": field.external_id, "idLookup": field.id_lookup, "unique": field.unique,
        "caseSensitive": field.case_sensitive, "filterable": field.filterable, "sortable": field.sortable,
        "groupable": groupable, "aggregatable": field.filterable, "nameField": field.name_field,
        "autoNumber": field.auto_number,
        "compoundFieldName": field.compound_field_name, "restrictedPicklist": field.restricted_picklist,
        "referenceTo": field.reference_to, "relationshipName": field.relationship_name,
        "polymorphicForeignKey": field.reference_to.len() > 1, "soapType": field.field_type.soap_type(),
        "permissionable": field.nillable && field.updateable, "picklistValues": picklist,
    });
    for flag in ["namePointing", "dependentPicklist", "deprecatedAndHidden", "htmlFormatted"] {
        keys[flag] = json!(false);
    }
    for key in ["extraTypeInfo", "controllerName", "inlineHelpText", "defaultValue"] {
        keys[key] = Json::Null;
    }
    keys
}

fn formula_text(formula: &Formula) -> &'static str {
    match formula {
        Formula::Product { .. } => "Amount * Probability",
        Formula::Parent { .. } => "a field of the parent",
        Formula::OneOf { .. } | Formula::Join(_) | Formula::Parts(_) => "",
    }
}

fn child_relationships(org: &Org, parent: &str) -> Json {
    let mut list = Vec::new();
    for table in org.tables() {
        for (_, field) in
            table.def.visible_fields().filter(|(_, f)| f.reference_to.iter().any(|to| &**to == parent))
        {
            list.push(json!({
                "childSObject": table.def.name, "field": field.name,
                "relationshipName": field.child_relationship_name, "cascadeDelete": field.cascade_delete,
                "restrictedDelete": false, "deprecatedAndHidden": false,
            }));
        }
    }
    Json::Array(list)
}

/// Whether the schema is as old as the client's copy.
fn unchanged(org: &Org, call: &Call) -> bool {
    let since = call.header("if-modified-since").and_then(|text| DateTime::parse_from_rfc2822(text).ok());
    since.is_some_and(|since| org.schema_changed_at / 1000 <= since.timestamp())
}

/// An instant as HTTP headers write it.
pub(super) fn http_date(ms: i64) -> String {
    let at: DateTime<Utc> = DateTime::from_timestamp_millis(ms).unwrap_or_default();
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_carry_their_release_names() {
        let list: Vec<Json> = serde_json::from_slice(&versions().body).unwrap();
        let label = |version: &str| {
            list.iter()
                .find(|one| one["version"] == version)
                .map(|one| one["label"].as_str().unwrap().to_owned())
        };
        assert_eq!(label("67.0").unwrap(), "Summer '26");
        assert_eq!(label("66.0").unwrap(), "Spring '26");
        assert_eq!(label("65.0").unwrap(), "Winter '26");
        assert_eq!(label("64.0").unwrap(), "Summer '25");
        assert_eq!(version("v66.0"), Some(66));
        assert_eq!(version("v99.0"), None);
        assert_eq!(version("66.0"), None);
    }
}
