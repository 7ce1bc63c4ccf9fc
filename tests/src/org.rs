//! What an org holds, read from its memory: past its API, and past the crate that reads it.

use std::collections::BTreeMap;

use chrono::DateTime;
use crm_sandbox::salesforce::SalesforceControl;
use crm_sandbox::salesforce::model::{Org, Row, Table, Value};
use rust_decimal::Decimal;
use sync_core::history::Folded;
use sync_core::{CUSTOM_PREFIX, FieldValue};

use crate::entity::Entity;

/// The records of an entity as readers see them now, by id; deleted ones included while they are in the bin.
#[must_use]
pub fn records<T: Entity>(org: &SalesforceControl) -> BTreeMap<String, Folded> {
    org.read(|org| {
        let Some(table) = org.table(T::OBJECT) else { return BTreeMap::new() };
        table
            .scan(.., org.now_ms())
            .map(|(id, row)| {
                (id.to_string(), Folded { fields: fields::<T>(org, table, row), deleted: row.is_deleted() })
            })
            .collect()
    })
}

fn fields<T: Entity>(org: &Org, table: &Table, row: &Row) -> BTreeMap<String, FieldValue> {
    let value = |index| value(&org.value(table, row, index, org.now_ms()));
    let mapped = T::REMOTE.iter().filter_map(|(name, remote)| {
        let index = table.def.field_index(remote)?;
        Some(((*name).to_owned(), value(index)))
    });
    let custom = table
        .def
        .visible_fields()
        .filter(|(_, field)| field.name.ends_with("__c"))
        .map(|(index, field)| (format!("{CUSTOM_PREFIX}{}", field.name), value(index)));
    mapped.chain(custom).filter(|(_, value)| !value.is_null()).collect()
}

/// A stored value in the application's terms; what it can't hold comes as the text the API sends.
fn value(value: &Value) -> FieldValue {
    let mut json = Vec::new();
    value.write_json(&mut json);
    let json = String::from_utf8(json).unwrap_or_default();
    match value {
        Value::Null => FieldValue::Null,
        Value::Bool(flag) => FieldValue::Bool(*flag),
        Value::Int(number) => FieldValue::Int(*number),
        Value::Double(_) | Value::Decimal(_) => {
            number(&json).map_or_else(|| FieldValue::Text(json), FieldValue::Decimal)
        }
        Value::Text(text) => FieldValue::Text(text.to_string()),
        Value::Id(id) => FieldValue::Text(id.to_string()),
        Value::Date(day) => FieldValue::Date(*day),
        Value::DateTime(ms) => {
            DateTime::from_timestamp_millis(*ms).map_or(FieldValue::Null, FieldValue::Instant)
        }
        Value::Compound(_) | Value::Raw(_) => FieldValue::Text(json),
    }
}

fn number(json: &str) -> Option<Decimal> {
    json.parse().ok().or_else(|| Decimal::from_scientific(json).ok())
}
