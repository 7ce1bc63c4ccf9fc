//! The `hexsync` program.
fn main() {}
