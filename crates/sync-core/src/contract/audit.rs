//! What was recorded can be read.
