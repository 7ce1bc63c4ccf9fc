//! Fingerprints of our own writes, kept in Redis
