//! What each transform makes of its values.
