//! Proves what goes over the wire, and how records are read from a simulated account in good and bad weather.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

mod associations;
mod contract;
mod custom_fields;
mod deletions;
mod entity;
mod faults;
mod listing;
mod lookup;
mod owners;
mod partial;
mod polling;
mod windows;
mod wire;
mod world;
mod writing;
mod writing_wire;
