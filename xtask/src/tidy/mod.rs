//! `cargo xtask tidy`: the rules of the house as tests.
//!
//! A check gets the whole tree as text and gives findings, so each can be shown a small tree made up
//! for it.

mod docs;
mod manifests;
mod pairs;
mod proofs;
mod sizes;
mod text;

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use xshell::{Shell, cmd};

use crate::workspace::Workspace;

/// The text files of the repository, by path from the root.
#[derive(Debug, Default)]
struct Tree {
    files: Vec<TextFile>,
    /// Every path, those of files that are not text included.
    paths: Vec<String>,
}

#[derive(Debug)]
struct TextFile {
    path: String,
    text: String,
}

impl TextFile {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Compile-fail cases and templates are inputs, held to nobody's style.
    fn is_input(&self) -> bool {
        self.path.contains("/tests/ui/") || self.path.starts_with("xtask/templates/")
    }
}

impl Tree {
    /// What git tracks, and what it would if it were added now.
    fn read(root: &Path) -> Result<Self> {
        let shell = Shell::new()?;
        shell.change_dir(root);
        let listed = cmd!(shell, "git ls-files -z --cached --others --exclude-standard")
            .quiet()
            .read()
            .context("listing the repository's files with git")?;
        let mut tree = Self::default();
        for path in listed.split('\0').filter(|path| !path.is_empty()) {
            // A link would be read twice; a file removed but not yet committed is gone.
            let Ok(meta) = root.join(path).symlink_metadata() else { continue };
            tree.paths.push(path.to_owned());
            if !meta.is_file() {
                continue;
            }
            let bytes = std::fs::read(root.join(path)).with_context(|| format!("reading {path}"))?;
            if let Ok(text) = String::from_utf8(bytes) {
                tree.files.push(TextFile { path: path.to_owned(), text });
            }
        }
        Ok(tree)
    }

    fn get(&self, path: &str) -> Option<&TextFile> {
        self.files.iter().find(|file| file.path == path)
    }

    fn rust(&self) -> impl Iterator<Item = &TextFile> {
        self.files.iter().filter(|file| file.is_rust() && !file.is_input())
    }

    /// A file or a folder.
    fn exists(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        self.paths
            .iter()
            .any(|file| file.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }
}

/// A check, under the name that a report uses; it gives its findings.
type Check = (&'static str, fn(&Tree) -> Vec<String>);

const CHECKS: &[Check] = &[
    ("sizes", sizes::check),
    ("text", text::check),
    ("manifests", manifests::check),
    ("docs", docs::check),
    ("pairs", pairs::check),
    ("proofs", proofs::check),
];

/// Prints what was checked, or fails with every finding.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let tree = Tree::read(&workspace.root)?;
    let mut count = 0;
    for (name, check) in CHECKS {
        let findings = check(&tree);
        count += findings.len();
        for finding in findings {
            eprintln!("{name}: {finding}");
        }
    }
    if count > 0 {
        bail!("tidy has {count} findings, listed above");
    }
    println!("tidy: {} files keep to the rules", tree.files.len());
    Ok(())
}

#[cfg(test)]
fn tree(files: &[(&str, &str)]) -> Tree {
    let file = |&(path, text): &(&str, &str)| TextFile { path: path.into(), text: text.into() };
    Tree {
        files: files.iter().map(file).collect(),
        paths: files.iter().map(|(path, _)| (*path).to_owned()).collect(),
    }
}
