//! The JSON Schema of an entity's file, and the parts of it that no derive gives.

use std::borrow::Cow;
use std::sync::LazyLock;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value as Json;

use super::EntityConfig;
use crate::FilterValue;

/// The JSON Schema of an entity's file, for editors: every key with its documentation.
///
/// The checked-in form is `docs/entity.schema.json`; a file names it in its first line:
/// `# yaml-language-server: $schema=../../docs/entity.schema.json`.
#[must_use]
pub fn entity_schema() -> Json {
    SCHEMA.clone()
}

/// The schema, made once.
pub(super) static SCHEMA: LazyLock<Json> = LazyLock::new(of::<EntityConfig>);

/// The schema of one kind of file.
pub(super) fn of<T: JsonSchema>() -> Json {
    let mut schema = SchemaGenerator::default().into_root_schema_for::<T>().to_value();
    tidy(&mut schema);
    schema
}

/// Takes out what the derive adds and nobody needs: line breaks within a paragraph, formats of Rust's numbers,
/// and nulls, for a key without a value is more often a slip than an absence.
fn tidy(schema: &mut Json) {
    match schema {
        Json::Object(object) => {
            if let Some(Json::String(text)) = object.get_mut("description") {
                *text =
                    text.split("\n\n").map(|part| part.replace('\n', " ")).collect::<Vec<_>>().join("\n\n");
            }
            object.remove("format");
            object.retain(|key, value| key != "default" || !value.is_null());
            if let Some(Json::Array(types)) = object.get("type")
                && let [one, Json::String(null)] = types.as_slice()
                && null == "null"
            {
                let one = one.clone();
                object.insert("type".to_owned(), one);
            }
            if let Some(Json::Array(any)) = object.get("anyOf")
                && let [Json::Object(one), null] = any.as_slice()
                && null["type"] == "null"
            {
                let one = one.clone();
                object.remove("anyOf");
                object.extend(one);
            }
            object.values_mut().for_each(tidy);
        }
        Json::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// How many decimals a number can have.
pub(crate) struct Decimals;

impl JsonSchema for Decimals {
    fn schema_name() -> Cow<'static, str> {
        "Decimals".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": 0, "maximum": 28})
    }
}

/// How many characters a text can be cut to.
pub(crate) struct Characters;

impl JsonSchema for Characters {
    fn schema_name() -> Cow<'static, str> {
        "Characters".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": 1, "maximum": u32::MAX})
    }
}

impl JsonSchema for FilterValue {
    fn schema_name() -> Cow<'static, str> {
        "FilterValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["null", "boolean", "number", "string", "array"],
            "items": {"type": ["boolean", "number", "string"]},
            "minItems": 1,
        })
    }
}
