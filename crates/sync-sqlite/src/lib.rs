#![doc = include_str!("../README.md")]

mod audit;
mod config;
mod conflicts;
mod cursors;
mod dead_letters;
mod decode;
mod error;
mod field_catalog;
mod json;
mod leases;
mod local_changes;
mod loopback;
mod outbox;
mod recorder;
mod store;
mod subscriptions;
mod table;
mod tx;

pub use config::SqliteStoreBuilder;
pub use loopback::SqliteLoopbackStore;
pub use store::SqliteStore;
pub use table::SqliteTableSink;
pub use tx::SqliteTx;
