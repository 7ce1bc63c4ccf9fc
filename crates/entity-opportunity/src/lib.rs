#![doc = include_str!("../README.md")]

mod canonical;
#[cfg(feature = "provider-salesforce")]
mod salesforce;
mod sinks;
mod table;

pub use canonical::Opportunity;
#[cfg(feature = "store-memory")]
pub use sinks::memory_sink;
#[cfg(feature = "store-postgres")]
pub use sinks::postgres_sink;
#[cfg(feature = "store-sqlite")]
pub use sinks::sqlite_sink;
pub use table::TABLE;
