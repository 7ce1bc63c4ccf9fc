//! The JSON Schema of an entity's file, and the parts of it that no derive gives.

use std::borrow::Cow;

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
    SchemaGenerator::default().into_root_schema_for::<EntityConfig>().to_value()
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
