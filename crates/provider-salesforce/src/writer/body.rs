//! What a row's fields are sent as.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use sync_core::value::parse_decimal;
use sync_core::{FieldKind, FieldSet, FieldValue, Written};

use crate::ToSalesforce;
use crate::describe::{FieldDescription, FieldType, ObjectDescription};
use crate::id::SalesforceId;
use crate::to::mapping_of;

/// The values of a row by API name, as JSON.
#[derive(Clone, Debug, Default)]
pub(crate) struct Body(Vec<(String, Box<RawValue>)>);

impl Body {
    /// The named fields of a record and the custom ones it holds. A create leaves empty fields out.
    ///
    /// # Errors
    /// [`Written::Refused`] when a value can't be sent, or none of the named fields can be written.
    pub(crate) fn of<T: ToSalesforce>(
        object: &ObjectDescription,
        record: &T,
        fields: FieldSet,
        create: bool,
    ) -> Result<Self, Written> {
        let mut body = Self::default();
        let mut left_out = Vec::new();
        for field in fields.intersection(FieldSet::all::<T>()).iter() {
            let Some(mapping) = mapping_of::<T>(field).filter(|mapping| mapping.is_writable()) else {
                left_out.push(T::FIELDS[field].name);
                continue;
            };
            let target = target(&mapping.source, object).filter(|target| takes(target, create));
            let Some(target) = target else {
                left_out.push(&mapping.source);
                continue;
            };
            let value = mapping
                .write_back(record.value(field))
                .map_err(|error| refuse(&mapping.target, error.reason()))?;
            body.push(target, &value, create)?;
        }
        for (name, value) in record.custom().into_iter().flat_map(sync_core::CustomFields::iter) {
            if let Some(target) = object.field(name).filter(|target| takes(target, create)) {
                body.push(target, value, create)?;
            }
        }
        if !left_out.is_empty() {
            tracing::warn!(object = object.name, fields = left_out.join(","), "not writable, so not sent");
            if body.is_empty() {
                return Err(nothing_left(object, &left_out));
            }
        }
        Ok(body)
    }

