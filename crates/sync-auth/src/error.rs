//! What went wrong with a token, told as what to do next.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sync_core::{EndCause, GrantEnd};

use crate::store::TokenStoreError;

/// What a transient failure says when the endpoint was not reached at all.
pub(crate) const NO_CONNECTION: &str = "no connection";

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

    /// Whether the exchange may have taken place although no answer arrived. A provider that was never reached has
    /// changed nothing.
    pub(crate) fn leaves_doubt(&self) -> bool {
        matches!(self, Self::Transient { what, .. } if what != NO_CONNECTION)
    }

    pub(crate) fn transient(what: impl Into<String>) -> Self {
        Self::Transient { what: what.into(), source: None }
    }

    pub(crate) fn configuration(code: impl Into<String>) -> Self {
        Self::Configuration { code: code.into(), detail: None }
    }
}

/// A grant that the provider refuses, with its cause. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadGrant {
    /// Why, as far as can be told.
    pub cause: EndCause,
    /// The provider's code, e.g. `invalid_grant`, or a word of ours: `no_refresh_token`, `token_rejected`.
    pub code: String,
    /// The provider's description, cleaned: at most 200 printable characters, dropped if it holds a secret. Where we
    /// know more than the provider says, that.
    pub detail: Option<String>,
    /// When it was noticed.
    pub since: DateTime<Utc>,
}

impl DeadGrant {
    pub(crate) fn new(cause: EndCause, code: impl Into<String>, since: DateTime<Utc>) -> Self {
        Self { cause, code: code.into(), detail: None, since }
    }

    /// What a person does about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        next_step(self.cause)
    }
}

/// What a person does about a grant that ended for this cause.
#[must_use]
pub const fn next_step(cause: EndCause) -> &'static str {
    match cause {
        EndCause::GrantLimit => {
            "connect the account again, and connect each account once: share one connection, or let another user grant it"
        }
        EndCause::Policy => "let an administrator of the account allow the app, then connect again",
        EndCause::UserInactive => "connect the account again as a user who is active",
        EndCause::Client => "correct the app's client id, secret or key, then connect again or reset",
        EndCause::AccountGone => {
            "check whether the account still exists; forget the connection if it does not"
        }
        EndCause::Clock => "set the machine's clock right, then reset the connection",
        EndCause::TokenRejected => "make a new token at the provider and put it in place of the old one",
        _ => "connect the account again",
    }
}

impl From<GrantEnd> for DeadGrant {
    fn from(end: GrantEnd) -> Self {
        Self { cause: end.cause, code: end.code, detail: end.detail, since: end.at }
    }
}

impl From<DeadGrant> for GrantEnd {
    fn from(grant: DeadGrant) -> Self {
        Self { cause: grant.cause, code: grant.code, detail: grant.detail, at: grant.since }
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
