//! What is generated from: the entities of the YAML files, and the stores and providers of the workspace.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};
use sync_core::FieldKind;
use sync_detection::yaml::{
    EntityConfig, EventConfig, FieldView, ProviderDetection, ProviderSync, ProviderView,
};

use super::names::{capitalised, product, snake, type_name, words};

/// Everything that the generator knows.
pub(crate) struct Model {
    /// Parents first.
    pub(crate) entities: Vec<Entity>,
    /// By name.
    pub(crate) stores: Vec<Store>,
    /// The providers that have a crate, by name.
    pub(crate) providers: Vec<String>,
    /// Those of them that write as well.
    pub(crate) writers: Vec<String>,
    /// The stores that the program is built with.
    pub(crate) program_stores: Vec<String>,
}

impl Model {
    /// The first twelve digits of the digest of all files.
    pub(crate) fn digest(&self) -> String {
        digest(self.entities.iter().map(|entity| entity.digest.as_str()))
    }

    /// The entities that every store of the program keeps.
    pub(crate) fn program_entities(&self) -> impl Iterator<Item = &Entity> {
        let all = |entity: &&Entity| self.program_stores.iter().all(|store| entity.stores.contains(store));
        self.entities.iter().filter(all)
    }

    /// The stores that keep an entity.
    pub(crate) fn stores_of(&self, entity: &Entity) -> impl Iterator<Item = &Store> {
        self.stores.iter().filter(|store| entity.stores.contains(&store.name))
    }
}

/// A store: its name and what is generated for it.
pub(crate) struct Store {
    /// `sqlite` of crate `sync-sqlite` and feature `store-sqlite`.
    pub(crate) name: String,
    /// The parts of `xtask/templates/sink_<name>.rs` by name.
    pub(crate) parts: BTreeMap<String, String>,
}

/// One entity.
pub(crate) struct Entity {
    /// The file's content.
    pub(crate) config: EntityConfig,
    /// The application's own events, by name.
    pub(crate) events: Vec<EventConfig>,
    /// The first twelve digits of the files' digest.
    pub(crate) digest: String,
    /// Which stores keep it, by name.
    pub(crate) stores: Vec<String>,
    /// Where it comes from, in the order of the file.
    pub(crate) providers: Vec<Provider>,
    /// The tables of the entities that it links to, by the entity's name.
    pub(crate) tables: BTreeMap<String, String>,
}

/// A provider of one entity.
pub(crate) struct Provider {
    /// The key of the file: `salesforce`, `hubspot-crm`.
    pub(crate) key: String,
    /// The key as an identifier: the module's name, and the field of the fetchers.
    pub(crate) module: String,
    /// The variant of the enum.
    pub(crate) variant: String,
    /// The key without `-crm` as an identifier: the end of functions' and crates' names.
    pub(crate) base: String,
    /// The product's own spelling.
    pub(crate) product: String,
    /// Whether there is a provider crate.
    pub(crate) has_crate: bool,
    /// What the entity is there.
    pub(crate) sync: ProviderSync,
    /// How changes are noticed.
    pub(crate) detection: ProviderDetection,
}

impl Provider {
    fn new(view: &ProviderView<'_>, sync: &ProviderSync, crates: &[String]) -> Self {
        Self {
            key: view.key.to_owned(),
            module: view.field_name(),
            variant: view.variant(),
            base: snake(view.base()),
            product: product(view.base()),
            has_crate: crates.iter().any(|name| name == view.base()),
            sync: sync.clone(),
            detection: view.detection.clone(),
        }
    }

    /// Whether records come from it.
    pub(crate) fn reads(&self) -> bool {
        self.sync.direction.reads()
    }

    /// Whether records go to it through its crate.
    pub(crate) fn writes(&self) -> bool {
        self.has_crate && self.sync.direction.writes()
    }

    /// The prefix of the crate's types: `Salesforce`.
    pub(crate) fn prefix(&self) -> String {
        type_name(&self.base)
    }

    /// The feature and crate, `provider-salesforce`.
    pub(crate) fn feature(&self) -> String {
        format!("provider-{}", self.base.replace('_', "-"))
    }
}

impl Entity {
    /// The name, singular.
    pub(crate) fn name(&self) -> &str {
        &self.config.entity
    }

    /// The name of several, and of the table.
    pub(crate) fn plural(&self) -> String {
        self.config.table()
    }

    /// The name of several in a sentence.
    pub(crate) fn many(&self) -> String {
        words(&self.plural())
    }

    /// The name of the type.
    pub(crate) fn ty(&self) -> String {
        self.config.type_name()
    }

