//! Proves what goes over the wire.
