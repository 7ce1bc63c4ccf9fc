#![doc = include_str!("../README.md")]

mod builder;
mod engine;
mod error;
pub mod fields;
mod generated;
mod loopback;
mod module;
mod store;
pub mod writeback;

pub use builder::SyncModuleBuilder;
pub use error::WiringError;
#[allow(unused_imports, unreachable_pub, reason = "empty without features")]
pub use generated::*;
pub use loopback::{Fingerprints, Loopback, OwnFingerprints};
pub use module::SyncModule;
pub use store::EntityStore;

/// The ports, the engine and the domain types.
pub use sync_core as core;

/// Delivering published events: `SyncModule::builder().publish(true)` writes them.
#[cfg(feature = "events")]
pub use sync_events as events;

/// Fingerprints of own writes, in Redis: [`Fingerprints::in_redis`], or for one entity
/// `module.opportunity().loopback(Arc::new(store))`.
#[cfg(feature = "loopback-redis")]
pub use sync_redis_loopback as redis_loopback;

/// The entities' own crates: the types of their rows and of their events.
pub mod entity {
    #[cfg(feature = "entity-account")]
    pub use entity_account as account;
    #[cfg(feature = "entity-contact")]
    pub use entity_contact as contact;
    #[cfg(feature = "entity-opportunity")]
    pub use entity_opportunity as opportunity;
    #[cfg(feature = "entity-opportunity-contact")]
    pub use entity_opportunity_contact as opportunity_contact;
    #[cfg(feature = "entity-project")]
    pub use entity_project as project;
    #[cfg(feature = "entity-user")]
    pub use entity_user as user;
}

/// Receives what providers call with, and applies it.
#[cfg(feature = "webhooks")]
pub use sync_webhooks as webhooks;

/// What REST clients share: budgets, retries, limits.
#[cfg(feature = "_rest")]
pub use provider_http as http;
/// Authorisation.
#[cfg(feature = "_rest")]
pub use sync_auth as auth;
/// What an entity's YAML says, and sources made from it.
#[cfg(feature = "_rest")]
pub use sync_detection as detection;
