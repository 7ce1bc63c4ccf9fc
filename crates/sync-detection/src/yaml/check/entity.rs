//! The entity's names, its fields and its relationships.

use std::collections::HashMap;

use sync_core::{FieldKind, FieldSet};

use super::super::file::KnownEntities;
use super::super::problem::Findings;
use super::super::suggest::{allowed, near, nearest};
use super::{File, kind_name, names};

pub(super) fn check(file: &File<'_>, known: &KnownEntities, found: &mut Findings) {
    entity_names(file, found);
    title(file, found);
    fields(file, found);
    relationships(file, known, found);
    custom_fields(file, found);
}

fn entity_names(file: &File<'_>, found: &mut Findings) {
    let entity = file.tree.get("entity").and_then(|node| Some((node.text()?, node.at)));
    if let Some((name, at)) = entity
        && let Err(refusal) = names::entity(name)
    {
        found.add(at, format!("the entity's name `{name}` {}", refusal.reason), refusal.help);
        return;
    }
    let plural = file.tree.get("plural").and_then(|node| Some((node.text()?.to_owned(), node.at)));
    let is_given = plural.is_some();
    let plural = plural.or_else(|| entity.map(|(name, at)| (format!("{name}s"), at)));
    let Some((table, at)) = plural else { return };
    if let Err(refusal) = names::table(&table) {
        let help = if is_given { refusal.help } else { Some(format!("give a `plural` beside `{table}`")) };
        found.add(at, format!("the table's name `{table}` {}", refusal.reason), help);
    } else if entity.is_some_and(|(name, _)| name == table) {
        found.add(at, format!("`{table}` is the entity's name; one is not several"), "e.g. `opportunities`");
    }
}

fn title(file: &File<'_>, found: &mut Findings) {
    let Some(node) = file.tree.get("title") else { return };
    let Some(name) = node.text() else { return };
    if !file.has_fields() {
        return;
    }
    match file.target(name) {
        Some(target) if matches!(target.kind, Some(FieldKind::Text) | None) => {}
        other => {
            let is_text =
                |name: &&str| file.target(name).is_some_and(|target| target.kind == Some(FieldKind::Text));
            let texts = || file.names().filter(|name| is_text(name));
            let help = match near(name, texts()) {
                Some(near) if other.is_none() => near,
                _ => format!("the fields of text are {}", allowed(texts())),
            };
            let message = match other.and_then(|target| target.kind) {
                Some(kind) => {
                    format!("the title has to be a field of text, and `{name}` is {}", kind_name(kind))
                }
                None => format!("the title names a field `{name}` that is not there"),
            };
            found.add(node.at, message, help);
        }
    }
}

fn fields(file: &File<'_>, found: &mut Findings) {
    let mut lines: HashMap<&str, usize> = HashMap::new();
    for (n, target) in file.targets.iter().enumerate() {
        let is_link = target.kind == Some(FieldKind::Link);
        let (what, check) = if is_link {
            ("relationship", names::link(target.name))
        } else {
            ("field", names::field(target.name))
        };
        if let Err(refusal) = check {
            found.add(
                target.at,
                format!("the {what}'s name `{}` {}", target.name, refusal.reason),
                refusal.help,
            );
        }
        if let Some(line) = lines.insert(target.name, target.at.line) {
            let message = format!("`{}` is a field already, in line {line}", target.name);
            found.add(target.at, message, "a field and a relationship need names of their own");
        }
        if n == FieldSet::CAPACITY {
            let (n, most) = (file.targets.len(), FieldSet::CAPACITY);
            let message = format!("{n} fields and relationships, and {most} is the most");
            found.add(
                target.at,
                message,
                "leave the rest to `custom_fields`, or make an entity of some of them",
            );
        }
    }
    // `<link>_id` and `<link>_external_id` are columns too.
    for link in file.targets.iter().filter(|target| target.kind == Some(FieldKind::Link)) {
        for column in [format!("{}_id", link.name), format!("{}_external_id", link.name)] {
            if let Some(field) = file.target(&column) {
                let message = format!("`{column}` is a column of the relationship `{}` already", link.name);
                found.add(field.at, message, "leave the field out: the relationship holds both ids");
            }
        }
    }
}

fn relationships(file: &File<'_>, known: &KnownEntities, found: &mut Findings) {
    let KnownEntities::Only(known) = known else { return };
    let own = file.tree.get("entity").and_then(|node| node.text());
    for (link, at) in file.links() {
        if known.contains(&link.entity) || own == Some(&link.entity) {
            continue;
        }
        let names = || known.iter().map(String::as_str).chain(own);
        let help = match nearest(&link.entity, names()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("the entities are {}", allowed(names())),
        };
        found.add(at, format!("there is no entity `{}`", link.entity), help);
    }
}

fn custom_fields(file: &File<'_>, found: &mut Findings) {
    let Some(node) = file.tree.get("custom_fields") else { return };
    if node.get("store").and_then(|store| store.text()) == Some("none")
        && let Some((key, _)) = node.entries().iter().find(|(key, _)| key.text != "store")
    {
        let message = format!("`{}` has no meaning where custom fields are not kept", key.text);
        found.add(key.at, message, "choose `store: jsonb` or `store: eav`, or leave it out");
    }
}