    fn push(&mut self, target: &FieldDescription, value: &FieldValue, create: bool) -> Result<(), Written> {
        if create && value.is_null() {
            return Ok(());
        }
        let json = encode(value, target.field_type).ok_or_else(|| {
            refuse(
                &target.name,
                &format!("takes {}, and the record holds another kind", target.field_type.name()),
            )
        })?;
        self.0.push((target.name.clone(), json));
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values, in the order of the fields.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(String, Box<RawValue>)> {
        self.0.iter()
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The fields that this org lets this user write.
pub(crate) fn writable<T: ToSalesforce>(object: &ObjectDescription) -> FieldSet {
    let is_open = |field: &usize| {
        let mapping = mapping_of::<T>(*field).filter(|mapping| mapping.is_writable());
        mapping.and_then(|mapping| target(&mapping.source, object)).is_some_and(|target| takes(target, false))
    };
    let mut open = FieldSet::EMPTY;
    FieldSet::all::<T>().iter().filter(is_open).for_each(|field| open.insert(field));
    open
}

fn takes(field: &FieldDescription, create: bool) -> bool {
    let is_open = if create { field.createable } else { field.updateable };
    is_open
        && !field.calculated
        && !field.deprecated_and_hidden
        && !field.field_type.is_compound()
        && !matches!(field.field_type, FieldType::Id | FieldType::Base64)
}

/// The field of the object itself that a mapped source is written to; `None` for related records.
fn target<'a>(source: &str, object: &'a ObjectDescription) -> Option<&'a FieldDescription> {
    let Some((compound, part)) = source.split_once('.') else { return object.field(source) };
    if !object.field(compound)?.field_type.is_compound() {
        return None;
    }
    let part = part.to_ascii_lowercase();
    object.fields.iter().find(|field| {
        let name = field.name.to_ascii_lowercase();
        // `BillingCity`, and of a custom location `Place__Latitude__s`.
        field.compound_field_name.as_deref() == Some(compound)
            && name.strip_suffix("__s").unwrap_or(&name).ends_with(&part)
    })
}

/// A value as a field of this type takes it; `None` where it can't.
fn encode(value: &FieldValue, field_type: FieldType) -> Option<Box<RawValue>> {
    let text = |text: &str| to_raw_value(text).ok();
    match (value, field_type.kind()) {
        // A truth is never empty (reference/salesforce.md, types).
        (FieldValue::Null, FieldKind::Bool) => raw("false"),
        (FieldValue::Null, _) => raw("null"),
        (FieldValue::Bool(truth), FieldKind::Bool) => raw(if *truth { "true" } else { "false" }),
        (FieldValue::Int(number), FieldKind::Int | FieldKind::Decimal) => raw(&number.to_string()),
        (FieldValue::Decimal(number), FieldKind::Decimal) => raw(&number.to_string()),
        (FieldValue::Decimal(number), FieldKind::Int) if number.is_integer() => {
            raw(&number.trunc().normalize().to_string())
        }
        (FieldValue::Text(digits), FieldKind::Int | FieldKind::Decimal) => {
            encode(&FieldValue::Decimal(parse_decimal(digits)?), field_type)
        }
        (FieldValue::Date(day), FieldKind::Date) => text(&day.to_string()),
        (FieldValue::Text(day), FieldKind::Date) => encode(&FieldValue::Date(day.parse().ok()?), field_type),
        (FieldValue::Instant(moment), FieldKind::Instant) => {
            text(&moment.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
        }
        (FieldValue::Text(moment), FieldKind::Instant) => {
            encode(&FieldValue::Instant(sync_core::value::parse_instant(moment)?), field_type)
        }
        (FieldValue::Text(id), FieldKind::Text) if field_type == FieldType::Reference => {
            text(SalesforceId::parse(id)?.as_str())
        }
        (FieldValue::Text(words), FieldKind::Text) => text(words),
        (value, FieldKind::Json) => to_raw_value(&value.to_json()).ok(),
        _ => None,
    }
}

fn raw(json: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(json.to_owned()).ok()
}

fn refuse(field: &str, reason: &str) -> Written {
    Written::Refused { code: "VALUE_NOT_SENT".to_owned(), reason: format!("field `{field}` {reason}") }
}

fn nothing_left(object: &ObjectDescription, left_out: &[&str]) -> Written {
    Written::Refused {
        code: "NOT_WRITABLE".to_owned(),
        reason: format!(
            "{} lets this user write none of {}; give access to them, or write `write: false` at their mappings",
            object.name,
            left_out.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> FieldValue {
        FieldValue::Decimal(text.parse().unwrap())
    }

    fn sent(value: &FieldValue, field_type: FieldType) -> Option<String> {
        encode(value, field_type).map(|json| json.get().to_owned())
    }

    #[test]
    fn values_are_sent_as_their_fields_take_them() {
        let text = |text: &str| FieldValue::Text(text.to_owned());
        for (value, field_type, json) in [
            (FieldValue::Null, FieldType::String, "null"),
            (FieldValue::Null, FieldType::Boolean, "false"),
            (FieldValue::Bool(true), FieldType::Boolean, "true"),
            (FieldValue::Int(7), FieldType::Int, "7"),
            (FieldValue::Int(7), FieldType::Currency, "7"),
            (
                decimal("79228162514264337593543950.335"),
                FieldType::Currency,
                "79228162514264337593543950.335",
            ),
            (decimal("-0.10"), FieldType::Percent, "-0.10"),
            (decimal("12.0"), FieldType::Int, "12"),
            (text("1e3"), FieldType::Double, "1000"),
            (FieldValue::Date("2026-03-31".parse().unwrap()), FieldType::Date, r#""2026-03-31""#),
            (
                FieldValue::Instant("2026-03-31T09:30:00.5Z".parse().unwrap()),
                FieldType::Datetime,
                r#""2026-03-31T09:30:00.500Z""#,
            ),
            (text("O'Neil \"x\" \\ \u{0} ä\n"), FieldType::String, r#""O'Neil \"x\" \\ \u0000 ä\n""#),
            (text("001Dn00000AbCdE"), FieldType::Reference, r#""001Dn00000AbCdEIAV""#),
            (text("A;B"), FieldType::Multipicklist, r#""A;B""#),
        ] {
            assert_eq!(sent(&value, field_type).as_deref(), Some(json));
        }
    }

    #[test]
    fn values_of_another_kind_are_not_sent() {
        for (value, field_type) in [
            (FieldValue::Text("soon".to_owned()), FieldType::Date),
            (FieldValue::Text("x".to_owned()), FieldType::Currency),
            (decimal("1.5"), FieldType::Int),
            (FieldValue::Text("Acme".to_owned()), FieldType::Reference),
            (FieldValue::Bool(true), FieldType::String),
            (FieldValue::Int(1), FieldType::Boolean),
        ] {
            assert_eq!(sent(&value, field_type), None, "{value:?} {field_type:?}");
        }
    }
}
