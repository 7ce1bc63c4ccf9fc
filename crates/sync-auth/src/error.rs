//! What went wrong with a token, told as what to do next.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::store::TokenStoreError;

/// A cause that several waiting callers can share.
pub type SharedError = Arc<dyn Error + Send + Sync + 'static>;

/// Why no token can be had. Cloneable, because callers that waited for the same exchange share its outcome.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// Nothing but a person (or a new grant) helps: connect again, then
    /// [`reconnect`](crate::Authenticator::reconnect) or [`reset`](crate::Authenticator::reset).
    #[error("the grant is no longer accepted ({grant}); connect the account again")]
    NeedsReauthorisation {
        /// What ended it, and when.
        grant: DeadGrant,
    },
    /// The request itself is wrong: correct the endpoint, the client or the key.
    #[error("the token request can't succeed as configured ({code}); correct the connection's settings")]
    Configuration {
        /// The endpoint's error code, or a word of ours.
        code: String,
        /// The endpoint's description, cleaned; kept out of the message.
        detail: Option<String>,
    },
    /// Too many token requests: wait this long.
    #[error("token requests are throttled; try again in {retry_after:?}")]
    Throttled {
        /// How long to wait from now.
        retry_after: Duration,
    },
    /// The endpoint or the way to it is out of order: try again later.
    #[error("getting a token failed for now ({what}); try again later")]
    Transient {
        /// What was seen.
        what: String,
        /// The underlying failure, without addresses.
        #[source]
        source: Option<SharedError>,
    },
    /// Tokens could not be read or kept. A rotated refresh token is held in memory and saved first next time.
    #[error("the token store failed to {during}; try again once it answers")]
    Store {
        /// `load` or `save`.
        during: &'static str,
        /// The store's own error.
        #[source]
        source: TokenStoreError,
    },
}

impl AuthError {
    /// Whether the same request may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Transient { .. } | Self::Store { .. })
    }

    pub(crate) fn transient(what: impl Into<String>) -> Self {
        Self::Transient { what: what.into(), source: None }
    }

    pub(crate) fn configuration(code: impl Into<String>) -> Self {
        Self::Configuration { code: code.into(), detail: None }
    }
}

/// A grant that the provider refuses, with the cause it named. Can be stored; holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadGrant {
    /// The provider's code, e.g. `invalid_grant`, or a word of ours: `no_refresh_token`, `token_rejected`.
    pub code: String,
    /// The provider's description, cleaned: at most 200 printable characters, dropped if it holds a secret.
    pub detail: Option<String>,
    /// When it was noticed.
    pub since: DateTime<Utc>,
}

impl DeadGrant {
    pub(crate) fn new(code: impl Into<String>, since: DateTime<Utc>) -> Self {
        Self { code: code.into(), detail: None, since }
    }
}

impl fmt::Display for DeadGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        write!(f, ", since {}", self.since.format("%Y-%m-%dT%H:%M:%SZ"))
    }
}
