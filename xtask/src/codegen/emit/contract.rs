//! `tests/contract.rs` of an entity: its tables fit its type, and its mappings fill what they name.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::filled;
use super::sample::{Value, nested, sample};
use crate::codegen::model::{Entity, Model, Provider};
use crate::codegen::names::{literal, raw, snake};

pub(super) fn file(model: &Model, entity: &Entity) -> String {
    let (ty, krate) = (entity.ty(), snake(&entity.package()));
    let served: Vec<_> = entity.providers.iter().filter(|provider| provider.has_crate).collect();
    let mut text =
        "//! What `entity.yaml` promises: the tables fit the type, and each mapping fills what it names.\n\n"
            .to_owned();
    for provider in &served {
        let _ = writeln!(text, "use provider_{}::{}Record;", provider.base, provider.prefix());
    }
    let _ = writeln!(text, "use {krate}::{{TABLE, {ty}, {ty}Provider}};");
    let required = entity.config.relationships.values().any(|link| link.required);
    let names = if required { "LinkDef, TableDef" } else { "TableDef" };
    let _ = writeln!(text, "use sync_core::{{{names}}};\n");
    text += &free_of_parents(entity, required);
    text += &keys(entity);
    for store in model.stores_of(entity) {
        let part = store.parts.get("contract").map_or("", String::as_str);
        let _ = write!(text, "\n{}", filled(part, entity).trim_start());
    }
    for provider in served {
        text += &mapping(entity, provider);
    }
    text
}

/// Parents live in other crates; links to them wait, also those that otherwise must not.
fn free_of_parents(entity: &Entity, required: bool) -> String {
    let table = if required {
        let links: String = entity
            .config
            .relationships
            .keys()
            .enumerate()
            .map(|(at, _)| format!("LinkDef {{ required: false, ..TABLE.links[{at}] }},"))
            .collect();
        format!("TableDef {{ links: &[{links}], ..TABLE }}")
    } else {
        "TABLE".to_owned()
    };
    format!(
        "/// The table without the rows that its links lead to: those are other crates'.\nconst FREE_OF_PARENTS: TableDef = {table};\n"
    )
}

fn keys(entity: &Entity) -> String {
    let ty = entity.ty();
    format!(
        "
/// Every provider is found by its key, and maps no target twice.
#[test]
fn providers_are_found_by_key() {{
    for provider in {ty}Provider::ALL {{
        assert_eq!({ty}Provider::parse(provider.as_str()), Some(provider));
        let mapping = provider.detection().mapping;
        let targets: std::collections::BTreeSet<_> = mapping.iter().map(|mapping| &mapping.target).collect();
        assert_eq!(targets.len(), mapping.len());
    }}
    assert_eq!({ty}Provider::parse(\"nobody\"), None);
}}
"
    )
}

fn mapping(entity: &Entity, provider: &Provider) -> String {
    let (ty, module, base, name) = (entity.ty(), &provider.module, &provider.base, provider.prefix());
    let sample = sample(entity, provider);
    let json = sent(provider, &sample.sent);
    let json = raw(&format!("{json:#}"));
    let head = format!(
        "
/// A record of {} fills every field that the mapping names.
#[test]
fn mapping_of_{module}_fills_its_fields() {{
    let record = {name}Record::parse({json}).unwrap();
    let read = <{ty} as provider_{base}::From{name}>::from_record(&record).unwrap();
",
        provider.product
    );
    if provider.detection.extras {
        // What extras make of it is tested beside them.
        let names: Vec<_> = sample.expected.iter().map(|(field, _)| literal(field)).collect();
        return format!(
            "{head}    let read = sync_core::record_to_json(&read);
    let mapped = [{}];
    assert!(mapped.iter().all(|field| !read[*field].is_null()), \"{{read:?}}\");
}}
",
            names.join(", ")
        );
    }
    let mut fields: String =
        sample.expected.iter().map(|(field, value)| format!("{field}: {value},\n")).collect();
    if entity.has_custom() || sample.expected.len() < entity.fields().len() {
        let _ = writeln!(fields, "..{ty}::default()");
    }
    format!("{head}    let expected = {ty} {{\n{fields}}};\n    assert_eq!(read, expected);\n}}\n")
}

/// The record in the provider's form.
fn sent(provider: &Provider, sent: &[(String, Value)]) -> Json {
    if provider.base != "hubspot" {
        return nested(sent);
    }
    hubspot(&provider.sync.remote_entity, sent)
}

/// HubSpot sends texts under `properties`, associations beside them, and owners flat.
fn hubspot(object: &str, sent: &[(String, Value)]) -> Json {
    let is_flat = object == "owners" || object.contains('/');
    let mut properties = Map::new();
    let mut associations = Map::new();
    for (source, value) in sent {
        match source.strip_prefix("associations.") {
            Some(to) => {
                let results = json!({"results": [{"id": value.text(), "type": "primary"}]});
                associations.insert(to.to_owned(), results);
            }
            None if is_flat => {
                properties.insert(source.clone(), value.json());
            }
            None => {
                properties.insert(source.clone(), json!(value.text()));
            }
        }
    }
    if is_flat {
        return Json::Object(properties);
    }
    json!({"id": "1", "properties": properties, "associations": associations})
}
