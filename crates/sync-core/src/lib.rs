//! The ports, domain types and engine of Hexsync
