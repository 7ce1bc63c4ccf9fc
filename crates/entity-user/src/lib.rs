//! The canonical user and its tables
