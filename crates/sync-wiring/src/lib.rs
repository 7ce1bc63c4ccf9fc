#![doc = include_str!("../README.md")]

mod builder;
mod engine;
mod error;
pub mod fields;
mod generated;
mod module;
mod store;

pub use builder::SyncModuleBuilder;
pub use error::WiringError;
#[allow(unused_imports, reason = "empty without features")]
pub use generated::*;
pub use module::SyncModule;
pub use store::EntityStore;

/// The ports, the engine and the domain types.
pub use sync_core as core;

/// The store in memory.
#[cfg(feature = "store-memory")]
pub use sync_memory as memory;
/// The store on PostgreSQL.
#[cfg(feature = "store-postgres")]
pub use sync_postgres as postgres;
/// Fingerprints of own writes, in Redis: `module.opportunity().loopback(Arc::new(store))`.
#[cfg(feature = "loopback-redis")]
pub use sync_redis_loopback as redis_loopback;
/// The store on SQLite.
#[cfg(feature = "store-sqlite")]
pub use sync_sqlite as sqlite;

/// What REST clients share: budgets, retries, limits.
#[cfg(feature = "_rest")]
pub use provider_http as http;
/// Authorisation.
#[cfg(feature = "_rest")]
pub use sync_auth as auth;
/// What an entity's YAML says, and sources made from it.
#[cfg(feature = "_rest")]
pub use sync_detection as detection;
