//! An `entity.yaml` from what an object is made of.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use sync_detection::yaml::{EntityFile, KnownEntities, snake_case};

use super::remote::{Field, Object};
use crate::codegen::names::capitalised;

/// Fields that an entity has at most; the rest is left to a person to choose from.
const MOST: usize = 80;

/// One provider of the file to be written.
pub(super) struct Origin {
    /// The provider's key.
    pub(super) key: String,
    /// The object there.
    pub(super) object: Object,
}

/// The other entities: which of the provider's objects they are, by the object's name.
pub(super) type Others = BTreeMap<String, String>;

/// The file's text.
pub(super) fn entity(name: &str, doc: &str, origins: &[Origin], others: &Others) -> String {
    let plural = plural(name);
    let mut text = format!("# yaml-language-server: $schema=../../docs/entity.schema.json\nentity: {name}\n");
    if plural != format!("{name}s") {
        let _ = writeln!(text, "plural: {plural}");
    }
    let _ = writeln!(text, "doc: {}", quoted(doc));
    let first = origins.first();
    let fields = first.map(|origin| fields(&origin.object, others)).unwrap_or_default();
    if let Some(title) = fields.iter().find(|field| field.field.is_name && field.field.kind == "text") {
        let _ = writeln!(text, "title: {}", title.name);
    }
    text += "custom_fields: jsonb\nfields:\n";
    for field in fields.iter().filter(|field| field.parent.is_none()) {
        let (kind, label) = (field.field.kind, sentence(&field.field.label, &field.name));
        let _ = writeln!(text, "  {}: {{ type: {kind}, doc: {} }}", field.name, quoted(&label));
    }
    let links: Vec<_> = fields.iter().filter(|field| field.parent.is_some()).collect();
    if !links.is_empty() {
        text += "relationships:\n";
    }
    for link in links {
        let label = sentence(&link.field.label, &link.name);
        let parent = link.parent.as_deref().unwrap_or_default();
        let _ = writeln!(text, "  {}: {{ entity: {parent}, doc: {} }}", link.name, quoted(&label));
    }
    text += "sync:\n  providers:\n";
    for Origin { key, object } in origins {
        let _ = writeln!(text, "    {key}: {{ remote_entity: {} }}", quoted(&object.name));
    }
    text += "detection:\n";
    for Origin { key, object } in origins {
        let (kind, stamp) = cursor(key, &object.name);
        let _ = write!(
            text,
            "  {key}:\n    mode: poll\n    poll: {{ cursor: {{ kind: {kind}, field: {stamp} }} }}\n    mapping:\n"
        );
        let of_both: Vec<_> = self::fields(object, others)
            .into_iter()
            .filter(|field| fields.iter().any(|known| known.name == field.name))
            .map(|field| (field.field.name.clone(), field.name))
            .collect();
        for (source, target) in if of_both.is_empty() { draft(&fields) } else { of_both } {
            let _ = writeln!(text, "      - {{ source: {}, target: {target} }}", quoted(&source));
        }
    }
    text
}

/// A mapping for a provider that nobody described: the field that a record is most likely called by, under its own
/// name.
fn draft(fields: &[Named<'_>]) -> Vec<(String, String)> {
    let called = |name: &str| fields.iter().find(|field| field.name == name && field.field.kind == "text");
    let usual = ["name", "subject", "title"].into_iter().find_map(called);
    let own = || fields.iter().find(|field| field.field.is_name);
    let field = usual.or_else(own).or_else(|| fields.first());
    field.map(|field| (field.name.clone(), field.name.clone())).into_iter().collect()
}

/// Which stamp a provider's records are followed by.
fn cursor(key: &str, object: &str) -> (&'static str, &'static str) {
    match (key, object) {
        ("salesforce", _) => ("systemModstamp", "SystemModstamp"),
        ("hubspot", "contacts") => ("timestamp", "lastmodifieddate"),
        ("hubspot", _) => ("timestamp", "hs_lastmodifieddate"),
        _ => ("timestamp", "updated_at"),
    }
}

/// A field with its name here.
struct Named<'a> {
    name: String,
    field: &'a Field,
    /// The entity that it links to.
    parent: Option<String>,
}

/// The fields under names that code and tables can take, each once.
fn fields<'a>(object: &'a Object, others: &Others) -> Vec<Named<'a>> {
    let mut taken = BTreeSet::new();
    let mut named = Vec::new();
    for field in object.fields.iter().take(MOST) {
        let parent = field.refers_to.iter().find_map(|object| others.get(object)).cloned();
        let stem = field.name.strip_suffix("__c").unwrap_or(&field.name);
        let mut name = snake_case(stem);
        if parent.is_some() {
            name = name.trim_end_matches("_id").trim_start_matches("hubspot_").to_owned();
        } else {
            name = name.trim_start_matches("hs_").to_owned();
        }
        let name = free_name(&name, &taken);
        taken.insert(name.clone());
        named.push(Named { name, field, parent });
    }
    named
}

/// The name, or one near it that is no word of Rust or SQL and not taken.
fn free_name(name: &str, taken: &BTreeSet<String>) -> String {
    let name = if name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name.to_owned()
    } else {
        format!("field_{name}")
    };
    let better = match name.as_str() {
        "type" => "kind".to_owned(),
        other => format!("{other}_value"),
    };
    let is_free = |name: &String| !taken.contains(name) && is_allowed(name);
    let numbered = (2..).map(|number| format!("{better}_{number}"));
    [name, better.clone()].into_iter().chain(numbered).find(is_free).unwrap_or(better)
}

/// Whether a field and a link can be called so: asked of those who check the file.
fn is_allowed(name: &str) -> bool {
    let text = format!(
        "entity: probe\ndoc: A probe.\nfields: {{ {name}: text }}\nsync: {{ providers: {{ salesforce: {{ remote_entity: P }} }} }}\n\
         detection:\n  salesforce:\n    mode: poll\n    poll: {{ cursor: {{ kind: systemModstamp, field: SystemModstamp }} }}\n    \
         mapping: [{{ source: A, target: {name} }}]\n"
    );
    EntityFile::parse(Path::new("entity.yaml"), &text, &KnownEntities::Any).is_ok()
}

fn plural(name: &str) -> String {
    match name.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ if name.ends_with(['s', 'x']) || name.ends_with("ch") => format!("{name}es"),
        _ => format!("{name}s"),
    }
}

fn sentence(label: &str, name: &str) -> String {
    let text = if label.trim().is_empty() { name.replace('_', " ") } else { label.trim().to_owned() };
    capitalised(text.trim_end_matches('.')) + "."
}

/// A text as YAML: plain where it can be, quoted elsewhere.
fn quoted(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || " _./-'".contains(c))
        && !["true", "false", "null", "yes", "no"].contains(&text.to_lowercase().as_str());
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}
