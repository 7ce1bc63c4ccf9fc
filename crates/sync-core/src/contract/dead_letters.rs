//! Parked changes.
