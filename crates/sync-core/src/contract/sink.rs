//! Rows of one entity.
