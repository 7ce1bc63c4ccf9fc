//! Tests of the whole path from text to JSON.

mod aggregates;
mod errors;
mod filters;
pub(super) mod fixture;
mod indexed;
mod order;
mod parsing;
mod shape;
mod speed;
