//! Proves what goes over the wire, and how records are read from a simulated org in good and bad weather.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

mod contract;
mod custom_fields;
mod entity;
mod faults;
mod listing;
mod lookup;
mod polling;
mod wire;
mod world;
mod writing;
mod writing_guarded;
mod writing_wire;
