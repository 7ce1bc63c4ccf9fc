//! Writing to a CRM: what can be written, by which key, and whose value counts.

use serde::Deserialize;

use super::super::node::{Key, Node, Scalar, Value};
use super::super::problem::Findings;
use super::super::suggest::{allowed, near};
use super::super::{ConflictConfig, Direction};
use super::File;
use super::remote::Crm;
use crate::FieldMapping;

pub(super) fn check(file: &File<'_>, found: &mut Findings) {
    for (key, provider) in file.providers() {
        let direction = match provider.get("direction") {
            None => Direction::default(),
            Some(node) => match Direction::deserialize(node) {
                Ok(direction) => direction,
                Err(_) => continue, // A wrong word was told.
            },
        };
        only_where(provider, "key", direction.writes(), "outbound` or `direction: bidirectional", found);
        let both = direction == Direction::Bidirectional;
        only_where(provider, "conflicts", both, "bidirectional", found);
        let mapping = mapping_of(file, key);
        if direction.writes() {
            writable(key, provider, &mapping, found);
            key_field(key, provider, &mapping, found);
        }
        conflicts(file, provider, &mapping, found);
        no_way_back(&mapping, found);
    }
}

/// The mappings of a provider that could be read, with their places.
fn mapping_of<'a>(file: &File<'a>, key: &Key) -> Vec<(FieldMapping, &'a Node)> {
    let detection = file.detection().iter().find(|(name, _)| name.text == key.text);
    let nodes = detection.and_then(|(_, detection)| detection.get("mapping")).map(Node::items);
    let read = |node: &'a Node| Some((FieldMapping::deserialize(node).ok()?, node));
    nodes.unwrap_or_default().iter().filter_map(read).collect()
}

fn only_where(provider: &Node, name: &str, is_one: bool, direction: &str, found: &mut Findings) {
    if let Some((key, _)) = provider.entries().iter().find(|(key, _)| key.text == name)
        && !is_one
    {
        let message = format!("`{name}` has no meaning for this direction");
        found.add(key.at, message, format!("write `direction: {direction}`, or remove it"));
    }
}

fn writable(key: &Key, provider: &Node, mapping: &[(FieldMapping, &Node)], found: &mut Findings) {
    let at = provider.get("direction").map_or(key.at, |node| node.at);
    let object = provider.get("remote_entity").and_then(Node::text).unwrap_or_default();
    if let Some(reason) = Crm::of(&key.text).and_then(|crm| crm.read_only(object)) {
        found.add(at, reason, "write `direction: inbound`");
    } else if !mapping.is_empty() && !mapping.iter().any(|(one, _)| one.is_writable()) {
        let message = format!("nothing of `{}` can be written", key.text);
        found.add(
            at,
            message,
            "map a field without `write: false` and with transforms that can be turned back",
        );
    }
}

fn key_field(key: &Key, provider: &Node, mapping: &[(FieldMapping, &Node)], found: &mut Findings) {
    let Some(node) = provider.get("key") else { return };
    let Some(name) = node.text() else { return };
    let crm = Crm::of(&key.text);
    let is_name = match crm {
        Some(crm) => crm.is_source(name) && !name.contains('.'),
        None => !name.is_empty() && name.trim() == name,
    };
    if !is_name {
        let (whose, form) = match crm {
            Some(Crm::Salesforce) => {
                ("Salesforce", "the API name of a custom field, such as `Hexsync_Key__c`")
            }
            Some(Crm::Hubspot) => ("HubSpot", "the internal name of a property, such as `hexsync_key`"),
            None => ("the provider", "the name of a field, without blanks around it"),
        };
        found.add(node.at, format!("`{name}` can't be a field of {whose}"), format!("it has to be {form}"));
    } else if let Some((_, other)) = mapping.iter().find(|(one, _)| one.source == name) {
        let message = format!("`{name}` holds our key, and is mapped as well in line {}", other.at.line);
        found.add(node.at, message, "keep a field of the CRM for the key alone");
    }
}

fn conflicts(file: &File<'_>, provider: &Node, mapping: &[(FieldMapping, &Node)], found: &mut Findings) {
    let Some(node) = provider.get("conflicts") else { return };
    if ConflictConfig::deserialize(node).is_err() {
        return;
    }
    for (field, _) in node.get("fields").map(Node::entries).unwrap_or_default() {
        let name = field.text.as_str();
        if name.strip_prefix("custom.").is_some_and(|custom| !custom.is_empty()) {
            continue;
        }
        if file.has_fields() && file.target(name).is_none() {
            let help = near(name, file.names())
                .unwrap_or_else(|| format!("the fields and relationships are {}", allowed(file.names())));
            found.add(field.at, format!("there is no field or relationship `{name}`"), help);
        } else if !mapping.iter().any(|(one, _)| one.target == name && one.is_writable()) {
            let message = format!("`{name}` is never written here, so there is no conflict about it");
            found.add(field.at, message, "remove it");
        }
    }
}

/// `write: true` can't make a way back where there is none.
fn no_way_back(mapping: &[(FieldMapping, &Node)], found: &mut Findings) {
    for (one, node) in mapping {
        let Some(write) =
            node.get("write").filter(|node| matches!(node.value, Value::Scalar(Scalar::Bool(true))))
        else {
            continue;
        };
        if let Some(lossy) = one.transforms.iter().find(|transform| !transform.is_invertible()) {
            let message =
                format!("`{}` can't be turned back, so `{}` is never written", lossy.name(), one.target);
            found.add(write.at, message, "remove `write`, or the transform");
        }
    }
}
