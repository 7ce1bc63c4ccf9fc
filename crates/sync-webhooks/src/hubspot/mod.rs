//! HubSpot's calls: signatures, bodies, and what they say of records.
//!
//! Everything here is pure, and takes bytes from outside: see reference/hubspot.md, Webhooks.

mod event;
mod notices;
mod signature;

pub use event::{BodyError, Event, Parsed, parse_body};
pub(crate) use notices::notices;
pub use signature::{MAX_AGE_MS, Refused, SignedRequest, Version, verify};

/// The provider's name in rows, requests and tables of recipients.
pub const PROVIDER: &str = "hubspot";
