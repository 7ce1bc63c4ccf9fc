//! The simulated HubSpot account as an HTTP client meets it: every endpoint, header and fault.

#![expect(clippy::unwrap_used, reason = "a helper that fails should fail the test")]

mod associations;
mod authorize;
mod batch;
mod control;
mod evolve;
mod faults;
mod generated;
mod histories;
mod limits;
mod list;
mod merges;
mod metadata;
mod oauth;
mod pipeline;
mod robust;
mod rows;
mod search;
mod search_window;
mod speed;
mod support;
mod webhooks;
mod writes;
