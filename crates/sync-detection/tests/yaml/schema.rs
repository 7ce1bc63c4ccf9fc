//! The JSON Schema takes what the program takes, and tells editors of typical mistakes.

use std::path::PathBuf;

use serde_json::Value as Json;
use sync_detection::yaml::{entity_schema, reference_markdown};

use crate::OPPORTUNITY;

/// The file as an editor sees it.
fn as_json(text: &str) -> Json {
    serde_saphyr::from_str(text).expect("an editor can read it")
}

fn checked_in(name: &str) -> (PathBuf, String) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    (path, text)
}

/// With `INSTA_UPDATE=always` the files are rewritten, as snapshots are.
fn assert_fresh(name: &str, fresh: &str) {
    let (path, found) = checked_in(name);
    if found != fresh && std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(&path, fresh).expect("the file can be written");
        return;
    }
    assert!(found == fresh, "docs/{name} is outdated; run `cargo xtask codegen`");
}

#[test]
fn checked_in_schema_is_fresh() {
    let fresh = serde_json::to_string_pretty(&entity_schema()).unwrap() + "\n";
    assert_fresh("entity.schema.json", &fresh);
}

#[test]
fn checked_in_reference_is_fresh() {
    assert_fresh("entity-yaml.md", &reference_markdown());
}

#[test]
fn good_file_is_accepted() {
    let validator = jsonschema::validator_for(&entity_schema()).unwrap();
    let errors: Vec<_> =
        validator.iter_errors(&as_json(OPPORTUNITY)).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn typical_mistakes_are_rejected() {
    let validator = jsonschema::validator_for(&entity_schema()).unwrap();
    for (from, to) in [
        ("title: name", "titel: name"),
        ("entity: opportunity\nplural", "entity: BigDeal\nplural"),
        ("doc: What may be sold, to whom, for how much and by when.\n", ""),
        ("stage: text", "stage: string"),
        ("  stage: text", "  Stage: text"),
        ("required: true }\n  stage", "required: 1 }\n  stage"),
        ("direction: bidirectional", "direction: both"),
        ("store: eav", "store: json"),
        ("mode: cdc", "mode: stream"),
        ("kind: replayId", "kind: replay"),
        ("    cdc: { cursor: { kind: replayId, field: replay_id } }\n", ""),
        ("    mode: cdc\n", "    mode: cdc\n    webhook: { eventIdField: id }\n"),
        ("{ source: Amount, target: amount }", "{ source: Amount }"),
        ("transform: uppercase", "transform: upperCase"),
        ("transform: { truncate: 255 }", "transform: truncate"),
        ("truncate: 255", "truncate: 0"),
        ("[{ scale: \"0.01\" }, { round: 4 }]", "{ scale: \"0.01\", round: 4 }"),
        ("otherwise: keep", "otherwise: leave"),
        ("false: [\"no\", \"0\"]", "false: []"),
        ("op: in, value: [New, Existing]", "op: in, value: []"),
        ("op: neq, value: Draft", "op: like, value: Draft"),
    ] {
        let text = crate::with(from, to);
        assert!(!validator.is_valid(&as_json(&text)), "{to} is accepted");
    }
}

#[test]
fn every_key_is_documented() {
    fn undocumented(schema: &Json, path: &str, found: &mut Vec<String>) {
        match schema {
            Json::Object(object) => {
                let properties = object.get("properties").and_then(Json::as_object);
                for (key, value) in properties.into_iter().flatten() {
                    let of_variant =
                        object.get("description").is_some() && properties.is_some_and(|all| all.len() == 1);
                    if value.is_object() && value.get("description").is_none() && !of_variant {
                        found.push(format!("{path}.{key}"));
                    }
                }
                for (key, value) in object.iter().filter(|(key, _)| *key != "allOf") {
                    undocumented(value, &format!("{path}.{key}"), found);
                }
            }
            Json::Array(items) => items.iter().for_each(|item| undocumented(item, path, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    undocumented(&entity_schema(), "", &mut found);
    assert_eq!(found, Vec::<String>::new());
}
