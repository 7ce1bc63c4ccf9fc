//! The canonical account and its tables
