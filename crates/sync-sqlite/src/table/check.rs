//! What the table can't hold, found before anything is sent, so that the record can be named.

use serde_json::Value as Json;
use sync_core::{Canonical, FieldMismatch, FieldValue, SinkError, Upsert, ValueRef};

use super::columns::fields;
use crate::json::storable;

/// Characters that one text field may have.
const LONGEST_TEXT: usize = 1_000_000;
/// Levels of a structured value. What is nested deeper than 128 levels, the audit's own included, could be
/// written but not read back.
const DEEPEST: usize = 100;

/// What is wrong with a value: a class, and words for it.
type Fault = (&'static str, &'static str);

pub(super) fn check<T: Canonical>(row: &Upsert<T>) -> Result<(), SinkError> {
    let refuse = |name: &str, (class, words): Fault| record_error(row, class, format!("{name} {words}"));
    check_text(row.external_id.as_str()).map_err(|fault| refuse("the external id", fault))?;
    for (i, field) in fields::<T>() {
        let checked = match row.record.value(i) {
            ValueRef::Text(text) => check_text(text),
            ValueRef::Json(json) => check_json(json, DEEPEST),
            _ => Ok(()),
        };
        checked.map_err(|fault| refuse(&format!("`{}`", field.name), fault))?;
    }
    for (name, value) in row.record.custom().into_iter().flat_map(|custom| custom.iter()) {
        let checked = check_text(name).and_then(|()| match value {
            FieldValue::Text(text) => check_text(text),
            FieldValue::Json(json) => check_json(json, DEEPEST),
            _ => Ok(()),
        });
        checked.map_err(|fault| refuse(&format!("custom field `{}`", short(name)), fault))?;
    }
    Ok(())
}

/// A value of another kind than its field's: a defect of the entity's type.
pub(super) fn unfit<T: Canonical>(row: &Upsert<T>, field: usize, found: &'static str) -> SinkError {
    let def = T::FIELDS[field];
    let mismatch = FieldMismatch { field: def.name, expected: def.kind, found };
    record_error(row, "value", mismatch.to_string())
}

pub(super) fn record_error<T>(row: &Upsert<T>, class: &'static str, reason: String) -> SinkError {
    SinkError::Record { external_id: Some(row.external_id.clone()), class, reason }
}

fn check_text(text: &str) -> Result<(), Fault> {
    if text.as_bytes().contains(&0) {
        return Err(("text", "holds a NUL character, which is refused by every store alike"));
    }
    if text.len() > LONGEST_TEXT && text.chars().count() > LONGEST_TEXT {
        return Err(("text", "is longer than a million characters"));
    }
    Ok(())
}

fn check_json(json: &Json, levels: usize) -> Result<(), Fault> {
    let Some(below) = levels.checked_sub(1) else {
        return Err(("value", "is nested deeper than a hundred levels"));
    };
    match json {
        Json::String(text) => check_text(text),
        Json::Array(values) => values.iter().try_for_each(|value| check_json(value, below)),
        Json::Object(values) => values
            .iter()
            .try_for_each(|(name, value)| check_text(name).and_then(|()| check_json(value, below))),
        Json::Null | Json::Bool(_) | Json::Number(_) => Ok(()),
    }
}

/// A custom field's name is the customer's own: cut, and without what can't be shown.
fn short(name: &str) -> String {
    storable(name).chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_too_deep_to_be_read_back_are_refused() {
        let nested = |levels| (1..levels).fold(Json::Array(Vec::new()), |inner, _| Json::Array(vec![inner]));
        assert_eq!(check_json(&nested(DEEPEST), DEEPEST), Ok(()));
        assert!(check_json(&nested(DEEPEST + 1), DEEPEST).is_err());
        // What is accepted can be parsed again.
        assert!(serde_json::from_str::<Json>(&nested(DEEPEST).to_string()).is_ok());
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert_eq!(check_text(&"ü".repeat(LONGEST_TEXT)), Ok(()));
        assert!(check_text(&"a".repeat(LONGEST_TEXT + 1)).is_err());
    }
}
