//! Filters: operator and value fit each other, and the mode can apply them.

use serde::Deserialize;
use sync_core::value::parse_decimal;

use super::super::node::{Node, Scalar, Value};
use super::super::problem::Findings;
use super::providers::Place;
use crate::{Filter, FilterOp, FilterValue};

pub(super) fn check(place: &Place<'_>, detection: &Node, found: &mut Findings) {
    let Some(filters) = detection.get("filters") else { return };
    let is_webhook = detection.get("mode").and_then(Node::text) == Some("webhook");
    if is_webhook && let Some(first) = filters.items().first() {
        let message = "filters are applied when records are asked for, and events come unasked";
        found.add(first.at, message, "leave events out where they are mapped");
    }
    for node in filters.items() {
        one(place, node, found);
    }
}

fn one(place: &Place<'_>, node: &Node, found: &mut Findings) {
    if let Some(field) = node.get("field")
        && let Some(name) = field.text()
    {
        if name.trim() != name || name.is_empty() {
            found.add(field.at, "the field has to be a name, without blanks around it", None);
        } else if let Some(crm) = place.crm
            && (!crm.is_source(name) || name.starts_with("associations."))
        {
            found.add(field.at, format!("`{name}` can't be filtered by at {}", crm.name()), None);
        }
    }
    let Some(value) = node.get("value") else { return };
    let Some(op) = node.get("op").and_then(|op| FilterOp::deserialize(op).ok()) else { return };
    if !numbers(value, found) {
        return;
    }
    let Ok(plain) = FilterValue::deserialize(value) else { return };
    if matches!(&plain, FilterValue::List(values) if values.is_empty()) {
        return; // That it is empty was told with the form.
    }
    if let Err(error) = Filter::new("", op, plain.clone()) {
        found.add(value.at, format!("`{op}` needs {}", error.expected), None);
        return;
    }
    if let FilterValue::List(values) = &plain {
        let kind = std::mem::discriminant(&values[0]);
        if values.iter().any(|value| std::mem::discriminant(value) != kind) {
            found.add(value.at, "the values of a list have to be of one kind", "put all of them in quotes");
        }
    }
}

/// Whether every number can be compared with exactly as it is written.
fn numbers(value: &Node, found: &mut Findings) -> bool {
    let mut all = true;
    for node in std::iter::once(value).chain(value.items()) {
        let Value::Scalar(Scalar::Float(written, number)) = &node.value else { continue };
        let is_exact = written.bytes().filter(u8::is_ascii_digit).count() <= 15;
        if !is_exact || parse_decimal(&number.to_string()).is_none() {
            let message = format!("`{written}` can't be compared with exactly: it has too many digits");
            found.add(node.at, message, "15 digits are safe");
            all = false;
        }
    }
    all
}
