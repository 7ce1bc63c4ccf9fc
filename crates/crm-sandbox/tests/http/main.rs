//! The simulated Salesforce org as an HTTP client meets it: every endpoint, header and fault.

#![expect(clippy::unwrap_used, reason = "a helper that fails should fail the test")]

mod authorize;
mod collections;
mod control;
mod describe;
mod evolve;
mod faults;
mod headers;
mod oauth;
mod outbound;
mod pipeline;
mod query;
mod replication;
mod robust;
mod rows;
mod speed;
mod support;
mod writes;
