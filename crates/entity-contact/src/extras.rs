//! What `entity.yaml` can't say of contacts: written by hand, never overwritten.
