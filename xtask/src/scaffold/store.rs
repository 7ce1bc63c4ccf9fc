//! `cargo xtask new store`.
//!
//! A store starts as the reference store under its own name: every port works and every contract holds from the first
//! day, with the state in memory. File by file it is then replaced by the database's.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::{check_free, check_name};
use crate::codegen::manifest::with_member;
use crate::codegen::names::{product, type_name};
use crate::codegen::{self, output::Files};

/// What `cargo xtask new store` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The store's name, one word in small letters: the end of its crate's name and of its feature.
    pub(super) name: String,
}

/// What of the reference store is help for tests and no store.
const HELPERS: [&str; 2] = ["remote.rs", "scripted.rs"];

pub(super) fn run(root: &Path, args: &Args) -> Result<()> {
    let name = &args.name;
    check_name(name, '-')?;
    if name.contains('-') {
        bail!(
            "a store's name is one word, because functions are called by it; take `{}`",
            name.replace('-', "")
        );
    }
    let package = format!("sync-{name}");
    check_free(root, &package)?;
    let mut files = Files::default();
    let renamed = |text: &str| renamed(text, name);
    for path in sources(root)? {
        let text = std::fs::read_to_string(root.join("crates/sync-memory").join(&path))
            .with_context(|| format!("reading the reference store's {path}"))?;
        let text = without_helpers(&renamed(&text));
        let path = format!("crates/{package}/{path}");
        if path.ends_with(".rs") { files.rust(&path, text) } else { files.plain(&path, text) }
    }
    files.plain(&format!("crates/{package}/README.md"), readme(name));
    let contract = include_str!("../../templates/store/contract.rs")
        .replace("__Store__", &type_name(name))
        .replace("__snake__", &name.replace('-', "_"))
        .replace("__Product__", &product(name));
    files.rust(&format!("crates/{package}/tests/contract.rs"), contract);
    let template = include_str!("../../templates/sink_memory.rs");
    files.plain(&format!("xtask/templates/sink_{}.rs", name.replace('-', "_")), renamed(template));
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).context("reading Cargo.toml")?;
    files.plain("Cargo.toml", with_member(&manifest, &package, "sync-postgres"));
    let mut changes = files.changes(root)?;
    changes.remove.clear();
    changes.apply(root)?;
    for path in changes.write.keys() {
        println!("wrote {path}");
    }
    codegen::write(root)?;
    println!(
        "\nnext: replace the state in memory by the database's, file by file; the contract in crates/{package}/tests \
         holds now and says when it no longer does. Tables go to migrations/{name}, see crates/{package}/README.md"
    );
    Ok(())
}

/// The files of the reference store that make a store, from its folder.
fn sources(root: &Path) -> Result<Vec<String>> {
    let mut paths = vec!["Cargo.toml".to_owned()];
    for entry in root.join("crates/sync-memory/src").read_dir()? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".rs") && !HELPERS.contains(&name.as_str()) {
            paths.push(format!("src/{name}"));
        }
    }
    paths.sort();
    Ok(paths)
}

fn renamed(text: &str, name: &str) -> String {
    let snake = name.replace('-', "_");
    text.replace("Memory", &type_name(name))
        .replace("sync-memory", &format!("sync-{name}"))
        .replace("sync_memory", &format!("sync_{snake}"))
        .replace("memory_sink", &format!("{snake}_sink"))
        .replace("store-memory", &format!("store-{name}"))
        .replace("from_memory", &format!("from_{snake}"))
        .replace(
            "Every store port in memory, the reference adapter",
            &format!("Every store port on {}", product(name)),
        )
        .replace("the store in memory", &format!("the store on {}", product(name)))
        .replace("__many__ in memory", &format!("__many__ to {}", product(name)))
}

/// Without the lines that speak of what is no part of a store.
fn without_helpers(text: &str) -> String {
    let speaks = |line: &&str| {
        HELPERS.iter().map(|file| file.trim_end_matches(".rs")).any(|word| {
            line.starts_with(&format!("mod {word};")) || line.starts_with(&format!("pub use {word}::"))
        })
    };
    let kept: Vec<_> = text.lines().filter(|line| !speaks(line)).collect();
    kept.join("\n") + "\n"
}

fn readme(name: &str) -> String {
    let (product, package, ty) = (product(name), format!("sync-{name}"), type_name(name));
    let krate = package.replace('-', "_");
    format!(
        "# {package}

Every store port on {product}.

```
use {krate}::{ty}Store;

let store = {ty}Store::new();
assert!(store.outbox().is_empty());
```

**Not there yet:** this is the reference store under another name. It keeps everything in memory, so a restart forgets
it. Replace it file by file, the contract (`tests/contract.rs`) running all the time:

| file | becomes |
|---|---|
| `src/store.rs` | the connection: `open`, `migrate` (from `migrations/{name}`), `check_version` |
| `src/tx.rs` | the database's transaction and its savepoints |
| `src/{{subscriptions,recorder,dead_letters,leases,events}}.rs`, cursors in `src/state.rs` | one statement per function |
| `src/sink.rs` | the table sink: `crates/sync-sqlite/src/table` shows how statements are made from a `TableDef` |
| `xtask/templates/sink_{}.rs` | what `cargo xtask codegen` writes for each entity |

Then add {product} to `xtask/src/services` for the tests, and the dialect of its tables to
`xtask/src/codegen/migrations.rs`.
",
        name.replace('-', "_")
    )
}
