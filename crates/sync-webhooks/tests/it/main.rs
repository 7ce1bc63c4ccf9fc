//! From a call over HTTP to rows: what is refused, what is acknowledged, and that nothing acknowledged is lost.

#![expect(clippy::unwrap_used, reason = "a helper that fails should fail the test")]

mod connected;
mod drain;
mod hubspot;
mod salesforce;
mod shaky;
mod staging;
mod support;
