//! What `entity.yaml` can't say of users: written by hand, never overwritten.
