//! What can go wrong, in words of our own: the server's may quote what was sent to it, passwords included.

use std::time::Duration;

use redis::RedisError;
use sync_core::{LoopbackError, MissingTenantId};

/// Settings that can't work together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The url can't be read.
    #[error(
        "the redis url can't be read; write redis://user:password@host:port/database, with rediss:// for TLS"
    )]
    Url,
    /// No time to live was set.
    #[error("a time to live is required for fingerprints; choose one below the poll interval")]
    MissingTtl,
    /// The time to live is none.
    #[error("a time to live of {0:?} is too short to be kept; choose at least a millisecond")]
    TtlTooShort(Duration),
    /// Fingerprints would outlive the next poll.
    #[error(
        "fingerprints would live for {ttl:?}, which is not below the poll interval of {poll_interval:?}; shorten their life"
    )]
    TtlNotBelowPollInterval {
        /// The time to live.
        ttl: Duration,
        /// The poll interval.
        poll_interval: Duration,
    },
    /// A time-out is none.
    #[error("{0} is zero, so no call could succeed; choose some milliseconds at least")]
    ZeroTimeout(&'static str),
}

/// Why Redis did not do what was asked. The cause within a [`LoopbackError`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisFailure {
    /// No answer in time.
    #[error(
        "redis at {address} did not answer within {limit:?} while {during}; check that it runs and is not overloaded"
    )]
    Slow {
        /// Host and port.
        address: String,
        /// What was attempted.
        during: &'static str,
        /// How long it was waited for.
        limit: Duration,
    },
    /// No connection.
    #[error(
        "redis at {address} can't be reached while {during} ({reason}); check that it runs and the url names it"
    )]
    Unreachable {
        /// Host and port.
        address: String,
        /// What was attempted.
        during: &'static str,
        /// The system's or the TLS library's words.
        reason: String,
    },
    /// The server said no.
    #[error(
        "redis at {address} refused while {during} ({code}); check the login, its rights and the server's memory"
    )]
    Refused {
        /// Host and port.
        address: String,
        /// What was attempted.
        during: &'static str,
        /// The server's code, such as `NOAUTH`, or the kind of failure.
        code: String,
    },
    /// Tenants are told apart, and none was given.
    #[error(transparent)]
    MissingTenantId(#[from] MissingTenantId),
}

impl RedisFailure {
    pub(crate) fn new(address: &str, during: &'static str, error: &RedisError) -> Self {
        let address = address.to_owned();
        if error.is_io_error() {
            return Self::Unreachable { address, during, reason: error.to_string() };
        }
        let code = error.code().unwrap_or_else(|| error.category()).to_owned();
        Self::Refused { address, during, code }
    }
}

impl From<RedisFailure> for LoopbackError {
    fn from(failure: RedisFailure) -> Self {
        Self(failure.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::{ErrorKind, ServerErrorKind};

    /// (what the client library says, what we make of it)
    #[test]
    fn errors_keep_codes_and_lose_the_servers_words() {
        let secret = "with args beginning with: hunter2".to_owned();
        let cases: [(RedisError, &str); 4] = [
            (
                std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into(),
                "can't be reached while asking (connection refused)",
            ),
            ((ErrorKind::AuthenticationFailed, "password", secret.clone()).into(), "(authentication failed)"),
            (
                (ErrorKind::Server(ServerErrorKind::ReadOnly), "read-only", secret.clone()).into(),
                "(READONLY)",
            ),
            ((ErrorKind::UnexpectedReturnType, "type", secret).into(), "(type error)"),
        ];
        for (error, expected) in cases {
            let failure = RedisFailure::new("h:1", "asking", &error);
            let text = failure.to_string();
            assert!(text.contains(expected) && text.contains("redis at h:1"), "{text}");
            assert!(!format!("{text} {failure:?}").contains("hunter2"), "{text}");
        }
    }
}
