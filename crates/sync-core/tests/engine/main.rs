//! The rules of a run, R1 to R20, each by the tests that name it. State is shown on the memory store.

mod apply;
mod audit;
mod lifecycle;
mod parked;
mod reading;
mod reconcile;
mod values;
mod world;
