//! `crates/hexsync/src/generated.rs`: the entities of the program.

use std::fmt::Write as _;

use crate::codegen::model::{Entity, Model, Provider};
use crate::codegen::names::{doc, literal, product, snake};

pub(super) fn file(model: &Model) -> String {
    let entities: Vec<_> = model.program_entities().collect();
    let mut text =
        "//! The entities this program syncs, in the order in which they are best synced: parents first.

use sync_wiring::EntityStore;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub(crate) enum Entity {\n"
            .to_owned();
    for entity in &entities {
        let line = entity.config.doc.trim().lines().next().unwrap_or_default();
        let _ = write!(
            text,
            "{}#[value(name = {})]\n{},\n",
            doc("///", 4, line),
            literal(entity.name()),
            entity.ty()
        );
    }
    let all: Vec<_> = entities.iter().map(|entity| format!("Self::{}", entity.ty())).collect();
    let names: String = entities
        .iter()
        .map(|entity| format!("Self::{} => {},\n", entity.ty(), literal(entity.name())))
        .collect();
    let providers: String = entities
        .iter()
        .map(|entity| {
            let read = entity.providers.iter().filter(|provider| provider.reads());
            let keys: Vec<_> = read.map(|provider| literal(&provider.key)).collect();
            format!("Self::{} => &[{}],\n", entity.ty(), keys.join(", "))
        })
        .collect();
    let custom: Vec<_> = entities
        .iter()
        .filter(|entity| is_custom(entity))
        .map(|entity| format!("Self::{}", entity.ty()))
        .collect();
    let standard = if custom.is_empty() {
        String::new()
    } else {
        format!(" && !matches!(entity, {})", custom.join(" | "))
    };
    let _ = write!(
        text,
        "}}

impl Entity {{
    /// All, parents first.
    pub(crate) const ALL: [Self; {}] = [{}];

    /// The name in subscriptions, tables of the audit and the configuration.
    pub(crate) const fn name(self) -> &'static str {{
        match self {{
{names}        }}
    }}

    /// The inverse of [`name`](Self::name).
    pub(crate) fn parse(name: &str) -> Option<Self> {{
        Self::ALL.into_iter().find(|entity| entity.name() == name)
    }}

    /// What is synced from a provider unless the configuration says otherwise: what every account there has, so
    /// not the objects that customers made.
    pub(crate) fn by_default(provider: &str) -> Vec<Self> {{
        Self::ALL.into_iter().filter(|entity| entity.providers().contains(&provider){standard}).collect()
    }}

    /// The keys of the providers from which it comes.
    pub(crate) const fn providers(self) -> &'static [&'static str] {{
        match self {{
{providers}        }}
    }}
}}
",
        all.len(),
        all.join(", ")
    );
    text += &stores(&entities);
    text += &with_entity(&entities);
    for provider in &model.providers {
        text += &of_provider(provider, &entities);
    }
    text
}

/// Whether it is an object that a customer made, so that other accounts don't have it.
fn is_custom(entity: &Entity) -> bool {
    entity.providers.iter().any(|provider| {
        let object = provider.sync.remote_entity.as_str();
        match provider.base.as_str() {
            "salesforce" => object.ends_with("__c"),
            "hubspot" => !HUBSPOT_STANDARD.contains(&object) && !object.contains('/'),
            _ => false,
        }
    })
}

/// What every HubSpot account has.
const HUBSPOT_STANDARD: [&str; 13] = [
    "owners",
    "contacts",
    "companies",
    "deals",
    "tickets",
    "products",
    "line_items",
    "quotes",
    "tasks",
    "notes",
    "meetings",
    "calls",
    "emails",
];

fn path(entity: &Entity) -> String {
    format!("sync_wiring::{}::{}", entity.name(), entity.ty())
}

fn stores(entities: &[&Entity]) -> String {
    let bounds: Vec<_> = entities.iter().map(|entity| format!("EntityStore<{}>", path(entity))).collect();
    let bounds = bounds.join(" + ");
    format!(
        "
/// A store that keeps every entity.
pub(crate) trait Stores: {bounds} {{}}

impl<S> Stores for S where S: {bounds} {{}}
"
    )
}

fn with_entity(entities: &[&Entity]) -> String {
    let arms: String = entities.iter().map(|entity| arm(entity)).collect();
    format!(
        "
/// `with_entity!(entity, T => expression)`: the expression with `T` standing for the entity's type.
macro_rules! with_entity {{
    ($entity:expr, $T:ident => $body:expr) => {{
        match $entity {{
{arms}        }}
    }};
}}
pub(crate) use with_entity;
"
    )
}

fn arm(entity: &Entity) -> String {
    format!(
        "            $crate::generated::Entity::{} => {{\n                type $T = {};\n                $body\n            }}\n",
        entity.ty(),
        path(entity)
    )
}

fn of_provider(provider: &str, entities: &[&Entity]) -> String {
    let module = snake(provider);
    let reads = |one: &Provider| one.has_crate && one.base == module;
    let writes = |one: &Provider| reads(one) && one.sync.direction.reads() && one.sync.direction.writes();
    let mut text = choice(provider, "entity", "does not have", entities, reads);
    if entities.iter().any(|entity| entity.providers.iter().any(writes)) {
        text += &choice(provider, "both_ways", "does not take changes of", entities, writes);
    }
    text
}

/// A macro that tells apart the entities of which one provider says yes.
fn choice(
    provider: &str,
    name: &str,
    lacks: &str,
    entities: &[&Entity],
    says: impl Fn(&Provider) -> bool,
) -> String {
    let (module, product) = (snake(provider), product(provider));
    let serves = |entity: &&&Entity| entity.providers.iter().any(&says);
    let mut arms: String = entities.iter().filter(serves).map(|entity| arm(entity)).collect();
    let others: Vec<_> = entities
        .iter()
        .filter(|entity| !serves(entity))
        .map(|entity| format!("$crate::generated::Entity::{}", entity.ty()))
        .collect();
    if !others.is_empty() {
        let _ = writeln!(arms, "            {} => $other,", others.join(" | "));
    }
    format!(
        "
/// `{module}_{name}!(entity, T => expression, else other)`: the expression with `T` standing for the entity's type,
/// or the other one for an entity that {product} {lacks}.
#[allow(unused_macros, reason = \"the program decides where it tells providers apart\")]
macro_rules! {module}_{name} {{
    ($entity:expr, $T:ident => $body:expr, else $other:expr) => {{
        match $entity {{
{arms}        }}
    }};
}}
#[allow(unused_imports, reason = \"as the macro\")]
pub(crate) use {module}_{name};
"
    )
}
