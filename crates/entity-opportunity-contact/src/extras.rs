//! What `entity.yaml` can't say of opportunity contacts: written by hand, never overwritten.
