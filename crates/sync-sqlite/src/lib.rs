#![doc = include_str!("../README.md")]

mod audit;
mod authorisations;
mod config;
mod conflicts;
mod connections;
mod cursors;
mod dead_letters;
mod decode;
mod deliveries;
mod eraser;
mod error;
mod field_catalog;
mod inbox;
mod json;
mod leases;
mod local_changes;
mod loopback;
mod outbox;
mod recorder;
mod refreshes;
mod signal;
mod store;
mod subscriptions;
mod table;
mod tx;

pub use config::SqliteStoreBuilder;
pub use loopback::SqliteLoopbackStore;
pub use store::SqliteStore;
pub use table::SqliteTableSink;
pub use tx::SqliteTx;
