//! Reading and checking a file.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use super::problem::{Findings, Problems, START};
use super::read::read;
use super::schema::SCHEMA;
use super::{EntityConfig, check, shape};

/// An entity's file.
#[derive(Clone, Copy, Debug)]
pub struct EntityFile;

/// The entities that a relationship can name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnownEntities {
    /// Any name: nobody knows the others.
    Any,
    /// Only these, and the file's own.
    Only(BTreeSet<String>),
}

impl<S: Into<String>> FromIterator<S> for KnownEntities {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        Self::Only(names.into_iter().map(Into::into).collect())
    }
}

/// What a file calls its entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityNames {
    /// One: `opportunity`.
    pub entity: String,
    /// Several, and the table: `opportunities`.
    pub plural: String,
}

impl EntityFile {
    /// Reads and checks a file's text.
    ///
    /// # Errors
    /// [`Problems`] with every mistake.
    pub fn parse(path: &Path, text: &str, known: &KnownEntities) -> Result<EntityConfig, Problems> {
        let mut found = Findings::default();
        if let Some(tree) = read(text, &mut found) {
            shape::check(&tree, &SCHEMA, &mut found);
            check::check(&tree, known, &mut found);
            if found.is_empty() {
                match EntityConfig::deserialize(&tree) {
                    Ok(config) => return Ok(config),
                    // What the types refuse was found before; if not, it is told here, without a place.
                    Err(error) => found.add(START, format!("the file can't be read: {error}"), None),
                }
            }
        }
        Err(found.into_problems(path, text))
    }

    /// The names alone, from a file that may have mistakes elsewhere; `None` when it can't be read that far.
    /// For whoever has to know all entities before reading any.
    #[must_use]
    pub fn names(text: &str) -> Option<EntityNames> {
        let tree = read(text, &mut Findings::default())?;
        let entity = tree.get("entity")?.text()?.to_owned();
        let plural = tree.get("plural").and_then(|plural| plural.text());
        let plural = plural.map_or_else(|| format!("{entity}s"), str::to_owned);
        Some(EntityNames { entity, plural })
    }
}
