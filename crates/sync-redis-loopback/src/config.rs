//! How to connect, and for how long to remember.

use std::fmt;
use std::time::Duration;

use redis::aio::ConnectionManagerConfig;
use redis::{Client, ConnectionAddr};
use secrecy::{ExposeSecret, SecretString};

use crate::{ConfigError, RedisLoopbackStore};

/// Settings of a [`RedisLoopbackStore`]. The time to live is required; the others have defaults.
#[derive(Clone)]
pub struct RedisLoopbackBuilder {
    url: SecretString,
    ttl: Option<Duration>,
    poll_interval: Option<Duration>,
    prefix: String,
    connect_timeout: Duration,
    response_timeout: Duration,
    multi_tenant: bool,
}

/// Settings that were checked.
pub(crate) struct Config {
    pub(crate) client: Client,
    /// Host and port, for messages.
    pub(crate) address: String,
    pub(crate) manager: ConnectionManagerConfig,
    pub(crate) prefix: String,
    /// Whole milliseconds, at least one.
    pub(crate) ttl_ms: u64,
    /// The most that any call may take.
    pub(crate) limit: Duration,
    pub(crate) multi_tenant: bool,
}

impl RedisLoopbackBuilder {
    pub(crate) fn new(url: impl Into<String>) -> Self {
        Self {
            url: SecretString::from(url.into()),
            ttl: None,
            poll_interval: None,
            prefix: "hexsync:loopback".to_owned(),
            connect_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_millis(500),
            multi_tenant: false,
        }
    }

    /// How long a write of ours is known. Required; whole milliseconds, below the poll interval.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// How often the CRM is polled, to check the time to live against: a fingerprint that outlives the next poll
    /// could hide a change that somebody made after it. Default: not checked.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = Some(interval);
        self
    }

    /// What every key begins with. Default `hexsync:loopback`. Installations that share a server need one each: with
    /// connections of the same name to the same CRM, one would take the other's write for its own echo.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long to wait for a connection, TLS and login included. Default 1 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long to wait for an answer. Default 500 ms: a batch takes a few. A call in all takes no longer than this
    /// and [`connect_timeout`](Self::connect_timeout) together.
    #[must_use]
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.response_timeout = timeout;
        self
    }

    /// Whether tenants are told apart: a scope without one is then refused (R1). Default no.
    #[must_use]
    pub fn multi_tenant(mut self, multi_tenant: bool) -> Self {
        self.multi_tenant = multi_tenant;
        self
    }

    /// Checks the settings. The first call connects, and so does any call after the connection was lost: a worker
    /// starts and runs without Redis. [`ping`](RedisLoopbackStore::ping) tells whether it is there.
    ///
    /// # Errors
    /// [`ConfigError`], which says what to change.
    pub fn build(self) -> Result<RedisLoopbackStore, ConfigError> {
        self.check().map(RedisLoopbackStore::new)
    }

    fn check(self) -> Result<Config, ConfigError> {
        let ttl = self.ttl.ok_or(ConfigError::MissingTtl)?;
        // Redis counts in signed 64 bits; half of that is 146 million years.
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).min(i64::MAX.unsigned_abs() / 2);
        if ttl_ms == 0 {
            return Err(ConfigError::TtlTooShort(ttl));
        }
        if let Some(poll_interval) = self.poll_interval.filter(|interval| ttl >= *interval) {
            return Err(ConfigError::TtlNotBelowPollInterval { ttl, poll_interval });
        }
        let timeouts = [
            ("the connect time-out", self.connect_timeout),
            ("the response time-out", self.response_timeout),
        ];
        if let Some((name, _)) = timeouts.into_iter().find(|(_, timeout)| timeout.is_zero()) {
            return Err(ConfigError::ZeroTimeout(name));
        }
        // The library's words are left out: they could quote the url.
        let client = Client::open(self.url.expose_secret()).map_err(|_| ConfigError::Url)?;
        let address = client.get_connection_info().addr();
        if matches!(address, ConnectionAddr::TcpTls { .. }) {
            // With two implementations of cryptography in a program, rustls would panic for want of a choice.
            // One that the program has made already stays.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        let address = address.to_string();
        // Failing at once is better than waiting: a call tries again by itself, and the next one does as well.
        let manager = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(Some(self.response_timeout));
        let limit = self.connect_timeout.saturating_add(self.response_timeout);
        let (prefix, multi_tenant) = (self.prefix, self.multi_tenant);
        Ok(Config { client, address, manager, prefix, ttl_ms, limit, multi_tenant })
    }
}

impl fmt::Debug for RedisLoopbackBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLoopbackBuilder")
            .field("url", &"(redacted)")
            .field("ttl", &self.ttl)
            .field("poll_interval", &self.poll_interval)
            .field("prefix", &self.prefix)
            .field("connect_timeout", &self.connect_timeout)
            .field("response_timeout", &self.response_timeout)
            .field("multi_tenant", &self.multi_tenant)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn builder() -> RedisLoopbackBuilder {
        RedisLoopbackStore::builder("redis://app:hunter2@127.0.0.1:6379/0").ttl(MINUTE)
    }

    #[test]
    fn time_to_live_is_below_the_poll_interval() {
        assert!(builder().poll_interval(MINUTE * 2).build().is_ok());
        for poll_interval in [MINUTE, MINUTE / 2] {
            let error = builder().poll_interval(poll_interval).build().unwrap_err();
            assert_eq!(error, ConfigError::TtlNotBelowPollInterval { ttl: MINUTE, poll_interval });
        }
    }

    #[test]
    fn time_to_live_is_required_and_lasts_a_millisecond() {
        let without = RedisLoopbackStore::builder("redis://127.0.0.1/").build().unwrap_err();
        assert_eq!(without, ConfigError::MissingTtl);
        for short in [Duration::ZERO, Duration::from_micros(999)] {
            assert_eq!(builder().ttl(short).build().unwrap_err(), ConfigError::TtlTooShort(short));
        }
        assert!(builder().ttl(Duration::MAX).build().is_ok());
    }

    #[test]
    fn time_outs_are_not_zero() {
        let error = builder().connect_timeout(Duration::ZERO).build().unwrap_err();
        assert_eq!(error, ConfigError::ZeroTimeout("the connect time-out"));
        let error = builder().response_timeout(Duration::ZERO).build().unwrap_err();
        assert_eq!(error, ConfigError::ZeroTimeout("the response time-out"));
    }

    #[test]
    fn wrong_urls_say_what_to_write_and_hide_the_password() {
        for url in
            ["http://u:hunter2@localhost", "redis://u:hunter2@", "redis://u:hunter2@h:port/", "u:hunter2@h"]
        {
            let error = RedisLoopbackStore::builder(url).ttl(MINUTE).build().unwrap_err();
            assert_eq!(error, ConfigError::Url, "{url}");
            assert!(error.to_string().contains("redis://user:password@host:port/database"));
        }
    }

    #[test]
    fn debug_output_hides_the_url() {
        let text = format!("{:?} {:?}", builder(), builder().build().unwrap());
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("127.0.0.1:6379"), "{text}");
    }

    #[test]
    fn encrypted_connections_have_their_cryptography() {
        let store = RedisLoopbackStore::builder("rediss://127.0.0.1/").ttl(MINUTE).build();
        assert!(store.is_ok());
        assert!(rustls::crypto::CryptoProvider::get_default().is_some());
    }
}
