//! Polled changes on their way.
