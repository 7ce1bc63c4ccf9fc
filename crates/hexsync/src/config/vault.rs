//! `[keys]`: what the tokens in the database are sealed under.

use super::reader::{Reader, Section};
use super::secret::{Secret, required_secret};

/// Where the keys are.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// The text of the ring: a line `id:key` per key.
    pub(crate) ring: Secret,
    /// The key that seals; the first by default.
    pub(crate) active: Option<String>,
}

/// Reads the section.
pub(super) fn read(reader: &mut Reader<'_>, mut section: Section<'_, '_>) -> Option<Keys> {
    let help = "where the keys are kept, a line `id:key` each; make one by `hexsync keys new`";
    let ring = required_secret(reader, &mut section, "ring_env", "ring_file", help);
    let active = section.text(reader, "active").map(toml::Spanned::into_inner);
    section.finish(reader);
    Some(Keys { ring: ring?, active })
}
