//! What the end-to-end tests share: a simulated org, a store and engines in between, and what must hold afterwards.

pub mod check;
pub mod client;
pub mod clock;
pub mod connections;
pub mod edit;
pub mod entity;
pub mod hook;
pub mod org;
pub mod pair;
pub mod process;
pub mod proxy;
pub mod redis;
pub mod store;
/// The workspace's front page, so that its example runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub mod readme {}
mod stories;
pub mod worker;
pub mod world;

#[doc(hidden)]
pub use {sync_memory, sync_postgres, sync_sqlite};
