//! Salesforce's outbound messages: what they hold, and how they are answered.
//!
//! Everything here is pure, and takes bytes from outside: see reference/salesforce.md, Outbound Messages.

mod answer;
mod message;
mod notices;

pub use answer::{ACKNOWLEDGED, NOT_ACKNOWLEDGED, fault};
pub use message::{Field, Message, MessageError, Notification, parse_message};
pub(crate) use notices::notices;

/// The provider's name in rows, requests and tables of recipients.
pub const PROVIDER: &str = "salesforce";

/// The part of an id that tells it from others.
pub(crate) fn short_id(id: &str) -> &str {
    id.get(..15).unwrap_or(id)
}
