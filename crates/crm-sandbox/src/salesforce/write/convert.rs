//! JSON from outside into stored values.

use chrono::{DateTime, NaiveDate};
use serde_json::Value as Json;

use super::{Access, RowError};
use crate::salesforce::model::{FieldDef, FieldType, RecordId, Value, decimal_text};

/// What whoever runs the simulation writes to store raw JSON: `{"$raw": "..."}`.
const RAW_KEY: &str = "$raw";

/// The stored form of one field of a request body.
pub(super) fn to_value(field: &FieldDef, json: &Json, access: Access) -> Result<Value, RowError> {
    if let (Access::Admin, Some(raw)) = (access, json.get(RAW_KEY).and_then(Json::as_str)) {
        return Ok(Value::Raw(raw.into()));
    }
    if json.is_null() {
        return null_value(field);
    }
    match field.field_type {
        FieldType::Boolean => boolean(field, json),
        FieldType::Int | FieldType::Long => {
            let parsed = json.as_i64().or_else(|| json.as_str()?.trim().parse().ok());
            parsed.map(Value::Int).ok_or_else(|| RowError::unreadable(field.field_type.as_str(), json))
        }
        FieldType::Double | FieldType::Percent | FieldType::Currency => number(field, json, access),
        FieldType::Date => {
            let date = json.as_str().and_then(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok());
            date.map(Value::Date).ok_or_else(|| RowError::unreadable("date", json))
        }
        FieldType::DateTime => json
            .as_str()
            .and_then(parse_instant)
            .map(Value::DateTime)
            .ok_or_else(|| RowError::unreadable("datetime", json)),
        FieldType::Id | FieldType::Reference => match json.as_str() {
            Some("") => Ok(Value::Null),
            Some(text) => {
                RecordId::parse(text).map(Value::Id).ok_or_else(|| RowError::malformed_id(&field.label, text))
            }
            None => Err(RowError::unreadable("reference", json)),
        },
        _ => text(field, json, access),
    }
}

/// Reads an instant with a zone, as `Z`, `+01:00` or `+0000`; cut to whole seconds.
pub(crate) fn parse_instant(text: &str) -> Option<i64> {
    let at = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
        .ok()?;
    Some(at.timestamp() * 1000)
}

fn null_value(field: &FieldDef) -> Result<Value, RowError> {
    if field.field_type == FieldType::Boolean {
        let message = format!("{}: value not of required type: null", field.label);
        return Err(RowError::new("INVALID_TYPE_ON_FIELD_IN_RECORD", message, &[&field.name]));
    }
    Ok(Value::Null)
}

fn boolean(field: &FieldDef, json: &Json) -> Result<Value, RowError> {
    match json {
        Json::Bool(flag) => Ok(Value::Bool(*flag)),
        Json::String(text) if text.eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
        Json::String(text) if text.eq_ignore_ascii_case("false") => Ok(Value::Bool(false)),
        _ => Err(RowError::unreadable(field.field_type.as_str(), json)),
    }
}

fn number(field: &FieldDef, json: &Json, access: Access) -> Result<Value, RowError> {
    let parsed = json.as_f64().or_else(|| json.as_str()?.trim().parse().ok());
    let Some(number) = parsed.filter(|number: &f64| number.is_finite()) else {
        return Err(RowError::unreadable("double", json));
    };
    let whole_digits = i32::try_from(field.precision.saturating_sub(field.scale)).unwrap_or(18);
    if access == Access::Api && number.abs() >= 10_f64.powi(whole_digits) {
        let message = format!("{}: value outside of valid range on numeric field: {number}", field.label);
        return Err(RowError::new("NUMBER_OUTSIDE_VALID_RANGE", message, &[&field.name]));
    }
    if field.field_type == FieldType::Currency {
        return Ok(Value::Decimal(decimal_text(number, field.scale).into()));
    }
    Ok(Value::Double(number))
}

fn text(field: &FieldDef, json: &Json, access: Access) -> Result<Value, RowError> {
    let Some(text) = json.as_str() else {
        return Err(RowError::unreadable("string", json));
    };
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    let max = usize::try_from(field.length).unwrap_or(usize::MAX);
    if access == Access::Api && text.chars().count() > max {
        let shown: String = text.chars().take(40).collect();
        let message = format!("{}: data value too large: {shown} (max length={max})", field.label);
        return Err(RowError::new("STRING_TOO_LONG", message, &[&field.name]));
    }
    let known = |value: &str| field.picklist.iter().any(|entry| entry.active && &*entry.value == value);
    if access == Access::Api && field.restricted_picklist && !known(text) {
        let shown: String = text.chars().take(40).collect();
        let message = format!("{}: bad value for restricted picklist field: {shown}", field.label);
        return Err(RowError::new("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, &[&field.name]));
    }
    Ok(Value::text(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn convert(field: &FieldDef, json: &Json) -> Result<Value, &'static str> {
        to_value(field, json, Access::Api).map_err(|error| error.code)
    }

    #[test]
    fn numbers_keep_their_cents_and_their_bounds() {
        let amount = FieldDef::new("Amount", FieldType::Currency).number(18, 2);
        assert_eq!(convert(&amount, &json!(12500)), Ok(Value::Decimal("12500.0".into())));
        assert_eq!(convert(&amount, &json!(0.1)), Ok(Value::Decimal("0.1".into())));
        assert_eq!(convert(&amount, &json!("12.34")), Ok(Value::Decimal("12.34".into())));
        assert_eq!(convert(&amount, &json!(1e30)), Err("NUMBER_OUTSIDE_VALID_RANGE"));
        assert_eq!(convert(&amount, &json!("a lot")), Err("JSON_PARSER_ERROR"));
        assert_eq!(to_value(&amount, &json!(1e30), Access::Admin), Ok(Value::Decimal("1.0E30".into())));
    }

    #[test]
    fn empty_text_is_null_and_long_text_is_refused() {
        let name = FieldDef::new("Name", FieldType::String).length(3);
        assert_eq!(convert(&name, &json!("")), Ok(Value::Null));
        assert_eq!(convert(&name, &json!("äöü")), Ok(Value::text("äöü")));
        assert_eq!(convert(&name, &json!("abcd")), Err("STRING_TOO_LONG"));
        assert_eq!(convert(&name, &json!(5)), Err("JSON_PARSER_ERROR"));
    }

    #[test]
    fn instants_are_cut_to_seconds_in_every_zone_form() {
        let utc = Some(1_767_348_245_000);
        assert_eq!(parse_instant("2026-01-02T10:04:05.999Z"), utc);
        assert_eq!(parse_instant("2026-01-02T11:04:05+01:00"), utc);
        assert_eq!(parse_instant("2026-01-02T10:04:05.000+0000"), utc);
        assert_eq!(parse_instant("2026-01-02 10:04"), None);
    }

    #[test]
    fn restricted_picklists_take_only_their_entries() {
        let field = FieldDef::new("P__c", FieldType::Picklist).values(&["Low"]).restricted();
        assert_eq!(convert(&field, &json!("Low")), Ok(Value::text("Low")));
        assert_eq!(convert(&field, &json!("Lowest")), Err("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"));
    }
}
