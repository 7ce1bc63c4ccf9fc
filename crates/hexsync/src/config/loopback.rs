//! `[loopback]`: where fingerprints of own writes are kept, and for how long.

use std::time::Duration;

use super::reader::{Reader, Section};
use super::secret::{Secret, secret};

/// What is said of fingerprints.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Loopback {
    /// Where they are kept.
    pub(crate) store: Keep,
    /// How long they live.
    pub(crate) ttl: Duration,
    /// How often the CRM is polled: fingerprints that outlived a poll could hide somebody's change.
    pub(crate) poll_interval: Duration,
}

/// Where fingerprints are kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Keep {
    /// Beside the rows.
    Database,
    /// In the Redis at this address.
    Redis(Secret),
    /// Nowhere: echoes come in as changes of nothing.
    Off,
}

const KEEPS: &[(&str, &str)] = &[("database", "database"), ("redis", "redis"), ("off", "off")];

impl Default for Loopback {
    fn default() -> Self {
        Self { store: Keep::Database, ttl: Duration::from_secs(60), poll_interval: Duration::from_secs(300) }
    }
}

/// Reads the section; what is not said stays at its default.
pub(super) fn read(reader: &mut Reader<'_>, mut section: Section<'_, '_>) -> Loopback {
    let default = Loopback::default();
    let store = section.choice(reader, "store", KEEPS).unwrap_or("database");
    let redis = secret(reader, &mut section, "redis_url_env", "redis_url_file");
    let ttl = section.duration(reader, "ttl").unwrap_or(default.ttl);
    let poll_interval = section.duration(reader, "poll_interval").unwrap_or(default.poll_interval);
    if ttl >= poll_interval {
        let at = section.key_at("ttl").or_else(|| section.key_at("poll_interval"));
        let message = format!("`ttl` of {ttl:?} is not below `poll_interval` of {poll_interval:?}");
        let help = "a fingerprint that outlives the next poll could hide a change that somebody made after it; shorten \
                    ttl, or say how often the CRM is polled";
        reader.problem(at.unwrap_or_else(|| section.at()), message, Some(help.to_owned()));
    }
    let store = match (store, redis) {
        ("redis", Some(url)) => Keep::Redis(url),
        ("redis", None) => {
            let help = "name redis_url_env (or redis_url_file)".to_owned();
            reader.problem(section.at(), "store = \"redis\" without an address", Some(help));
            Keep::Off
        }
        ("off", _) => Keep::Off,
        _ => Keep::Database,
    };
    section.finish(reader);
    Loopback { store, ttl, poll_interval }
}