    /// The folder and package.
    pub(crate) fn package(&self) -> String {
        package_of(self.name())
    }

    /// Whether customers' own fields are kept.
    pub(crate) fn has_custom(&self) -> bool {
        self.config.custom_fields.store != sync_detection::yaml::CustomFieldStore::None
    }

    /// The fields and then the links, in order.
    pub(crate) fn fields(&self) -> Vec<FieldView<'_>> {
        self.config.canonical_fields().collect()
    }

    /// What kinds of values its fields and its events have.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = FieldKind> {
        let fields = self.config.canonical_fields().map(|field| field.kind);
        let of_event = |event: &EventConfig| {
            event.fields.values().map(|field| field.kind.field_kind()).collect::<Vec<_>>()
        };
        fields.chain(self.events.iter().flat_map(of_event))
    }

    /// The first line of a generated file.
    pub(crate) fn header(&self) -> String {
        format!(
            "// @generated by `cargo xtask codegen` from crates/{}/entity.yaml (sha256 {}…). Edits are lost.\n",
            self.package(),
            self.digest
        )
    }
}

/// The folder and package of an entity.
pub(crate) fn package_of(entity: &str) -> String {
    format!("entity-{}", entity.replace('_', "-"))
}

/// A field's documentation: its own, or one made from its name; a link's says how it is kept.
pub(crate) fn sentence(field: &FieldView<'_>) -> String {
    let text = field.doc.map_or_else(|| capitalised(&words(field.name)), |doc| doc.trim().to_owned());
    let text = text.strip_suffix('.').unwrap_or(&text);
    let text = if field.link.is_some() { format!("{text}, by its external id") } else { text.to_owned() };
    if text.ends_with(['!', '?', '…']) { text } else { text + "." }
}

/// The first twelve hexadecimal digits of the SHA-256 of these texts.
pub(crate) fn digest<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.as_bytes());
    }
    hash.finalize().iter().take(6).fold(String::new(), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A file as read: folder of the crate, text, content.
pub(crate) struct Source {
    /// The package, `entity-opportunity`.
    pub(crate) package: String,
    /// The file's text.
    pub(crate) text: String,
    /// What it says.
    pub(crate) config: EntityConfig,
    /// The files of `events/` by name: text and content.
    pub(crate) events: Vec<(String, EventConfig)>,
}

/// Puts the entities in order and adds what the workspace knows.
pub(crate) fn model(root: &Path, sources: Vec<Source>) -> Result<Model> {
    let providers = provider_crates(root)?;
    let has_writer = |name: &&String| root.join(format!("crates/provider-{name}/src/writer.rs")).is_file();
    let writers: Vec<_> = providers.iter().filter(has_writer).cloned().collect();
    let stores = stores(root)?;
    let tables: BTreeMap<_, _> =
        sources.iter().map(|source| (source.config.entity.clone(), source.config.table())).collect();
    let mut entities = Vec::new();
    for source in parents_first(sources)? {
        let kept = kept_in(root, &source.package, &stores)?;
        let from: Vec<_> = source
            .config
            .providers()
            .map(|view| Provider::new(&view, &source.config.sync.providers[view.key], &providers))
            .collect();
        check_providers(&source.package, &from)?;
        check_writers(&source.package, &from, &writers)?;
        entities.push(Entity {
            digest: digest(
                std::iter::once(source.text.as_str())
                    .chain(source.events.iter().map(|(text, _)| text.as_str())),
            ),
            config: source.config,
            events: source.events.into_iter().map(|(_, event)| event).collect(),
            stores: kept,
            providers: from,
            tables: tables.clone(),
        });
    }
    Ok(Model { entities, stores, providers, writers, program_stores: program_stores(root)? })
}

/// A provider crate can be without a writer, as one is after `cargo xtask new provider`.
pub(crate) fn check_writers(package: &str, providers: &[Provider], writers: &[String]) -> Result<()> {
    for provider in providers.iter().filter(|provider| provider.writes()) {
        let name = provider.base.replace('_', "-");
        if !writers.contains(&name) {
            bail!(
                "crates/{package}/entity.yaml: records are to go to {}, and crates/provider-{name} has no src/writer.rs; \
                 write one, or `direction: inbound`",
                provider.product
            );
        }
    }
    Ok(())
}

fn check_providers(package: &str, providers: &[Provider]) -> Result<()> {
    for (at, provider) in providers.iter().enumerate() {
        if let Some(twin) = providers[..at].iter().find(|other| other.base == provider.base) {
            bail!(
                "crates/{package}/entity.yaml: the providers `{}` and `{}` are both served by {}; one entity is read \
                 from it once",
                twin.key,
                provider.key,
                provider.feature()
            );
        }
    }
    Ok(())
}

/// Parents before children; among equals by name, so that the order is always the same.
fn parents_first(mut sources: Vec<Source>) -> Result<Vec<Source>> {
    sources.sort_by(|a, b| a.config.entity.cmp(&b.config.entity));
    let mut ordered: Vec<Source> = Vec::with_capacity(sources.len());
    while !sources.is_empty() {
        let is_ready = |source: &Source| {
            let mut parents = source.config.relationships.values().map(|link| &link.entity);
            parents.all(|parent| {
                *parent == source.config.entity || !sources.iter().any(|left| left.config.entity == *parent)
            })
        };
        let Some(at) = sources.iter().position(is_ready) else {
            let names: Vec<_> = sources.iter().map(|source| source.config.entity.as_str()).collect();
            bail!(
                "the relationships of {} form a circle, so none of their tables can be created first; leave one of \
                 the relationships out",
                names.join(", ")
            );
        };
        ordered.push(sources.remove(at));
    }
    Ok(ordered)
}

/// The providers that have a crate, by name.
pub(crate) fn provider_crates(root: &Path) -> Result<Vec<String>> {
    let mut names: Vec<_> = folders(&root.join("crates"))?
        .into_iter()
        .filter_map(|name| name.strip_prefix("provider-").map(str::to_owned))
        .filter(|name| name != "http" && root.join(format!("crates/provider-{name}/Cargo.toml")).is_file())
        .collect();
    names.sort();
    Ok(names)
}

/// The stores, by their templates.
pub(crate) fn stores(root: &Path) -> Result<Vec<Store>> {
    let folder = root.join("xtask/templates");
    let mut stores = Vec::new();
    let entries = folder.read_dir().with_context(|| format!("listing {}", folder.display()))?;
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let Some(store) = name.strip_prefix("sink_").and_then(|rest| rest.strip_suffix(".rs")) else {
            continue;
        };
        let text = std::fs::read_to_string(folder.join(&name)).with_context(|| format!("reading {name}"))?;
        stores.push(Store { name: store.to_owned(), parts: parts(&text) });
    }
    stores.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(stores)
}

