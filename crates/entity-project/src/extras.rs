//! What `entity.yaml` can't say of projects: written by hand, never overwritten.
