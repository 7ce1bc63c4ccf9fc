//! What a call ended in, told as what to do next.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use sync_auth::AuthError;

use crate::budget::BudgetSpent;

/// An underlying failure, without addresses or content.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Why a call brought nothing. Every variant names the call; none shows an address, a header or a body.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// It failed for now, and all tries are used up: do the same again later.
    #[error("{call} failed for now after {tries} tries; run it again later")]
    Transient {
        /// The call's name.
        call: &'static str,
        /// How often it was tried.
        tries: u32,
        /// The last failure.
        #[source]
        source: BoxError,
    },
    /// It broke off after it was sent, and may have taken effect: look before it is sent again.
    #[error("{call} broke off and may have taken effect; read the record back before sending it again")]
    OutcomeUnknown {
        /// The call's name.
        call: &'static str,
        /// What broke.
        #[source]
        source: BoxError,
    },
    /// The provider wants fewer calls: leave this connection alone for that long.
    #[error("{call} is throttled; try again in {retry_after:?}")]
    Throttled {
        /// The call's name.
        call: &'static str,
        /// How long to wait from now, at most a day.
        retry_after: Duration,
    },
    /// A fresh token was refused as well: check what the connection may do. No further refresh helps.
    #[error("{call} is not authorised, with a fresh token either; check the connection's scopes")]
    Unauthorised {
        /// The call's name.
        call: &'static str,
    },
    /// No token can be had any more: a person has to connect the account again.
    #[error("{call} has no authorisation left; connect the account again")]
    NeedsReauthorisation {
        /// The call's name.
        call: &'static str,
        /// The grant's end and its cause.
        #[source]
        source: AuthError,
    },
    /// Tokens can't be asked for as configured: correct the connection's settings.
    #[error("{call} can't get a token as configured; correct the connection's settings")]
    Misconfigured {
        /// The call's name.
        call: &'static str,
        /// What is wrong.
        #[source]
        source: AuthError,
    },
    /// The org's API budget is spent down to its reserve: end the run cleanly and resume it later.
    #[error("{call} was not sent: {spent}")]
    BudgetSpent {
        /// The call's name.
        call: &'static str,
        /// The numbers.
        spent: BudgetSpent,
    },
    /// The provider understood and said no: the same call will be refused again.
    #[error("{call} was refused ({status}, {code})")]
    Refused {
        /// The call's name.
        call: &'static str,
        /// HTTP status.
        status: u16,
        /// The provider's code, or `http_<status>`.
        code: String,
        /// The answer, for the provider adapter to read; never shown.
        body: HiddenBytes,
    },
    /// The answer is not what the call answers with: a page of a gateway, or a change of the API.
    #[error("{call} expected {expected}, got {length} bytes of {content_type}{position}")]
    Malformed {
        /// The call's name.
        call: &'static str,
        /// What was expected, e.g. `json`.
        expected: &'static str,
        /// The answer's media type, `no content type` if it had none.
        content_type: String,
        /// The answer's length, decompressed.
        length: usize,
        /// Where reading failed, e.g. `, unreadable at line 1 column 7`; empty if nowhere in particular.
        position: String,
    },
    /// The answer is longer than allowed: ask for less, or allow more.
    #[error("{call} answered with more than {limit} bytes; ask for less at a time or raise the limit")]
    TooLarge {
        /// The call's name.
        call: &'static str,
        /// The limit, in bytes after decompression.
        limit: usize,
    },
    /// An answer pointed to another server; it was not followed.
    #[error("{call} was led to {found} instead of {expected}; it was not followed")]
    ForeignOrigin {
        /// The call's name.
        call: &'static str,
        /// Where the connection's API lives.
        expected: String,
        /// Where the address led.
        found: String,
    },
    /// The request can't be sent like this: a mistake of the calling code or of the connection's base URL.
    #[error("{call} can't be sent: {reason}")]
    InvalidRequest {
        /// The call's name.
        call: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl HttpError {
    /// The call's name.
    #[must_use]
    pub fn call(&self) -> &'static str {
        match self {
            Self::Transient { call, .. }
            | Self::OutcomeUnknown { call, .. }
            | Self::Throttled { call, .. }
            | Self::Unauthorised { call }
            | Self::NeedsReauthorisation { call, .. }
            | Self::Misconfigured { call, .. }
            | Self::BudgetSpent { call, .. }
            | Self::Refused { call, .. }
            | Self::Malformed { call, .. }
            | Self::TooLarge { call, .. }
            | Self::ForeignOrigin { call, .. }
            | Self::InvalidRequest { call, .. } => call,
        }
    }

    /// Whether the call may have been carried out, although its answer was lost or can't be read. Everything else says
    /// that it was not.
    #[must_use]
    pub fn may_have_taken_effect(&self) -> bool {
        matches!(self, Self::OutcomeUnknown { .. } | Self::Malformed { .. } | Self::TooLarge { .. })
    }

    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Transient { .. } | Self::Throttled { .. } | Self::BudgetSpent { .. })
    }
}

/// Bytes that may be read but never show: an answer can hold customers' data.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HiddenBytes(pub Bytes);

impl fmt::Debug for HiddenBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.0.len())
    }
}
