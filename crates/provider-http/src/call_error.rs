//! What an adapter's call ended in, where it brought nothing that can be used.

use sync_core::SourceError;

use crate::budget::{Budget, Usage};
use crate::error::HttpError;

/// A call brought nothing that can be used.
#[derive(Debug)]
pub enum CallError {
    /// The HTTP client gave up, or the provider refused.
    Http(HttpError),
    /// There was an answer, and it can't be read.
    Garbled {
        /// The call's name.
        call: &'static str,
        /// What is wrong with the answer, without its values.
        what: String,
    },
}

/// A provider's words for what it refused for good: the call's name, the status, the code and the body.
pub type ReadRefusal = fn(&'static str, u16, String, &[u8]) -> SourceError;

impl CallError {
    /// Whether what was sent may have been carried out, although nobody can tell from the answer.
    #[must_use]
    pub fn may_have_taken_effect(&self) -> bool {
        match self {
            Self::Garbled { .. } => true,
            Self::Http(error) => error.may_have_taken_effect(),
        }
    }

    /// The same of a call that only reads: it changed nothing, whatever its answer was.
    #[must_use]
    pub fn of_a_look(self) -> Self {
        match self {
            Self::Http(error) if !error.may_have_taken_effect() => Self::Http(error),
            error => {
                let call = error.call();
                Self::Http(HttpError::Transient { call, tries: 1, source: error.summary().into() })
            }
        }
    }

    /// The call's name.
    #[must_use]
    pub fn call(&self) -> &'static str {
        match self {
            Self::Garbled { call, .. } => call,
            Self::Http(error) => error.call(),
        }
    }

    /// What happened, in a few words.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::Garbled { call, what } => format!("{call}: {what}"),
            Self::Http(error) => error.to_string(),
        }
    }

    /// The error of the port. `budget` tells a spent day from a passing throttle, `check` says what to look at where a
    /// fresh token is refused.
    #[must_use]
    pub fn into_source(self, budget: &Budget, check: &str, refused: ReadRefusal) -> SourceError {
        let error = match self {
            Self::Garbled { call, what } => return SourceError::Transient { call, source: what.into() },
            Self::Http(error) => error,
        };
        let call = error.call();
        match error {
            HttpError::BudgetSpent { spent, .. } => {
                SourceError::BudgetSpent { used: spent.used, max: spent.max }
            }
            HttpError::Throttled { retry_after, .. } => match budget.snapshot().usage {
                Some(Usage { used, max }) if used >= max => SourceError::BudgetSpent { used, max },
                _ => SourceError::Throttled { call, retry_after },
            },
            HttpError::Unauthorised { .. } => {
                let reason = format!("a fresh token was refused as well; check {check}");
                SourceError::Unauthorised { call, reason }
            }
            HttpError::NeedsReauthorisation { source, .. } => {
                SourceError::Unauthorised { call, reason: source.to_string() }
            }
            HttpError::Misconfigured { source, .. } => {
                SourceError::Permanent { call, code: "misconfigured".to_owned(), reason: source.to_string() }
            }
            HttpError::Refused { status, code, body, .. } => refused(call, status, code, &body.0),
            error @ (HttpError::Transient { .. } | HttpError::OutcomeUnknown { .. }) => {
                SourceError::Transient { call, source: Box::new(error) }
            }
            error => SourceError::Permanent { call, code: "client".to_owned(), reason: error.to_string() },
        }
    }
}
