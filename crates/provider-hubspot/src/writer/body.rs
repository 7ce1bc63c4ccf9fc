//! What a row's properties are sent as: text, whatever their type (reference/hubspot.md, Value encodings).

use std::collections::BTreeMap;

use chrono::SecondsFormat;
use sync_core::value::{parse_decimal, parse_instant};
use sync_core::{FieldSet, FieldValue, Written};

use super::links::Link;
use crate::ToHubspot;
use crate::describe::{ObjectDescription, PropertyDescription, PropertyType};
use crate::id::HubspotId;
use crate::to::{associated, mapped, mapping_of};

/// The values of a row by internal name.
#[derive(Clone, Debug, Default, serde::Serialize)]
#[serde(transparent)]
pub(crate) struct Body(BTreeMap<String, String>);

impl Body {
    /// The named fields of a record and the custom ones it holds, and the links among them. A create leaves empty
    /// fields out.
    ///
    /// # Errors
    /// [`Written::Refused`] when a value can't be sent, or none of the named fields can be written.
    pub(crate) fn of<T: ToHubspot>(
        object: &ObjectDescription,
        record: &T,
        fields: FieldSet,
        create: bool,
    ) -> Result<(Self, Vec<Link>), Written> {
        let (mut body, mut links, mut left_out) = (Self::default(), Vec::new(), Vec::new());
        for field in fields.intersection(FieldSet::all::<T>()).iter() {
            let Some(mapping) = mapping_of::<T>(field).filter(|_| mapped::<T>().contains(field)) else {
                left_out.push(T::FIELDS[field].name);
                continue;
            };
            let value = mapping
                .write_back(record.value(field))
                .map_err(|error| refuse(&mapping.target, error.reason()))?;
            if let Some(other) = associated(&mapping.source) {
                let to = linked(&value).ok_or_else(|| refuse(&mapping.target, "is no hubspot id"))?;
                if to.is_some() || !create {
                    links.push(Link { object: other.to_owned(), to });
                }
            } else if let Some(property) = object.property(&mapping.source).filter(|property| takes(property))
            {
                body.put(property, &value, create)?;
            } else {
                left_out.push(&mapping.source);
            }
        }
        for (name, value) in record.custom().into_iter().flat_map(sync_core::CustomFields::iter) {
            if let Some(property) = object.property(name).filter(|property| takes(property)) {
                body.put(property, value, create)?;
            }
        }
        if !left_out.is_empty() {
            tracing::warn!(
                object = object.name,
                properties = left_out.join(","),
                "not writable, so not sent"
            );
            if body.is_empty() && links.is_empty() {
                return Err(nothing_left(object, &left_out));
            }
        }
        Ok((body, links))
    }

    fn put(
        &mut self,
        property: &PropertyDescription,
        value: &FieldValue,
        create: bool,
    ) -> Result<(), Written> {
        if create && value.is_null() {
            return Ok(());
        }
        let text = encode(value, property.property_type)
            .ok_or_else(|| refuse(&property.name, "takes another kind of value than the record holds"))?;
        self.0.insert(property.name.clone(), text);
        Ok(())
    }

