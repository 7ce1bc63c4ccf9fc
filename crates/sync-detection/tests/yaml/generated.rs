//! What is written as Rust compiles, and means what the file says.
