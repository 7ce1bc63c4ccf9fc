//! `cargo xtask new entity`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use sync_detection::yaml::{EntityFile, KnownEntities, pascal_case};

use super::remote::{Account, Field, Object};
use super::yaml::{self, Origin, Others};
use super::{check_free, check_name, one_of};
use crate::codegen::names::words;
use crate::codegen::{self, model};

/// What `cargo xtask new entity` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The entity's name: singular, in snake_case.
    pub(super) name: String,
    /// Where it comes from; may be repeated. Default: every provider that has a crate.
    #[arg(long, value_name = "KEY")]
    pub(super) provider: Vec<String>,
    /// Which stores keep it; may be repeated. The store in memory comes with them. Default: all.
    #[arg(long, value_name = "NAME")]
    pub(super) store: Vec<String>,
    /// Take the fields from an object of a CRM: `salesforce:Case`, `hubspot:tickets`.
    #[arg(long, value_name = "PROVIDER:OBJECT")]
    pub(super) from: Option<String>,
    /// The account to ask, e.g. `https://acme.my.salesforce.com` or `https://api.hubapi.com`.
    #[arg(long, requires_all = ["from", "token_env"])]
    pub(super) url: Option<String>,
    /// The environment variable that holds an access token of the account.
    #[arg(long, value_name = "VARIABLE", requires = "url")]
    pub(super) token_env: Option<String>,
    /// Ask the simulated CRM of this workspace instead.
    #[arg(long, requires = "from", conflicts_with = "url")]
    pub(super) sandbox: bool,
}

pub(super) fn run(root: &Path, args: &Args) -> Result<()> {
    check_name(&args.name, '_')?;
    let package = model::package_of(&args.name);
    check_free(root, &package)?;
    let stores = stores(root, &args.store)?;
    let origins = origins(root, args)?;
    let doc = match origins.first() {
        Some(origin) if args.from.is_some() => format!("{} of the CRM.", origin.object.label),
        _ => format!("What the application knows of one {}.", words(&args.name)),
    };
    let mut others = others(root, origins.first().map_or("", |origin| origin.key.as_str()))?;
    if let Some(origin) = origins.first() {
        others.insert(origin.object.name.clone(), args.name.clone());
    }
    let text = yaml::entity(&args.name, &doc, &origins, &others);
    let path = format!("crates/{package}/entity.yaml");
    // Nothing is written that could not be read.
    EntityFile::parse(Path::new(&path), &text, &KnownEntities::Any).map_err(|problems| {
        anyhow::anyhow!(
            "`{}` can't be an entity's name, or what came from the CRM does not fit:\n{problems}",
            args.name
        )
    })?;
    let folder = root.join("crates").join(&package);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("entity.yaml"), text)?;
    if let Some(stores) = stores {
        let list: Vec<_> = stores.iter().map(|store| format!("\"{store}\"")).collect();
        std::fs::write(folder.join("Cargo.toml"), codegen::manifest::kept_in(&args.name, &list.join(", ")))?;
    }
    println!("wrote {path}");
    if let Err(error) = codegen::write(root) {
        // A crate without a manifest would keep cargo from reading the workspace.
        std::fs::remove_dir_all(&folder)?;
        return Err(error).context("the new crate is gone again");
    }
    println!("\nnext: read {path}, correct it, and run `cargo xtask codegen` after each change");
    Ok(())
}

/// The stores that are asked for, with the one that tests use.
fn stores(root: &Path, wanted: &[String]) -> Result<Option<Vec<String>>> {
    if wanted.is_empty() {
        return Ok(None);
    }
    let known: Vec<_> = model::stores(root)?.into_iter().map(|store| store.name).collect();
    let mut stores = vec!["memory".to_owned()];
    for name in wanted {
        let store = one_of("store", name, &known)?;
        if !stores.contains(store) {
            stores.push(store.clone());
        }
    }
    stores.sort();
    Ok(Some(stores))
}

/// Where the entity comes from; the first gives the fields.
fn origins(root: &Path, args: &Args) -> Result<Vec<Origin>> {
    let crates = model::provider_crates(root)?;
    let mut origins = Vec::new();
    if let Some(from) = &args.from {
        let Some((provider, object)) = from.split_once(':') else {
            bail!("`--from {from}` needs a provider and an object, e.g. `--from salesforce:Case`");
        };
        one_of("provider", provider, &crates)?;
        let account = account(root, args, provider)?;
        origins.push(Origin { key: provider.to_owned(), object: account.describe(provider, object)? });
    }
    let wanted = match (args.provider.as_slice(), origins.is_empty()) {
        ([], true) => crates,
        (keys, _) => keys.to_vec(),
    };
    for key in wanted
        .iter()
        .filter(|key| !args.from.as_ref().is_some_and(|from| from.starts_with(&format!("{key}:"))))
    {
        check_name(key, '-')?;
        origins.push(Origin { key: key.clone(), object: guess(key, &args.name) });
    }
    Ok(origins)
}

fn account(root: &Path, args: &Args, provider: &str) -> Result<Account> {
    match (&args.url, &args.token_env) {
        (Some(url), Some(token)) => Account::live(url, token),
        _ if args.sandbox => {
            let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            cargo.current_dir(root);
            Account::sandbox(cargo, provider)
        }
        _ => bail!("which account shall be asked? give `--url` and `--token-env`, or `--sandbox`"),
    }
}

/// A first draft of an object that nobody described.
fn guess(key: &str, name: &str) -> Object {
    let (object, field) = match key {
        "salesforce" => (pascal_case(name), "Name"),
        _ => (format!("{name}s"), "name"),
    };
    let name = Field {
        name: field.to_owned(),
        label: "Name".to_owned(),
        kind: "text",
        refers_to: Vec::new(),
        is_name: true,
    };
    Object { name: object, label: words(key), fields: vec![name] }
}

/// Which objects of a provider are entities here.
fn others(root: &Path, provider: &str) -> Result<Others> {
    let mut others = Others::new();
    for package in model::folders(&root.join("crates"))? {
        let path = root.join("crates").join(&package).join("entity.yaml");
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        if let Ok(config) = EntityFile::parse(&path, &text, &KnownEntities::Any)
            && let Some(sync) = config.sync.providers.get(provider)
        {
            others.insert(sync.remote_entity.clone(), config.entity);
        }
    }
    Ok(others)
}
