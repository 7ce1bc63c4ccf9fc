//! Manifests: what the entities need of features and dependencies. What people wrote beside that stays.

use std::path::Path;

use anyhow::{Context as _, Result};
use sync_core::FieldKind;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value};

use super::model::{Entity, Model};
use super::output::Files;

/// Arrays up to this wide stand on one line.
const WIDTH: usize = 100;

/// Adds the manifests, with what is missing in them.
pub(super) fn upkeep(root: &Path, model: &Model, files: &mut Files) -> Result<()> {
    let read =
        |path: &str| std::fs::read_to_string(root.join(path)).with_context(|| format!("reading {path}"));
    let mut workspace = read("Cargo.toml")?;
    for entity in &model.entities {
        let package = entity.package();
        workspace = with_member(&workspace, &package, "entity-");
        let path = format!("crates/{package}/Cargo.toml");
        let text = if root.join(&path).exists() { read(&path)? } else { self::package(entity.name()) };
        let mut manifest: DocumentMut = text.parse().with_context(|| format!("{path} is not TOML"))?;
        complete(&mut manifest, model, entity);
        files.plain(&path, manifest.to_string());
    }
    files.plain("Cargo.toml", workspace);
    let path = "crates/sync-wiring/Cargo.toml";
    let mut wiring: DocumentMut = read(path)?.parse().with_context(|| format!("{path} is not TOML"))?;
    complete_wiring(&mut wiring, model);
    files.plain(path, wiring.to_string());
    Ok(())
}

