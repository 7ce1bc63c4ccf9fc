//! The ports: what the engine needs from the outside, one small trait per subject.
//!
//! Everything that touches a store takes the caller's transaction, so that a batch's rows, audit, events,
//! parked changes and cursor are committed together or not at all (R9).

pub mod audit;
pub mod authorisations;
pub mod clock;
pub mod conflicts;
pub mod connections;
pub mod cursors;
pub mod dead_letters;
pub mod emitter;
pub mod eraser;
pub mod field_catalog;
pub mod inbox;
pub mod leases;
pub mod local_changes;
pub mod loopback;
pub mod outbox;
pub mod recorder;
pub mod refreshes;
pub mod signal;
pub mod sink;
pub mod source;
pub mod subscriptions;
pub mod unit_of_work;
pub mod writer;
