//! Changes of the application's own on their way to a CRM in memory, told as stories.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test, and says where")]

mod arriving;
mod conflicts;
#[cfg(feature = "failpoints")]
mod crash;
mod creates;
mod echoes;
mod sending;
mod world;
