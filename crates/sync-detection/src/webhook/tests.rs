//! Events as changes.
