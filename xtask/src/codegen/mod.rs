//! `cargo xtask codegen`: from `crates/entity-*/entity.yaml` to code, tables and manifests.
//!
//! Everything is planned before anything is written: a mistake in one file, and the tree stays as it is.

mod emit;
pub(crate) mod manifest;
pub(crate) mod migrations;
pub(crate) mod model;
pub(crate) mod names;
pub(crate) mod output;
mod skeleton;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use sync_detection::yaml::{
    EntityFile, EventConfig, EventFile, KnownEntities, entity_schema, reference_markdown,
};

use self::model::Source;
use self::output::{Changes, Files};

/// What `cargo xtask codegen` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail when something is not as the YAML files want it.
    #[arg(long)]
    check: bool,
}

/// Brings the generated files up to date, or says which are not.
pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    if args.check { check(root) } else { write(root) }
}

/// Fails when a generated file is not as the YAML files want it.
///
/// # Errors
/// Naming every such file and the command that puts it right.
pub(crate) fn check(root: &Path) -> Result<()> {
    let changes = plan(root)?;
    if !changes.is_empty() {
        let paths: Vec<_> = changes.paths().collect();
        bail!(
            "{} generated files are not up to date; run `cargo xtask codegen` and commit what it writes:\n  {}",
            paths.len(),
            paths.join("\n  ")
        );
    }
    println!("codegen: everything generated is up to date");
    Ok(())
}

/// Brings the generated files up to date and says which were not.
///
/// # Errors
/// With every mistake of every YAML file; then nothing is written.
pub(crate) fn write(root: &Path) -> Result<()> {
    let changes = plan(root)?;
    changes.apply(root)?;
    for path in changes.write.keys() {
        println!("wrote {path}");
    }
    for path in &changes.remove {
        println!("removed {path}");
    }
    if changes.is_empty() {
        println!("codegen: everything generated is up to date");
    }
    Ok(())
}

/// What has to change in the tree.
fn plan(root: &Path) -> Result<Changes> {
    let model = model(root)?;
    let migrations = migrations::plan(root, &model)?;
    if !migrations.problems.is_empty() {
        bail!("the tables need a migration by hand:\n  {}", migrations.problems.join("\n  "));
    }
    let mut files = Files::default();
    emit::all(&model, &|entity| migrations.of(entity), &mut files);
    for (path, text) in &migrations.new {
        files.plain(path, text.clone());
    }
    skeleton::missing(root, &model, &mut files)?;
    manifest::upkeep(root, &model, &mut files)?;
    files.plain("docs/entity.schema.json", format!("{:#}\n", entity_schema()));
    files.plain("docs/entity-yaml.md", reference_markdown());
    files.changes(root)
}

/// What the files of the tree say.
fn model(root: &Path) -> Result<model::Model> {
    model::model(root, sources(root)?)
}

/// Reads every entity's file.
fn sources(root: &Path) -> Result<Vec<Source>> {
    let mut texts = BTreeMap::new();
    for package in
        model::folders(&root.join("crates"))?.into_iter().filter(|name| name.starts_with("entity-"))
    {
        let path = root.join("crates").join(&package).join("entity.yaml");
        if path.is_file() {
            let text = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            texts.insert(package, String::from_utf8_lossy(&text).into_owned());
        }
    }
    let known: KnownEntities =
        texts.values().filter_map(|text| EntityFile::names(text)).map(|names| names.entity).collect();
    let mut sources = Vec::new();
    let mut problems = Vec::new();
    for (package, text) in texts {
        let path = format!("crates/{package}/entity.yaml");
        match EntityFile::parse(Path::new(&path), &text, &known) {
            Ok(config) if model::package_of(&config.entity) == package => {
                let events = events(root, &package, &config.entity, &mut problems)?;
                sources.push(Source { package, text, config, events });
            }
            Ok(config) => problems.push(format!(
                "{path}: the entity `{}` belongs into crates/{}",
                config.entity,
                model::package_of(&config.entity)
            )),
            Err(found) => problems.push(found.to_string()),
        }
    }
    if !problems.is_empty() {
        bail!("nothing was written\n\n{}", problems.join("\n"));
    }
    Ok(sources)
}

/// Reads the files of an entity's `events/`.
fn events(
    root: &Path,
    package: &str,
    entity: &str,
    problems: &mut Vec<String>,
) -> Result<Vec<(String, EventConfig)>> {
    let folder = format!("crates/{package}/events");
    let Ok(entries) = root.join(&folder).read_dir() else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.with_context(|| format!("reading {folder}"))?.file_name();
        let name = name.to_string_lossy().into_owned();
        if name.ends_with(".yaml") {
            names.push(name);
        }
    }
    names.sort();
    let mut events = Vec::new();
    for name in names {
        let path = format!("{folder}/{name}");
        let text = std::fs::read_to_string(root.join(&path)).with_context(|| format!("reading {path}"))?;
        match EventFile::parse(Path::new(&path), &text, entity) {
            Ok(event) => events.push((text, event)),
            Err(found) => problems.push(found.to_string()),
        }
    }
    Ok(events)
}
