#![doc = include_str!("../README.md")]

mod builder;
mod engine;
mod entity;
mod error;
mod module;
#[cfg(feature = "provider-hubspot")]
pub mod hubspot;
#[cfg(feature = "provider-salesforce")]
pub mod salesforce;
mod store;

#[cfg(feature = "entity-account")]
pub use entity::account;
#[cfg(all(feature = "entity-account", feature = "provider-salesforce"))]
pub use entity::account::{account_from_salesforce, account_reconcile_from_salesforce};
#[cfg(feature = "entity-contact")]
pub use entity::contact;
#[cfg(all(feature = "entity-contact", feature = "provider-salesforce"))]
pub use entity::contact::{contact_from_salesforce, contact_reconcile_from_salesforce};
#[cfg(feature = "entity-opportunity")]
pub use entity::opportunity;
#[cfg(all(feature = "entity-opportunity", feature = "provider-salesforce"))]
pub use entity::opportunity::{opportunity_from_salesforce, opportunity_reconcile_from_salesforce};
#[cfg(feature = "entity-user")]
pub use entity::user;
#[cfg(all(feature = "entity-user", feature = "provider-salesforce"))]
pub use entity::user::{user_from_salesforce, user_reconcile_from_salesforce};

pub use builder::SyncModuleBuilder;
pub use error::WiringError;
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
#[cfg(feature = "provider-salesforce")]
pub use provider_http as http;
/// Authorisation.
#[cfg(feature = "provider-salesforce")]
pub use sync_auth as auth;
