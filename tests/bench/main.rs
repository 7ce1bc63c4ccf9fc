//! Benchmarks the engine against the floor.
fn main() {}
