//! What databases can't keep is refused or replaced here as well, so that tests in memory tell the truth.

use std::borrow::Cow;

use serde_json::Value as Json;
use sync_core::{Canonical, ExternalId, FieldValue, SinkError, Upsert, ValueRef};

/// The longest text a field may hold, characters.
const LONGEST: usize = 1_000_000;

/// Text of the audit, with what a database can't keep replaced.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{FFFD}")) } else { Cow::Borrowed(text) }
}

/// Whether a database could keep a row.
pub(crate) fn check<T: Canonical>(row: &Upsert<T>) -> Result<(), SinkError> {
    let own = T::FIELDS.iter().enumerate().map(|(i, field)| (field.name, row.record.value(i)));
    let custom = row.record.custom().into_iter().flat_map(|custom| custom.iter());
    for (field, value) in own {
        check_value(value).map_err(|reason| fault(&row.external_id, field, reason))?;
    }
    for (field, value) in custom {
        check_name(field)
            .and_then(|()| check_value(FieldValue::as_ref(value)))
            .map_err(|reason| fault(&row.external_id, &printable(field), reason))?;
    }
    Ok(())
}

fn fault(id: &ExternalId, field: &str, reason: &str) -> SinkError {
    SinkError::Record {
        external_id: Some(id.clone()),
        class: "text",
        reason: format!("field `{field}` can't be kept: {reason}"),
    }
}

fn check_value(value: ValueRef<'_>) -> Result<(), &'static str> {
    match value {
        ValueRef::Text(text) => check_text(text),
        ValueRef::Json(json) => check_json(json),
        _ => Ok(()),
    }
}

fn check_json(json: &Json) -> Result<(), &'static str> {
    match json {
        Json::String(text) => check_text(text),
        Json::Array(values) => values.iter().try_for_each(check_json),
        Json::Object(values) => {
            values.iter().try_for_each(|(name, value)| check_name(name).and_then(|()| check_json(value)))
        }
        _ => Ok(()),
    }
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.contains('\0') { Err("a name in it contains the character NUL") } else { Ok(()) }
}

fn check_text(text: &str) -> Result<(), &'static str> {
    if text.contains('\0') {
        return Err("it contains the character NUL");
    }
    // No text has more characters than bytes, so most are never counted.
    if text.len() > LONGEST && text.chars().count() > LONGEST {
        return Err("it is longer than 1,000,000 characters");
    }
    Ok(())
}
