//! The workspace as cargo describes it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use cargo_metadata::{Metadata, MetadataCommand, Package};

/// What `cargo metadata` says, with the paths that every chore needs.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Cargo's target directory, `CARGO_TARGET_DIR` respected.
    pub(crate) target: PathBuf,
    pub(crate) metadata: Metadata,
}

/// The root of the workspace around the current directory, found without cargo: a crate in the making may be one
/// that cargo can't read yet.
pub(crate) fn root() -> Result<PathBuf> {
    let here = std::env::current_dir().context("finding the current directory")?;
    let is_root = |folder: &&std::path::Path| folder.join("xtask/Cargo.toml").is_file();
    let root = here.ancestors().find(is_root).context("run this inside the repository")?;
    Ok(root.to_owned())
}

impl Workspace {
    /// Finds the workspace around the current directory.
    pub(crate) fn load() -> Result<Self> {
        let metadata = MetadataCommand::new()
            .exec()
            .context("reading the workspace with `cargo metadata`; run this inside the repository")?;
        let root = metadata.workspace_root.clone().into_std_path_buf();
        let target = metadata.target_directory.clone().into_std_path_buf();
        Ok(Self { root, target, metadata })
    }

    /// `cargo` in the root of the workspace.
    ///
    /// `cargo run` describes this very program in its environment; build scripts below would see
    /// that and run again, so it is taken out.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|start| text.starts_with(start)) {
                command.env_remove(&name);
            }
        }
        command.current_dir(&self.root);
        command
    }

    /// The packages of the workspace, in cargo's order.
    pub(crate) fn packages(&self) -> Vec<&Package> {
        self.metadata.workspace_packages()
    }

    /// The feature choice that every build of the workspace uses.
    ///
    /// Not `--all-features`: that would also switch on what only tests may see (`mocks`,
    /// `failpoints`, features that start with `_`), and a crate that forgot to ask for one would
    /// still build. The tests' own dev-dependencies ask for those. What users can get is `default`
    /// plus `full`, so `full` is switched on wherever it exists; leaving it out would skip adapters
    /// that nobody's tests happen to depend on. The same choice for clippy, tests and rustdoc lets
    /// them share what they compile.
    pub(crate) fn feature_args(&self, only: &[String]) -> Vec<String> {
        let chosen = self.packages().into_iter().filter(|package| {
            let selected = only.is_empty() || only.iter().any(|name| *name == *package.name);
            selected && package.features.contains_key("full")
        });
        let features: Vec<_> = chosen.map(|package| format!("{}/full", package.name)).collect();
        if features.is_empty() { Vec::new() } else { vec!["--features".into(), features.join(",")] }
    }
}
