//! What users of CRM sync systems complained about in public, as scenarios that this engine has to survive.
//!
//! Each scenario is a story played on a simulated CRM: something happens upstream, somebody syncs, and at the end the
//! local rows are held against what the CRM holds. The same story is played to this engine, on SQLite and in memory,
//! and to a naive poller, or a naive handler of webhooks, that is kept here for the purpose: a scenario that the naive
//! contender survives proves nothing.
//!
//! The numbers are those of the complaints; the table in this folder's `README.md` tells for each what the naive
//! contender does wrong and what the engine does instead.

#![expect(clippy::unwrap_used, reason = "a helper that fails should fail the test")]

mod contender;
mod hexsync;
mod hubspot;
mod naive;
mod salesforce;
mod verdict;

mod auth;
mod calculated;
mod crashes;
mod deletes;
mod limits;
mod records;
mod schema;
mod stamps;
mod two_way;
mod webhooks;
