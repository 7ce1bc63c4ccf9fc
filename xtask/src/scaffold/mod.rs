//! `cargo xtask new`: crates for a new entity, provider or store, with all that the house wants of them.

mod entity;
#[cfg(test)]
mod guides;
mod provider;
mod remote;
mod store;
#[cfg(test)]
mod tests;
mod yaml;

use std::path::Path;

use anyhow::{Result, bail};
use clap::Subcommand;
use sync_detection::yaml::snake_case;

use crate::codegen::names::near_miss;

/// What `cargo xtask new` makes.
#[derive(Debug, Subcommand)]
pub(crate) enum New {
    /// A crate for an entity: its `entity.yaml`, and everything that is generated from it.
    Entity(entity::Args),
    /// A crate for a CRM, with the functions named that its wire still needs.
    Provider(provider::Args),
    /// A crate for a store, which starts as the reference store and passes its contract.
    Store(store::Args),
}

/// Makes it.
pub(crate) fn run(root: &Path, new: &New) -> Result<()> {
    match new {
        New::Entity(args) => entity::run(root, args),
        New::Provider(args) => provider::run(root, args),
        New::Store(args) => store::run(root, args),
    }
}

/// A name that a crate can have: `snake_case` or `kebab-case` words.
fn check_name(name: &str, separator: char) -> Result<()> {
    let good = !name.is_empty()
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == separator)
        && !name.contains(&separator.to_string().repeat(2))
        && !name.ends_with(separator);
    if good {
        return Ok(());
    }
    let style = if separator == '_' { "snake_case" } else { "kebab-case" };
    let suggestion = snake_case(name).replace('_', &separator.to_string());
    if suggestion.is_empty() {
        bail!("`{name}` is no name in {style}; take small letters, digits and `{separator}`");
    }
    bail!("`{name}` is not in {style}; did you mean `{suggestion}`?");
}

/// Fails when a crate of this name is there.
fn check_free(root: &Path, package: &str) -> Result<()> {
    if root.join("crates").join(package).exists() {
        bail!("crates/{package} is there already; take another name, or change what is in it");
    }
    Ok(())
}

/// The one of `known` that is meant, or all of them in the message.
fn one_of<'a>(what: &str, name: &str, known: &'a [String]) -> Result<&'a String> {
    if let Some(found) = known.iter().find(|one| *one == name) {
        return Ok(found);
    }
    let hint = near_miss(name, known.iter().map(String::as_str))
        .map(|near| format!("did you mean `{near}`?"))
        .unwrap_or_else(|| format!("there are: {}", known.join(", ")));
    bail!("there is no {what} `{name}`; {hint}")
}
