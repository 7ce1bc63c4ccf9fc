//! Mappings: each fills a field that is there, once, with values of its kind.

use std::collections::HashMap;

use serde::Deserialize;

use super::super::node::{Key, Node};
use super::super::problem::Findings;
use super::super::suggest::{allowed, near};
use super::providers::Place;
use super::transforms;
use crate::FieldMapping;

pub(super) fn check(place: &Place<'_>, key: &Key, detection: &Node, found: &mut Findings) {
    let Some(mapping) = detection.get("mapping") else { return };
    let mut lines: HashMap<&str, usize> = HashMap::new();
    for node in mapping.items() {
        if let Some(target) = node.get("target") {
            check_target(place, target, &mut lines, found);
        }
        if let Some(source) = node.get("source") {
            check_source(place, source, found);
        }
        let target = node.get("target").and_then(Node::text).and_then(|name| place.file.target(name));
        if let (Ok(one), Some(target)) = (FieldMapping::deserialize(node), target) {
            transforms::check(&one, node, target, found);
        }
    }
    never_filled(place, key, detection, &lines, found);
}

fn check_target<'a>(
    place: &Place<'_>,
    node: &'a Node,
    lines: &mut HashMap<&'a str, usize>,
    found: &mut Findings,
) {
    let Some(name) = node.text() else { return };
    if !place.file.has_fields() {
        return; // Not one field could be read, which was told.
    }
    if place.file.target(name).is_none() {
        let help = match name {
            "external_id" | "id" => "a record's own id is kept without a mapping".to_owned(),
            _ => near(name, place.file.names()).unwrap_or_else(|| {
                format!("the fields and relationships are {}", allowed(place.file.names()))
            }),
        };
        found.add(node.at, format!("there is no field or relationship `{name}`"), help);
    } else if let Some(line) = lines.get(name) {
        found.add(
            node.at,
            format!("`{name}` is filled already, in line {line}"),
            "remove one of the two mappings",
        );
    } else {
        lines.insert(name, node.at.line);
    }
}

fn check_source(place: &Place<'_>, node: &Node, found: &mut Findings) {
    let Some(source) = node.text() else { return };
    if source.is_empty() || source.trim() != source || source.chars().any(char::is_control) {
        found.add(node.at, "the source has to be a name, without blanks around it", None);
    } else if let Some(crm) = place.crm
        && !crm.is_source(source)
    {
        let message = format!("`{source}` can't be a field of {}", crm.name());
        found.add(node.at, message, format!("it has to be {}", crm.source_form()));
    }
}

/// A provider may leave fields out: CRMs differ, and they stay empty. It can't leave out what is never empty.
fn never_filled(
    place: &Place<'_>,
    key: &Key,
    detection: &Node,
    lines: &HashMap<&str, usize>,
    found: &mut Findings,
) {
    let has_extras = detection.get("extras").is_some_and(|node| bool::deserialize(node).unwrap_or_default());
    if has_extras {
        return;
    }
    for target in place.file.targets.iter().filter(|target| target.required) {
        if !lines.contains_key(target.name) {
            let message = format!("`{}` never fills `{}`, which is required", place.provider, target.name);
            found.add(key.at, message, "map it, or complete it in `extras.rs` and write `extras: true`");
        }
    }
}
