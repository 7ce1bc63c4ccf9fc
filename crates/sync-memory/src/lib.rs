#![doc = include_str!("../README.md")]

mod authorisations;
mod connections;
mod dead_letters;
mod deliveries;
mod eraser;
mod error;
mod events;
mod field_catalog;
mod inbox;
mod leases;
mod local_changes;
mod loopback;
mod recorder;
mod refreshes;
mod remote;
mod scripted;
mod signal;
mod sink;
mod state;
mod store;
mod subscriptions;
mod text;
mod tx;

pub use loopback::MemoryLoopbackStore;
pub use remote::MemoryRemote;
pub use scripted::ScriptedSource;
pub use sink::MemorySink;
pub use store::{MemoryRunRecorder, MemoryStore};
pub use tx::MemoryTx;
