//! `cargo xtask new provider`.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::{check_free, check_name};
use crate::codegen::manifest::with_member;
use crate::codegen::names::{product, snake, type_name};
use crate::codegen::{self, output::Files};

/// What `cargo xtask new provider` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The provider's name in kebab-case: the key in YAML files, and the end of the crate's name.
    pub(super) name: String,
}

/// The files of a provider's crate, by path.
const TEMPLATES: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../../templates/provider/Cargo.toml.in")),
    ("README.md", include_str!("../../templates/provider/README.md")),
    ("src/lib.rs", include_str!("../../templates/provider/src/lib.rs")),
    ("src/carried.rs", include_str!("../../templates/provider/src/carried.rs")),
    ("src/client.rs", include_str!("../../templates/provider/src/client.rs")),
    ("src/cursor.rs", include_str!("../../templates/provider/src/cursor.rs")),
    ("src/custom.rs", include_str!("../../templates/provider/src/custom.rs")),
    ("src/fetch.rs", include_str!("../../templates/provider/src/fetch.rs")),
    ("src/listing.rs", include_str!("../../templates/provider/src/listing.rs")),
    ("src/map.rs", include_str!("../../templates/provider/src/map.rs")),
    ("src/poll.rs", include_str!("../../templates/provider/src/poll.rs")),
    ("src/record.rs", include_str!("../../templates/provider/src/record.rs")),
    ("tests/contract.rs", include_str!("../../templates/provider/tests/contract.rs")),
];

pub(super) fn run(root: &Path, args: &Args) -> Result<()> {
    let name = &args.name;
    check_name(name, '-')?;
    let package = format!("provider-{name}");
    check_free(root, &package)?;
    let mut files = Files::default();
    for (path, template) in TEMPLATES {
        let text = template
            .replace("__Provider__", &type_name(name))
            .replace("__provider__", &snake(name))
            .replace("__key__", name)
            .replace("__Product__", &product(name));
        let path = format!("crates/{package}/{path}");
        if path.ends_with(".rs") { files.rust(&path, text) } else { files.plain(&path, text) }
    }
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).context("reading Cargo.toml")?;
    files.plain("Cargo.toml", with_member(&manifest, &package, "provider-"));
    // Only what is new: generated files of other crates are codegen's.
    let mut changes = files.changes(root)?;
    changes.remove.clear();
    changes.apply(root)?;
    for path in changes.write.keys() {
        println!("wrote {path}");
    }
    codegen::write(root)?;
    println!(
        "\nnext: write the functions that crates/{package}/README.md lists; \
         `cargo test -p {package}` names the ones that are missing"
    );
    Ok(())
}
