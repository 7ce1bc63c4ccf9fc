//! The files to be there: laid out by rustfmt, compared with what is there, written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// Files by path from the root.
#[derive(Default)]
pub(crate) struct Files {
    /// Rust still to be laid out.
    rust: BTreeMap<String, String>,
    /// As they are.
    plain: BTreeMap<String, String>,
}

/// What is to be done to the tree.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Files to write, with their content.
    pub(crate) write: BTreeMap<String, String>,
    /// Generated files that nothing asks for any more.
    pub(crate) remove: Vec<String>,
}

impl Files {
    /// A Rust file, to be laid out.
    pub(crate) fn rust(&mut self, path: &str, text: String) {
        self.rust.insert(path.to_owned(), text);
    }

    /// Any other file.
    pub(crate) fn plain(&mut self, path: &str, text: String) {
        self.plain.insert(path.to_owned(), text);
    }

    /// What differs from the tree.
    ///
    /// # Errors
    /// When rustfmt refuses a file, which would be a mistake of the generator.
    pub(crate) fn changes(&self, root: &Path) -> Result<Changes> {
        let mut wanted = formatted(root, &self.rust)?;
        wanted.extend(self.plain.clone());
        let mut changes = Changes { remove: abandoned(root, &wanted)?, ..Changes::default() };
        for (path, text) in wanted {
            if std::fs::read_to_string(root.join(&path)).ok().as_ref() != Some(&text) {
                changes.write.insert(path, text);
            }
        }
        Ok(changes)
    }
}

impl Changes {
    /// Whether everything is as it should be.
    pub(crate) fn is_empty(&self) -> bool {
        self.write.is_empty() && self.remove.is_empty()
    }

    /// The paths concerned.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.write.keys().map(String::as_str).chain(self.remove.iter().map(String::as_str))
    }

    /// Carries them out.
    ///
    /// # Errors
    /// When a file can't be written or removed.
    pub(crate) fn apply(&self, root: &Path) -> Result<()> {
        for (path, text) in &self.write {
            let path = root.join(path);
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
            }
            std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        for path in &self.remove {
            std::fs::remove_file(root.join(path)).with_context(|| format!("removing {path}"))?;
        }
        Ok(())
    }
}

/// Lays files out as `cargo fmt` would, all in one call: in a copy of their folders, because rustfmt follows `mod`.
fn formatted(root: &Path, files: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
    let folder = Scratch::new()?;
    std::fs::copy(root.join("rustfmt.toml"), folder.0.join("rustfmt.toml"))
        .context("copying rustfmt.toml")?;
    for (path, text) in files {
        let path = folder.0.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, text)?;
    }
    let mut command = Command::new("rustfmt");
    command.args(["--edition", "2024", "--config-path"]).arg(&folder.0);
    command.args(files.keys()).current_dir(&folder.0);
    let output = command.output().context("starting rustfmt; `rustup component add rustfmt` installs it")?;
    if !output.status.success() {
        bail!(
            "rustfmt refuses generated code, which is a mistake of the generator:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    files
        .keys()
        .map(|path| Ok((path.clone(), std::fs::read_to_string(folder.0.join(path))?)))
        .collect::<Result<_>>()
}

/// Generated files below the folders of generated files that nothing asks for any more.
fn abandoned(root: &Path, wanted: &BTreeMap<String, String>) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for krate in super::model::folders(&root.join("crates"))? {
        let folder = format!("crates/{krate}/src/generated");
        let Ok(entries) = root.join(&folder).read_dir() else { continue };
        for entry in entries {
            let path = format!("{folder}/{}", entry?.file_name().to_string_lossy());
            let is_generated = || {
                std::fs::read_to_string(root.join(&path)).is_ok_and(|text| text.starts_with("// @generated"))
            };
            if !wanted.contains_key(&path) && is_generated() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A folder that is gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("hexsync-codegen-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("creating {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind is in the folder for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
