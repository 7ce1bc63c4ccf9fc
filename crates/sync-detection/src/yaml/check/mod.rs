//! Whether what the file says makes sense. Parts whose form is wrong were reported before and are passed over
//! here, so that all mistakes come in one go.

mod entity;
mod events;
mod filters;
mod mapping;
mod names;
mod providers;
mod remote;
mod transforms;
mod writing;

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use sync_core::FieldKind;

pub(super) use events::check_event;

use super::file::KnownEntities;
use super::node::{Key, Node};
use super::problem::{Findings, Position};
use super::{FieldConfig, RelationshipConfig};

/// Reports everything that has the right form and makes no sense.
pub(super) fn check(tree: &Node, known: &KnownEntities, found: &mut Findings) {
    let file = File::new(tree);
    entity::check(&file, known, found);
    providers::check(&file, found);
    writing::check(&file, found);
}

/// The parts of a file that could be read.
struct File<'a> {
    tree: &'a Node,
    /// Fields and relationships, in the order of the file.
    targets: Vec<Target<'a>>,
    /// Their places in that list; the first of one name.
    places: HashMap<&'a str, usize>,
    providers: HashMap<&'a str, &'a Node>,
    detected: HashSet<&'a str>,
}

/// What a mapping can fill.
struct Target<'a> {
    name: &'a str,
    at: Position,
    /// `None` where the file does not say it in a form that could be read.
    kind: Option<FieldKind>,
    /// Whether it is never empty.
    required: bool,
}

impl<'a> File<'a> {
    fn new(tree: &'a Node) -> Self {
        let fields = tree.get("fields").map(Node::entries).unwrap_or_default().iter();
        let links = tree.get("relationships").map(Node::entries).unwrap_or_default().iter();
        let field = |(key, value): &'a (Key, Node)| {
            let config = FieldConfig::deserialize(value).ok();
            let kind = config.as_ref().map(|config| config.kind.field_kind());
            let required = config.is_some_and(|config| config.required);
            Target { name: &key.text, at: key.at, kind, required }
        };
        let link = |(key, _): &'a (Key, Node)| Target {
            name: &key.text,
            at: key.at,
            kind: Some(FieldKind::Link),
            required: false,
        };
        let targets: Vec<_> = fields.map(field).chain(links.map(link)).collect();
        let places = targets.iter().enumerate().rev().map(|(n, target)| (target.name, n)).collect();
        let mut file = Self { tree, targets, places, providers: HashMap::new(), detected: HashSet::new() };
        file.providers = file.providers().iter().map(|(key, node)| (key.text.as_str(), node)).collect();
        file.detected = file.detection().iter().map(|(key, _)| key.text.as_str()).collect();
        file
    }

    /// The first field or relationship of this name.
    fn target(&self, name: &str) -> Option<&Target<'a>> {
        self.places.get(name).map(|place| &self.targets[*place])
    }

    /// Whether any field could be read.
    fn has_fields(&self) -> bool {
        self.tree.get("fields").is_some_and(|fields| !fields.entries().is_empty())
    }

    fn names(&self) -> impl Iterator<Item = &'a str> {
        self.targets.iter().map(|target| target.name)
    }

    /// The relationships that could be read, with the place of the other entity's name.
    fn links(&self) -> impl Iterator<Item = (RelationshipConfig, Position)> {
        let links = self.tree.get("relationships").map(Node::entries).unwrap_or_default();
        links.iter().filter_map(|(key, value)| {
            let at = value.get("entity").map_or(key.at, |entity| entity.at);
            Some((RelationshipConfig::deserialize(value).ok()?, at))
        })
    }

    fn providers(&self) -> &'a [(Key, Node)] {
        let providers = self.tree.get("sync").and_then(|sync| sync.get("providers"));
        providers.map(Node::entries).unwrap_or_default()
    }

    fn detection(&self) -> &'a [(Key, Node)] {
        self.tree.get("detection").map(Node::entries).unwrap_or_default()
    }
}

/// The spelling of a kind in a file.
fn kind_name(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Bool => "bool",
        FieldKind::Int => "int",
        FieldKind::Decimal => "decimal",
        FieldKind::Text => "text",
        FieldKind::Date => "date",
        FieldKind::Instant => "instant",
        FieldKind::Json => "json",
        FieldKind::Link => "a link",
    }
}
