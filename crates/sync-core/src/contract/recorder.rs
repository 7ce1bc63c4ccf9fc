//! Runs and items are recorded.