/// The root manifest with a line for a crate of the workspace, below its likes.
pub(crate) fn with_member(manifest: &str, package: &str, family: &str) -> String {
    let names_it = |line: &str| line.split(['=', ' ', '.']).next() == Some(package);
    if manifest.lines().any(names_it) {
        return manifest.to_owned();
    }
    let lines: Vec<_> = manifest.lines().collect();
    let is_local = |line: &&str| line.contains("path = \"crates/");
    let family = lines.iter().rposition(|line| line.starts_with(family) && is_local(line));
    let last = family.or_else(|| lines.iter().rposition(is_local));
    let width = lines.iter().find(|line| is_local(line)).and_then(|line| line.find('=')).unwrap_or(0);
    let line = format!("{package:<0$} = {{ path = \"crates/{package}\" }}", width.saturating_sub(1));
    let mut text = String::with_capacity(manifest.len() + line.len() + 1);
    for (at, old) in lines.iter().enumerate() {
        text.push_str(old);
        text.push('\n');
        if Some(at) == last {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

/// A manifest that says which stores keep an entity; everything else comes with [`upkeep`].
pub(crate) fn kept_in(entity: &str, stores: &str) -> String {
    let head = package(entity);
    head.replace("[lints]", &format!("[package.metadata.hexsync]\nstores = [{stores}]\n\n[lints]"))
}

fn package(entity: &str) -> String {
    format!(
        "[package]
name = \"{}\"
description = \"The canonical {} and its tables\"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
authors.workspace = true
publish.workspace = true

[lints]
workspace = true

[features]
default = []

[dependencies]
sync-core = {{ workspace = true }}
",
        super::model::package_of(entity),
        super::names::words(entity)
    )
}

fn complete(manifest: &mut DocumentMut, model: &Model, entity: &Entity) {
    let stores: Vec<_> = model.stores_of(entity).map(|store| store.name.as_str()).collect();
    let served: Vec<_> = entity.providers.iter().filter(|provider| provider.has_crate).collect();
    let features = table(manifest, "features");
    let mut full = Vec::new();
    for store in &stores {
        set(features, &format!("store-{store}"), &[format!("dep:sync-{store}")]);
        full.push(format!("store-{store}"));
    }
    for provider in &served {
        let feature = provider.feature();
        set(features, &feature, &[format!("dep:{feature}")]);
        full.push(feature);
    }
    set(features, "full", &full);
    sort_features(features);

    let has = |kind: FieldKind| entity.kinds().any(|of| of == kind);
    let dependencies = table(manifest, "dependencies");
    depend(dependencies, "sync-core", false, &[]);
    depend(dependencies, "sync-detection", false, &[]);
    for (name, used) in [
        ("chrono", has(FieldKind::Date) || has(FieldKind::Instant)),
        ("rust_decimal", has(FieldKind::Decimal)),
        ("serde_json", has(FieldKind::Json)),
    ] {
        if used {
            depend(dependencies, name, false, &[]);
        }
    }
    for store in &stores {
        depend(dependencies, &format!("sync-{store}"), true, &[]);
    }
    for provider in &served {
        depend(dependencies, &provider.feature(), true, &[]);
    }
    let dev = table(manifest, "dev-dependencies");
    depend(dev, "sync-core", false, &["contract-tests"]);
    depend(dev, "tokio", false, &[]);
    if stores.contains(&"postgres") {
        depend(dev, "sqlx", false, &["postgres"]);
        depend(dev, "uuid", false, &[]);
    }
    contract_test(manifest);
}

/// The contract needs every adapter.
fn contract_test(manifest: &mut DocumentMut) {
    if manifest.get("test").is_some() {
        return;
    }
    let mut test = Table::new();
    test.insert("name", "contract".into());
    test.insert("required-features", Value::Array(Array::from_iter(["full"])).into());
    let mut tests = ArrayOfTables::new();
    tests.push(test);
    manifest.insert("test", Item::ArrayOfTables(tests));
}

fn complete_wiring(manifest: &mut DocumentMut, model: &Model) {
    let features = table(manifest, "features");
    for store in &model.stores {
        let feature = format!("store-{}", store.name);
        add(features, &feature, &[format!("dep:sync-{}", store.name)]);
        for entity in model.entities.iter().filter(|entity| entity.stores.contains(&store.name)) {
            add(features, &feature, &[format!("{}?/{feature}", entity.package())]);
        }
    }
    for provider in &model.providers {
        let feature = format!("provider-{provider}");
        add(features, &feature, &[format!("dep:{feature}"), "_rest".to_owned()]);
        let serves =
            |entity: &&Entity| entity.providers.iter().any(|one| one.has_crate && one.feature() == feature);
        for entity in model.entities.iter().filter(serves) {
            add(features, &feature, &[format!("{}?/{feature}", entity.package())]);
        }
    }
    let packages: Vec<_> = model.entities.iter().map(Entity::package).collect();
    let providers: Vec<_> = model.providers.iter().map(|name| format!("provider-{name}")).collect();
    for package in &packages {
        set(features, package, &[format!("dep:{package}")]);
    }
    set(features, "entities", &packages);
    set(features, "providers", &providers);
    let stores: Vec<_> = model.stores.iter().map(|store| format!("store-{}", store.name)).collect();
    add(features, "full", &stores);
    sort_features(features);
    let dependencies = table(manifest, "dependencies");
    for store in &model.stores {
        depend(dependencies, &format!("sync-{}", store.name), true, &[]);
    }
    for name in providers.iter().chain(&packages) {
        depend(dependencies, name, true, &[]);
    }
}

fn table<'a>(manifest: &'a mut DocumentMut, name: &str) -> &'a mut Table {
    let item = manifest.entry(name).or_insert_with(|| Item::Table(Table::new()));
    if !item.is_table() {
        *item = Item::Table(Table::new());
    }
    item.as_table_mut().expect("made a table just before")
}

/// Sets a list of features.
fn set(features: &mut Table, name: &str, values: &[String]) {
    let same = features.get(name).and_then(Item::as_array).is_some_and(|array| texts(array) == values);
    if !same {
        put(features, name, values);
    }
}

/// Adds to a list of features what it lacks.
fn add(features: &mut Table, name: &str, values: &[String]) {
    let mut all = features.get(name).and_then(Item::as_array).map(texts).unwrap_or_default();
    let before = all.len();
    for value in values {
        if !all.contains(value) {
            all.push(value.clone());
        }
    }
    if all.len() > before || !features.contains_key(name) {
        put(features, name, &all);
    }
}

fn texts(array: &Array) -> Vec<String> {
    array.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

/// Writes a list on one line or, when it is long, one item per line.
fn put(features: &mut Table, name: &str, values: &[String]) {
    let mut array: Array = values.iter().map(String::as_str).collect();
    let width = name.len() + 5 + values.iter().map(|value| value.len() + 4).sum::<usize>();
    if width > WIDTH {
        for value in array.iter_mut() {
            value.decor_mut().set_prefix("\n    ");
        }
        array.set_trailing("\n");
        array.set_trailing_comma(true);
    }
    match features.get_mut(name).and_then(Item::as_value_mut) {
        Some(value) => *value = Value::Array(array),
        None => {
            features.insert(name, Value::Array(array).into());
        }
    }
}

/// Groups the features; within a group they stay in their order, new ones at the end.
fn sort_features(features: &mut Table) {
    let rank = |name: &str| match name {
        "default" => 0,
        "entities" => 6,
        "providers" => 7,
        "full" => 8,
        name if name.starts_with('_') => 9,
        name if name.starts_with("store-") => 1,
        name if name.starts_with("provider-") => 2,
        name if name.starts_with("entity-") => 4,
        _ => 3,
    };
    let order: Vec<String> = features.iter().map(|(name, _)| name.to_owned()).collect();
    let place = |name: &str| (rank(name), order.iter().position(|other| other == name));
    features.sort_values_by(|a, _, b, _| place(a.get()).cmp(&place(b.get())));
}

/// A dependency of the workspace; one that is there is changed only where it has to be.
fn depend(dependencies: &mut Table, name: &str, optional: bool, features: &[&str]) {
    let there = dependencies.get(name).and_then(Item::as_inline_table);
    let is_optional = there.and_then(|item| item.get("optional")).and_then(Value::as_bool).unwrap_or(false);
    let has = |feature: &&str| {
        let listed = there.and_then(|item| item.get("features")).and_then(Value::as_array);
        listed.is_some_and(|array| array.iter().any(|value| value.as_str() == Some(feature)))
    };
    if dependencies.contains_key(name) && is_optional == optional && features.iter().all(has) {
        return;
    }
    let mut item = InlineTable::new();
    item.insert("workspace", true.into());
    if optional {
        item.insert("optional", true.into());
    }
    if !features.is_empty() {
        item.insert("features", Value::Array(features.iter().copied().collect()));
    }
    dependencies.insert(name, Item::Value(Value::InlineTable(item)));
}
