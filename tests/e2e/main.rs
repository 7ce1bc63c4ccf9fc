//! The whole of it: a simulated Salesforce org, every store, and everything that goes wrong in between.

#![expect(clippy::unwrap_used, reason = "a helper that fails should fail the test")]

mod answers;
mod checks;
mod cost;
mod database;
mod fields;
mod kill;
mod lease;
mod links;
mod pages;
mod pipeline;
mod pushed;
mod reconcile;
mod records;
mod redis;
mod soak;
mod tenants;
mod two_way;
mod webhooks;
