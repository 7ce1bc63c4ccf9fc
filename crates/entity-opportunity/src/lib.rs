//! The canonical opportunity and its tables
