//! `crates/sync-wiring/src/generated`: an entity with its stores and providers, and a provider with its client.

use std::fmt::Write as _;

use super::filled;
use crate::codegen::model::{Entity, Model, Provider};
use crate::codegen::names::{capitalised, product, snake, type_name, words};

/// The providers of an entity that come with a crate.
fn served(entity: &Entity) -> impl Iterator<Item = &Provider> {
    entity.providers.iter().filter(|provider| provider.has_crate)
}

/// `generated/<entity>.rs`.
pub(super) fn entity(model: &Model, entity: &Entity) -> String {
    let (ty, name, many) = (entity.ty(), entity.name(), entity.many());
    let krate = snake(&entity.package());
    let features: Vec<_> = served(entity)
        .filter(|provider| provider.reads())
        .map(|provider| format!("feature = \"{}\"", provider.feature()))
        .collect();
    let mut text =
        format!("//! {}: the stores that keep them, and where they come from.\n\n", capitalised(&many));
    let polled = super::providers::polled(entity).next().is_some();
    let exported = if polled {
        format!("{ty}, {ty}PollFetchers, {ty}Provider, {name}_change_sources")
    } else {
        format!("{ty}, {ty}Provider")
    };
    let _ = writeln!(text, "pub use {krate}::{{{exported}}};\n");
    text += "use sync_core::{ExecuteSyncBuilder, Store};\n";
    if !features.is_empty() {
        let any = match features.as_slice() {
            [one] => one.clone(),
            several => format!("any({})", several.join(", ")),
        };
        let _ = writeln!(
            text,
            "#[cfg({any})]\nuse {{crate::WiringError, sync_core::{{Brake, ExecuteSync, ReconcileSource, Subscription}}}};"
        );
    }
    for provider in served(entity) {
        let _ = writeln!(
            text,
            "#[cfg(feature = \"{}\")]\nuse provider_{}::{}Client;",
            provider.feature(),
            provider.base,
            provider.prefix()
        );
    }
    let _ = write!(
        text,
        "
use crate::{{EntityStore, SyncModule}};

impl<S: Store + EntityStore<{ty}>> SyncModule<S> {{
    /// Starts the engine of {many}. It lacks a source.
    #[must_use]
    pub fn {name}(&self) -> ExecuteSyncBuilder<{ty}, S> {{
        self.engine()
    }}
}}
"
    );
    for provider in served(entity) {
        if provider.reads() {
            text += &from_provider(entity, provider);
        }
        if provider.writes() {
            text += &to_provider(entity, provider);
        }
    }
    for store in model.stores_of(entity) {
        let _ = write!(
            text,
            "\n{}",
            filled(store.parts.get("wiring").map_or("", String::as_str), entity).trim_start()
        );
    }
    text
}

fn from_provider(entity: &Entity, provider: &Provider) -> String {
    let (ty, name, many) = (entity.ty(), entity.name(), entity.many());
    let Provider { base, product, .. } = provider;
    let (feature, prefix) = (provider.feature(), provider.prefix());
    format!(
        "
/// {product}'s {many} into this module's store.
///
/// # Errors
/// [`WiringError`] names what is missing.
#[cfg(feature = \"{feature}\")]
pub fn {name}_from_{base}<S: EntityStore<{ty}>>(
    module: &SyncModule<S>,
    crm: &{prefix}Client,
) -> Result<ExecuteSync<{ty}, S>, WiringError> {{
    crate::{base}::engine(module, crm)
}}

/// Compares {product}'s {many} with this module's store; see [`reconcile`](crate::{base}::reconcile).
#[cfg(feature = \"{feature}\")]
#[must_use]
pub fn {name}_reconcile_from_{base}<S: EntityStore<{ty}>>(
    module: &SyncModule<S>,
    crm: &{prefix}Client,
    subscription: &Subscription,
    brake: Brake,
) -> ReconcileSource<{ty}, S> {{
    crate::{base}::reconcile(module, crm, subscription, brake)
}}
"
    )
}

fn to_provider(entity: &Entity, provider: &Provider) -> String {
    let (ty, name, many) = (entity.ty(), entity.name(), entity.many());
    let Provider { base, product, .. } = provider;
    let (feature, prefix) = (provider.feature(), provider.prefix());
    format!(
        "
/// Writes {many} to {product}.
#[cfg(feature = \"{feature}\")]
#[must_use]
pub fn {name}_to_{base}(crm: &{prefix}Client) -> std::sync::Arc<dyn sync_core::RemoteWriter<{ty}>> {{
    crate::{base}::writer(crm)
}}
"
    )
}

/// `generated/mod.rs`: modules and exports.
pub(super) fn module(model: &Model) -> String {
    let mut text = "//! One file per entity and one per provider, alike but for their names.\n\n".to_owned();
    let mut modules: Vec<(String, String)> = model
        .entities
        .iter()
        .map(|entity| {
            let feature = format!("feature = \"{}\"", entity.package());
            (entity.name().to_owned(), format!("#[cfg({feature})]\npub mod {};\n", entity.name()))
        })
        .chain(model.providers.iter().map(|provider| {
            let name = snake(provider);
            let text = format!("#[cfg(feature = \"provider-{provider}\")]\npub mod {name};\n");
            (name, text)
        }))
        .collect();
    modules.sort();
    text.extend(modules.into_iter().map(|(_, text)| text));
    text.push('\n');
    for store in &model.stores {
        let name = &store.name;
        let place = if name == "memory" { "in memory".to_owned() } else { format!("on {}", product(name)) };
        let _ = writeln!(
            text,
            "/// The store {place}.\n#[cfg(feature = \"store-{name}\")]\npub use sync_{0} as {0};",
            snake(name)
        );
    }
    for entity in &model.entities {
        for provider in served(entity) {
            let (name, base) = (entity.name(), &provider.base);
            let mut exported = Vec::new();
            if provider.reads() {
                exported.push(format!("{name}_from_{base}"));
                exported.push(format!("{name}_reconcile_from_{base}"));
            }
            if provider.writes() {
                exported.push(format!("{name}_to_{base}"));
            }
            let _ = writeln!(
                text,
                "#[cfg(all(feature = \"{}\", feature = \"{}\"))]\npub use {name}::{{{}}};",
                entity.package(),
                provider.feature(),
                exported.join(", ")
            );
        }
    }
    text
}

/// `generated/<provider>.rs`, from its template, and of one that writes as well from the second.
pub(super) fn provider(name: &str, writes: bool) -> String {
    let mut template = include_str!("../../../templates/wiring_provider.rs").to_owned();
    if writes {
        template += include_str!("../../../templates/wiring_writer.rs");
    }
    template
        .replace("__Provider__", &type_name(name))
        .replace("__provider__", &snake(name))
        .replace("__key__", name)
        .replace("__Product__", &product(&words(name)))
}
