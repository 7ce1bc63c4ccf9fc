//! Composes stores, providers and entities by feature
