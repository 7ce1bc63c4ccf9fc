//! The rules of a run, R1 to R20, each by the tests that name it. State is shown on the memory store.

#![allow(clippy::unwrap_used, reason = "a test, its helpers included, may panic")]

mod apply;
mod audit;
mod fields;
mod lifecycle;
mod merges;
mod parked;
mod reading;
mod reconcile;
mod values;
mod world;
