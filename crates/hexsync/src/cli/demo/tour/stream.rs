//! Where events are streamed to: Redis, or this program's memory.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value as Json;
use sync_wiring::core::{Lane, OutboxEvent};
use sync_wiring::events::{Delivery, RedisRelay, Relay};
use tokio::time::Instant;

use crate::error::CliError;

/// What the streams of the tour begin with.
const PREFIX: &str = "hexsync-demo:events";

/// A stream, to be read again.
#[derive(Clone)]
pub(super) enum Stream {
    /// In memory, in the order of arrival.
    Memory(Arc<Mutex<Vec<OutboxEvent>>>),
    /// Redis Streams, one per lane.
    Redis(Box<redis::Client>),
}

impl Stream {
    /// Redis where there is one, empty.
    ///
    /// # Errors
    /// When Redis can't be reached.
    pub(super) async fn open(redis: Option<&SecretString>) -> Result<Self, CliError> {
        let Some(url) = redis else { return Ok(Self::Memory(Arc::default())) };
        let client = redis::Client::open(url.expose_secret()).map_err(away)?;
        let mut connection = client.get_multiplexed_async_connection().await.map_err(away)?;
        let keys: Vec<String> = Lane::ALL.into_iter().map(key).collect();
        redis::cmd("DEL").arg(keys).query_async::<()>(&mut connection).await.map_err(away)?;
        Ok(Self::Redis(Box::new(client)))
    }

    /// What delivers to it.
    ///
    /// # Errors
    /// When the address can't be read.
    pub(super) fn relay(&self, redis: Option<&SecretString>) -> Result<Sender, CliError> {
        Ok(match (self, redis) {
            (Self::Redis(_), Some(url)) => {
                let relay = RedisRelay::builder(url.expose_secret()).prefix(PREFIX).build();
                Sender::Redis(Box::new(relay.map_err(CliError::new)?))
            }
            (stream, _) => Sender::Memory(stream.clone()),
        })
    }

    /// Where it is, for people.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Memory(_) => "a stream in memory".to_owned(),
            Self::Redis(_) => format!("the Redis stream {}", key(Lane::Change)),
        }
    }

    /// Everything in it, lane by lane.
    ///
    /// # Errors
    /// When it can't be read.
    pub(super) async fn entries(&self) -> Result<Vec<Json>, CliError> {
        match self {
            Self::Memory(events) => {
                let events = events.lock().unwrap_or_else(PoisonError::into_inner).clone();
                events.iter().map(|event| Ok(serde_json::to_value(event)?)).collect()
            }
            Self::Redis(client) => {
                let mut connection = client.get_multiplexed_async_connection().await.map_err(away)?;
                let mut entries = Vec::new();
                for lane in Lane::ALL {
                    type Entry = (String, Vec<(String, String)>);
                    let mut range = redis::cmd("XRANGE");
                    let range = range.arg(key(lane)).arg("-").arg("+");
                    let found: Vec<Entry> = range.query_async(&mut connection).await.map_err(away)?;
                    let texts = found.into_iter().flat_map(|(_, fields)| fields);
                    for (_, text) in texts.filter(|(name, _)| name == "event") {
                        entries.push(serde_json::from_str(&text)?);
                    }
                }
                Ok(entries)
            }
        }
    }
}

fn key(lane: Lane) -> String {
    format!("{PREFIX}:{}", lane.as_str())
}

/// Without the address, which may hold a password.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn away(error: redis::RedisError) -> CliError {
    let reason = error.code().unwrap_or_else(|| error.category()).to_owned();
    CliError::text(format!("redis can't be used: {reason}"))
        .next("check the address by --redis-url, or leave it out to stream into memory")
}

/// Delivers to a stream.
pub(super) enum Sender {
    Memory(Stream),
    Redis(Box<RedisRelay>),
}

#[async_trait]
impl Relay for Sender {
    fn label(&self) -> String {
        match self {
            Self::Memory(stream) => stream.place(),
            Self::Redis(relay) => relay.label(),
        }
    }

    async fn deliver(&self, events: &[OutboxEvent], deadline: Instant) -> Delivery {
        match self {
            Self::Redis(relay) => relay.deliver(events, deadline).await,
            Self::Memory(stream) => {
                if let Stream::Memory(kept) = stream {
                    kept.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(events);
                }
                Delivery::done(events.len())
            }
        }
    }
}
