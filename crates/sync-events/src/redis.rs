//! To Redis Streams: one stream per lane.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, ConnectionAddr, Pipeline};
use secrecy::{ExposeSecret, SecretString};
use sync_core::{Lane, OutboxEvent};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::relay::{Delivery, Relay};

/// Appends events to Redis Streams, `<prefix>:<lane>`, one entry per event.
///
/// An entry has the fields `id` (what redeliveries are told by), `kind`, `tenant` where there is one, and `event`, the
/// whole event as JSON. A batch is one transaction (`MULTI`): all of it arrives, in order, or nothing.
pub struct RedisRelay {
    client: Client,
    config: ConnectionManagerConfig,
    address: String,
    prefix: String,
    max_length: Option<u64>,
    connection: Mutex<Option<ConnectionManager>>,
}

/// Settings of a [`RedisRelay`].
pub struct RedisRelayBuilder {
    url: SecretString,
    prefix: String,
    max_length: Option<u64>,
    timeout: Duration,
}

/// What is wrong with the relay. Never holds the password.
#[derive(Debug, thiserror::Error)]
pub enum RedisRelayError {
    /// The url is no url of Redis.
    #[error("the url of Redis can't be read; write it as redis://user:password@host:port/database")]
    Url,
    /// Redis does not take events for now.
    #[error(
        "redis at {address} does not take events: {reason}; check that it runs, and the login of the url"
    )]
    Down {
        /// Where.
        address: String,
        /// The library's words about the kind of error.
        reason: String,
    },
}

impl RedisRelay {
    /// Settings for the server at this url: `redis://user:password@host:port/database`, or `rediss://` for TLS.
    pub fn builder(url: impl Into<String>) -> RedisRelayBuilder {
        RedisRelayBuilder {
            url: url.into().into(),
            prefix: "hexsync:events".to_owned(),
            max_length: None,
            timeout: Duration::from_secs(5),
        }
    }

    /// The stream of a lane.
    #[must_use]
    pub fn stream(&self, lane: Lane) -> String {
        format!("{}:{}", self.prefix, lane.as_str())
    }

    fn batch(&self, events: &[OutboxEvent]) -> Pipeline {
        let mut batch = Pipeline::with_capacity(events.len());
        batch.atomic();
        for event in events {
            let add = batch.cmd("XADD").arg(self.stream(event.lane));
            if let Some(length) = self.max_length {
                add.arg("MAXLEN").arg("~").arg(length);
            }
            add.arg("*").arg("id").arg(event.id.to_string()).arg("kind").arg(&event.kind);
            if let Some(tenant) = &event.tenant {
                add.arg("tenant").arg(tenant.as_str());
            }
            // Text for keys, and numbers that JSON has: it can't fail.
            add.arg("event").arg(serde_json::to_string(event).unwrap_or_default()).ignore();
        }
        batch
    }

    async fn send(&self, events: &[OutboxEvent]) -> Result<(), redis::RedisError> {
        let mut slot = self.connection.lock().await;
        let mut connection = match &*slot {
            Some(connection) => connection.clone(),
            None => slot
                .insert(ConnectionManager::new_lazy_with_config(self.client.clone(), self.config.clone())?)
                .clone(),
        };
        drop(slot);
        let sent = self.batch(events).query_async::<()>(&mut connection).await;
        if sent.as_ref().is_err_and(redis::RedisError::is_io_error) {
            *self.connection.lock().await = None;
        }
        sent
    }
}

impl RedisRelayBuilder {
    /// What the names of the streams begin with. Default `hexsync:events`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// About how many entries a stream keeps (`MAXLEN ~`); the oldest go, read or not. Default: all.
    #[must_use]
    pub fn max_length(mut self, entries: u64) -> Self {
        self.max_length = Some(entries);
        self
    }

    /// How long to wait for a connection, and for an answer. Default 5 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Checks the settings. The first delivery connects.
    ///
    /// # Errors
    /// [`RedisRelayError::Url`].
    pub fn build(self) -> Result<RedisRelay, RedisRelayError> {
        // The library's words are left out: they could quote the url.
        let client = Client::open(self.url.expose_secret()).map_err(|_| RedisRelayError::Url)?;
        let address = client.get_connection_info().addr();
        if matches!(address, ConnectionAddr::TcpTls { .. }) {
            // With two implementations of cryptography in a program, rustls would panic for want of a choice.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        let address = address.to_string();
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(self.timeout));
        let (prefix, max_length) = (self.prefix, self.max_length);
        Ok(RedisRelay { client, config, address, prefix, max_length, connection: Mutex::new(None) })
    }
}

#[async_trait]
impl Relay for RedisRelay {
    fn label(&self) -> String {
        format!("redis at {}", self.address)
    }

    #[tracing::instrument(name = "redis.events", skip_all, fields(n_events = events.len()))]
    async fn deliver(&self, events: &[OutboxEvent], _deadline: Instant) -> Delivery {
        match self.send(events).await {
            Ok(()) => Delivery::done(events.len()),
            Err(error) => {
                let reason = error.code().unwrap_or_else(|| error.category()).to_owned();
                Delivery::down(events.len(), RedisRelayError::Down { address: self.address.clone(), reason })
            }
        }
    }
}

impl fmt::Debug for RedisRelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRelay")
            .field("address", &self.address)
            .field("prefix", &self.prefix)
            .field("max_length", &self.max_length)
            .finish_non_exhaustive()
    }
}
