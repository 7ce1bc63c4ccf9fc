#![doc = include_str!("../README.md")]

mod audit;
mod config;
mod conflicts;
mod copy;
mod cursors;
mod dead_letters;
mod decode;
mod error;
mod field_catalog;
mod leases;
mod local_changes;
mod loopback;
mod outbox;
mod recorder;
mod store;
mod subscriptions;
mod table;
mod tx;

pub use config::PgStoreBuilder;
pub use loopback::PgLoopbackStore;
pub use store::PgStore;
pub use table::PgTableSink;
pub use tx::PgTx;
