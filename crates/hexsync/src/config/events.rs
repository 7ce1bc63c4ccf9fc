//! `[events]`: whether changes are published, and where to.

use std::time::Duration;

use super::reader::{Reader, Section};
use super::secret::{Secret, secret};

/// What is said of events.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Events {
    /// Whether applied changes are published.
    pub(crate) publish: bool,
    /// How long received events are kept.
    pub(crate) keep: Duration,
    /// After how many failures an event is parked.
    pub(crate) attempts: u32,
    /// Whether later events of a record pass a parked one.
    pub(crate) pass_parked: bool,
    /// Where Redis is.
    pub(crate) redis: Option<Secret>,
    /// About how many entries a stream of Redis keeps.
    pub(crate) redis_max_length: Option<u64>,
    /// Where NATS is.
    pub(crate) nats: Option<Secret>,
    /// Whether the stream of NATS is made when it is missing.
    pub(crate) nats_create: bool,
}

/// Where a relay delivers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Target {
    /// Redis Streams, one per lane: `hexsync:events:change`.
    Redis,
    /// NATS JetStream, the stream HEXSYNC_EVENTS: `hexsync.events.change.opportunity_updated`.
    Nats,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            publish: false,
            keep: Duration::from_secs(7 * 24 * 3_600),
            attempts: 8,
            pass_parked: false,
            redis: None,
            redis_max_length: None,
            nats: None,
            nats_create: false,
        }
    }
}

/// Reads the section; what is not said stays at its default.
pub(super) fn read(reader: &mut Reader<'_>, mut section: Section<'_, '_>) -> Events {
    let default = Events::default();
    let attempts = section.int(reader, "attempts", 1..=1_000);
    let max_length = section.int(reader, "redis_max_length", 1..=1_000_000_000);
    let events = Events {
        publish: section.bool(reader, "publish").unwrap_or(default.publish),
        keep: section.duration(reader, "keep").unwrap_or(default.keep),
        attempts: attempts.and_then(|n| u32::try_from(n).ok()).unwrap_or(default.attempts),
        pass_parked: section.bool(reader, "pass_parked").unwrap_or(default.pass_parked),
        redis: secret(reader, &mut section, "redis_url_env", "redis_url_file"),
        redis_max_length: max_length.and_then(|n| u64::try_from(n).ok()),
        nats: secret(reader, &mut section, "nats_url_env", "nats_url_file"),
        nats_create: section.bool(reader, "nats_create").unwrap_or(default.nats_create),
    };
    section.finish(reader);
    events
}
