//! Listing live rows.
