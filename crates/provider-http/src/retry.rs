//! When and how often a call is tried again.

use std::future::Future;
use std::time::Duration;

use sync_auth::{AuthError, Unauthorised};
use sync_core::Jitter;

use crate::error::{BoxError, HttpError};

/// How often a call is tried and how long is waited in between: exponential backoff with full jitter, so that
/// callers that failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries in all, the first included. Default 6; 0 counts as 1. The one repetition after a refused token is extra.
    pub max_tries: u32,
    /// The longest wait before the second try; it doubles from try to try. Default 1 s.
    pub first_backoff: Duration,
    /// No backoff is longer, and no wait that a provider asks for is slept if it is longer: such a call ends as
    /// [`HttpError::Throttled`] at once. Default 60 s.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_tries: 6, first_backoff: Duration::from_secs(1), longest_wait: Duration::from_secs(60) }
    }
}

impl RetryPolicy {
    /// A single try.
    #[must_use]
    pub fn never() -> Self {
        Self { max_tries: 1, ..Self::default() }
    }

    /// How long to wait after try number `failed`, for chance `fraction` in `[0, 1)`.
    fn backoff(&self, failed: u32, fraction: f64) -> Duration {
        let doubled = self.first_backoff.saturating_mul(2_u32.saturating_pow(failed.saturating_sub(1)));
        doubled.min(self.longest_wait).mul_f64(fraction.clamp(0.0, 1.0))
    }
}

/// How one try failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No token could be had, so nothing was sent.
    Auth(AuthError),
    /// The token was refused.
    Unauthorised,
    /// Too many calls; this one was turned away unprocessed.
    Throttled { wait: Option<Duration> },
    /// It never reached the provider.
    Unsent { source: BoxError },
    /// It may have taken effect.
    Broken { wait: Option<Duration>, source: BoxError },
    /// Trying again is pointless.
    Final(HttpError),
}

impl From<AuthError> for Failure {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}

impl Unauthorised for Failure {
    fn is_unauthorised(&self) -> bool {
        matches!(self, Self::Unauthorised)
    }
}

/// What is to be tried, and by which rules.
pub(crate) struct Tries<'a> {
    pub(crate) call: &'static str,
    /// Whether a try that may have taken effect can be repeated.
    pub(crate) repeatable: bool,
    pub(crate) policy: &'a RetryPolicy,
    pub(crate) jitter: &'a dyn Jitter,
}

impl Tries<'_> {
    /// Tries until it works, is pointless, or was tried often enough.
    pub(crate) async fn run<T, F, Fut>(&self, mut attempt: F) -> Result<T, HttpError>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, Failure>>,
    {
        let mut failed = 0;
        loop {
            let failure = match attempt().await {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            failed += 1;
            let Judged { error, again } = self.judge(failure, failed);
            let Some(asked) = again else { return Err(error) };
            if let Some(retry_after) = asked.filter(|wait| *wait > self.policy.longest_wait) {
                return Err(HttpError::Throttled { call: self.call, retry_after });
            }
            if failed >= self.policy.max_tries {
                return Err(error);
            }
            let fraction = self.jitter.fraction();
            let wait = match asked {
                // Never sooner than asked, and not all at the same moment either.
                Some(asked) => asked + self.policy.first_backoff.mul_f64(fraction.clamp(0.0, 1.0)),
                None => self.policy.backoff(failed, fraction),
            };
            let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            tracing::debug!(call = self.call, failed, wait_ms, reason = reason(&error), "trying again");
            tokio::time::sleep(wait).await;
        }
    }

    fn judge(&self, failure: Failure, tries: u32) -> Judged {
        let call = self.call;
        match failure {
            Failure::Final(error) => Judged::stop(error),
            Failure::Unauthorised => Judged::stop(HttpError::Unauthorised { call }),
            Failure::Auth(AuthError::Throttled { retry_after }) => {
                Judged::again(HttpError::Throttled { call, retry_after }, Some(retry_after))
            }
            Failure::Auth(source @ AuthError::NeedsReauthorisation { .. }) => {
                Judged::stop(HttpError::NeedsReauthorisation { call, source })
            }
            Failure::Auth(source) if source.is_temporary() => {
                Judged::again(HttpError::Transient { call, tries, source: source.into() }, None)
            }
            Failure::Auth(source) => Judged::stop(HttpError::Misconfigured { call, source }),
            Failure::Throttled { wait } => {
                let retry_after = wait.unwrap_or(self.policy.longest_wait);
                Judged::again(HttpError::Throttled { call, retry_after }, wait)
            }
            Failure::Unsent { source } => Judged::again(HttpError::Transient { call, tries, source }, None),
            Failure::Broken { wait, source } if self.repeatable => {
                Judged::again(HttpError::Transient { call, tries, source }, wait)
            }
            Failure::Broken { source, .. } => Judged::stop(HttpError::OutcomeUnknown { call, source }),
        }
    }
}

/// A failure as the caller would see it, and whether and when to try again instead.
struct Judged {
    error: HttpError,
    /// `Some(Some(wait))`: not before that; `Some(None)`: after a backoff; `None`: not at all.
    again: Option<Option<Duration>>,
}

impl Judged {
    fn stop(error: HttpError) -> Self {
        Self { error, again: None }
    }

    fn again(error: HttpError, asked: Option<Duration>) -> Self {
        Self { error, again: Some(asked) }
    }
}

/// The innermost cause, for the log.
fn reason(error: &HttpError) -> String {
    match error {
        HttpError::Transient { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
