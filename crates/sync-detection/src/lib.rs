//! How changes of an entity are detected: mapping, filters, cursors
