//! Values come back as they were.
