//! What `entity.yaml` can't say of accounts: written by hand, never overwritten.