    /// The same with one value more.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The fields that this account lets this app write.
pub(crate) fn writable<T: ToHubspot>(object: &ObjectDescription) -> FieldSet {
    let mut open = FieldSet::EMPTY;
    for field in mapped::<T>().iter() {
        let source = mapping_of::<T>(field).map(|mapping| &*mapping.source).unwrap_or_default();
        if associated(source).is_some() || object.property(source).is_some_and(takes) {
            open.insert(field);
        }
    }
    open
}

fn takes(property: &PropertyDescription) -> bool {
    property.is_writable() && !property.archived
}

/// The id that a link holds; `None` where it holds something else.
fn linked(value: &FieldValue) -> Option<Option<HubspotId>> {
    match value {
        FieldValue::Null => Some(None),
        FieldValue::Text(id) => HubspotId::parse(id).map(Some),
        _ => None,
    }
}

/// A value as a property of this type takes it; empty text clears. `None` where it can't.
fn encode(value: &FieldValue, property_type: PropertyType) -> Option<String> {
    use PropertyType as P;
    match (value, property_type) {
        (FieldValue::Null, _) => Some(String::new()),
        (FieldValue::Text(text), P::Bool) => {
            (["true", "false", ""].contains(&text.as_str())).then(|| text.clone())
        }
        (FieldValue::Bool(truth), P::Bool | P::Enumeration | P::String | P::Other) => Some(truth.to_string()),
        (FieldValue::Int(number), P::Number | P::String | P::Enumeration | P::Other) => {
            Some(number.to_string())
        }
        (FieldValue::Decimal(number), P::Number | P::String | P::Enumeration | P::Other) => {
            Some(number.to_string())
        }
        (FieldValue::Text(digits), P::Number) => parse_decimal(digits).map(|number| number.to_string()),
        (FieldValue::Date(day), P::Date | P::String | P::Other) => Some(day.to_string()),
        (FieldValue::Date(day), P::Datetime) => Some(format!("{day}T00:00:00.000Z")),
        (FieldValue::Text(day), P::Date) => day.parse::<chrono::NaiveDate>().ok().map(|day| day.to_string()),
        (FieldValue::Instant(moment), P::Datetime | P::String | P::Other) => {
            Some(moment.to_rfc3339_opts(SecondsFormat::Millis, true))
        }
        (FieldValue::Text(moment), P::Datetime) => {
            encode(&FieldValue::Instant(parse_instant(moment)?), property_type)
        }
        // A semicolon in front would add to what is there instead of replacing it.
        (FieldValue::Text(words), P::Enumeration) => Some(words.trim_start_matches(';').to_owned()),
        (FieldValue::Text(text), P::String | P::PhoneNumber | P::ObjectCoordinates | P::Json | P::Other) => {
            Some(text.clone())
        }
        (FieldValue::Json(json), P::Json | P::String | P::Other) => Some(json.to_string()),
        _ => None,
    }
}

fn refuse(field: &str, reason: &str) -> Written {
    Written::Refused { code: "VALUE_NOT_SENT".to_owned(), reason: format!("field `{field}` {reason}") }
}

fn nothing_left(object: &ObjectDescription, left_out: &[&str]) -> Written {
    let names = left_out.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    Written::Refused {
        code: "NOT_WRITABLE".to_owned(),
        reason: format!(
            "{} lets this app write none of {names}; write `write: false` at their mappings",
            object.name
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_sent_as_text_of_their_type() {
        let text = |text: &str| FieldValue::Text(text.to_owned());
        let decimal = |text: &str| FieldValue::Decimal(text.parse().unwrap());
        for (value, property_type, sent) in [
            (FieldValue::Null, PropertyType::Number, ""),
            (FieldValue::Bool(false), PropertyType::Bool, "false"),
            (FieldValue::Int(-7), PropertyType::Number, "-7"),
            (
                decimal("79228162514264337593543950.335"),
                PropertyType::Number,
                "79228162514264337593543950.335",
            ),
            (text("1e3"), PropertyType::Number, "1000"),
            (FieldValue::Date("2026-03-31".parse().unwrap()), PropertyType::Date, "2026-03-31"),
            (
                FieldValue::Date("2026-03-31".parse().unwrap()),
                PropertyType::Datetime,
                "2026-03-31T00:00:00.000Z",
            ),
            (
                FieldValue::Instant("2026-03-31T09:30:00.5Z".parse().unwrap()),
                PropertyType::Datetime,
                "2026-03-31T09:30:00.500Z",
            ),
            (text("a;b"), PropertyType::Enumeration, "a;b"),
            (text(";;a"), PropertyType::Enumeration, "a"),
            (text(";a"), PropertyType::String, ";a"),
            (FieldValue::Json(serde_json::json!({"a": 1})), PropertyType::Json, r#"{"a":1}"#),
        ] {
            assert_eq!(encode(&value, property_type).as_deref(), Some(sent));
        }
        for (value, property_type) in [
            (text("soon"), PropertyType::Datetime),
            (text("x"), PropertyType::Number),
            (text("yes"), PropertyType::Bool),
            (FieldValue::Bool(true), PropertyType::Number),
            (FieldValue::Json(serde_json::json!([1])), PropertyType::Date),
        ] {
            assert_eq!(encode(&value, property_type), None, "{value:?} {property_type:?}");
        }
    }
}