/// A template's parts: each begins after a line `// --- name`.
pub(crate) fn parts(text: &str) -> BTreeMap<String, String> {
    let mut parts = BTreeMap::new();
    let mut current: Option<&mut String> = None;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("// --- ") {
            current = Some(parts.entry(name.trim().to_owned()).or_default());
        } else if let Some(part) = current.as_deref_mut() {
            part.push_str(line);
            part.push('\n');
        }
    }
    parts
}

/// Which stores keep an entity: those that its manifest names under `[package.metadata.hexsync]`, or all.
fn kept_in(root: &Path, package: &str, stores: &[Store]) -> Result<Vec<String>> {
    let path = root.join(format!("crates/{package}/Cargo.toml"));
    let all = || stores.iter().map(|store| store.name.clone()).collect();
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(all()) };
    let manifest: toml_edit::DocumentMut =
        text.parse().with_context(|| format!("crates/{package}/Cargo.toml is not TOML"))?;
    let listed = manifest
        .get("package")
        .and_then(|package| package.get("metadata")?.get("hexsync")?.get("stores")?.as_array());
    let Some(listed) = listed else { return Ok(all()) };
    let mut kept = Vec::new();
    for name in listed.iter().filter_map(|name| name.as_str()) {
        if !stores.iter().any(|store| store.name == name) {
            let known: Vec<_> = stores.iter().map(|store| store.name.as_str()).collect();
            bail!("crates/{package}/Cargo.toml: there is no store `{name}`; there are {}", known.join(", "));
        }
        kept.push(name.to_owned());
    }
    Ok(kept)
}

/// The stores that the program is built with, from its manifest.
fn program_stores(root: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(root.join("crates/hexsync/Cargo.toml"))
        .context("reading crates/hexsync/Cargo.toml")?;
    let manifest: toml_edit::DocumentMut = text.parse().context("crates/hexsync/Cargo.toml is not TOML")?;
    let features =
        manifest.get("dependencies").and_then(|deps| deps.get("sync-wiring")?.get("features")?.as_array());
    let names = features.into_iter().flatten().filter_map(|feature| feature.as_str()?.strip_prefix("store-"));
    Ok(names.map(str::to_owned).collect())
}

/// The names of the folders in a folder.
pub(crate) fn folders(path: &Path) -> Result<Vec<String>> {
    let entries = path.read_dir().with_context(|| format!("listing {}", path.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
