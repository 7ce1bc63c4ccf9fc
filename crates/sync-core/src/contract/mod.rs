//! The suites that every adapter of a port runs (feature `contract-tests`).
//!
//! An adapter implements [`StoreFixture`], [`SinkFixture`], [`SourceFixture`], [`CustomFieldFixture`], [`WriterFixture`] or [`LoopbackFixture`] for a type of its
//! tests and calls one macro per fixture. Each case becomes a test of its own, so that one failure hides no other:
//!
//! ```text
//! //! The contract of every store port, on PostgreSQL.
//! mod fixture; // struct PgFixture, impl StoreFixture, impl SinkFixture
//! use fixture::PgFixture;
//!
//! sync_core::store_contract!(PgFixture);
//! sync_core::sink_contract!(PgFixture);
//!
//! mod eav { // the same cases on a table whose custom fields are definitions and values, and a few more
//!     use super::PgFixture;
//!     use sync_core::contract::Eav;
//!     sync_core::sink_contract!(Eav<PgFixture>);
//!     sync_core::eav_contract!(Eav<PgFixture>);
//! }
//! ```
//!
//! The adapter needs `tokio` with `macros` and `rt` among its dev-dependencies. Where a backend is missing, a test
//! prints `skipped: …` and ends; with `HEXSYNC_REQUIRE_SERVICES=1` it fails.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the case, and says where")]

mod crm;
mod fixture;
mod grants;
mod macros;
mod sample;
mod setup;

pub mod adoption;
pub mod audit;
pub mod authorisations;
pub mod connections;
pub mod convergence;
pub mod cursors;
pub mod custom_fields;
pub mod dead_letters;
pub mod eav;
pub mod emitter;
pub mod entity;
pub mod eraser;
pub mod field_catalog;
pub mod inbox;
pub mod leases;
pub mod links;
pub mod listing;
pub mod local_changes;
pub mod loopback;
pub mod merges;
pub mod mixed;
pub mod outbox;
pub mod pace;
pub mod recorder;
pub mod refreshes;
pub mod replay;
pub mod sink;
pub mod source;
pub mod subscriptions;
pub mod tenancy;
pub mod unit_of_work;
pub mod values;
pub mod writer;

pub use fixture::{
    ConnectionFixture, CustomFieldFixture, Eav, LoopbackFixture, SinkFixture, SourceFixture, StoreFixture,
    Tenancy, TxOf, WriterFixture, run, run_custom_fields, run_loopback, run_source, run_writer,
};
pub use sample::{
    EAV_SAMPLES, EAV_SAMPLES_WITH_REQUIRED_PARENT, SAMPLE_PARENTS, SAMPLES, SAMPLES_WITH_REQUIRED_PARENT,
    SWITCHED_SAMPLES, Sample, SampleParent,
};
