//! Tenants are kept apart.
