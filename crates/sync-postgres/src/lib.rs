#![doc = include_str!("../README.md")]

mod audit;
mod authorisations;
mod config;
mod conflicts;
mod connections;
mod copy;
mod cursors;
mod dead_letters;
mod decode;
mod deliveries;
mod eraser;
mod error;
mod field_catalog;
mod inbox;
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
mod tenants;
mod tx;

pub use config::PgStoreBuilder;
pub use loopback::PgLoopbackStore;
pub use store::PgStore;
pub use table::PgTableSink;
pub use tx::PgTx;
