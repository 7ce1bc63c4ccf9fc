//! The canonical contact and its tables
