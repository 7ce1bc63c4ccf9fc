//! What `entity.yaml` can't say of opportunities: written by hand, never overwritten.
