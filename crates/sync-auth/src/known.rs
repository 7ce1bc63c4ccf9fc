//! What callers can see of a connection without waiting for an exchange.

use chrono::{DateTime, TimeDelta, Utc};

use crate::error::{AuthError, DeadGrant};
use crate::token::AccessToken;

/// After a failed renewal ahead of time the old token is used this long before the next attempt.
const QUIET_AFTER_FAILURE: TimeDelta = TimeDelta::seconds(30);

/// A span of time on a clock that may jump: one that jumped back to before the span has left it.
#[derive(Clone, Copy)]
struct Span {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl Span {
    fn holds(&self, now: DateTime<Utc>) -> bool {
        self.from <= now && now < self.until
    }
}

#[derive(Default)]
pub(crate) struct Known {
    /// Counts exchanges and resets, so that a caller can tell that one happened while it waited.
    pub(crate) generation: u64,
    pub(crate) token: Option<AccessToken>,
    pub(crate) dead: Option<DeadGrant>,
    /// The failure of the newest exchange, for those who waited for it.
    failure: Option<AuthError>,
    quiet: Option<Span>,
    throttled: Option<Span>,
}

impl Known {
    pub(crate) fn is_quiet(&self, now: DateTime<Utc>) -> bool {
        self.quiet.is_some_and(|span| span.holds(now))
    }

    /// How long the endpoint asked to be left alone for, from now on.
    pub(crate) fn throttled_for(&self, now: DateTime<Utc>) -> Option<std::time::Duration> {
        let span = self.throttled.filter(|span| span.holds(now))?;
        Some((span.until - now).to_std().unwrap_or_default())
    }

    /// The outcome that a waiting caller may share, if there is one since it had looked.
    pub(crate) fn outcome_since(
        &self,
        seen: u64,
        rejected: Option<&AccessToken>,
        now: DateTime<Utc>,
        ahead: TimeDelta,
    ) -> Option<Result<AccessToken, AuthError>> {
        if self.generation != seen
            && let Some(error) = &self.failure
        {
            return Some(Err(error.clone()));
        }
        if self.dead.is_some() {
            return None;
        }
        let token = self.token.as_ref()?;
        let of_use = match rejected {
            Some(rejected) => !token.same_as(rejected) && !token.is_expired(now),
            None => !token.is_near_expiry(now, ahead),
        };
        of_use.then(|| Ok(token.clone()))
    }

    pub(crate) fn forget(&mut self) {
        *self = Self { generation: self.generation, ..Self::default() };
    }

    pub(crate) fn succeed(&mut self, token: AccessToken) {
        self.forget();
        self.token = Some(token);
    }

    pub(crate) fn fail(&mut self, error: &AuthError, rejected: Option<&AccessToken>, now: DateTime<Utc>) {
        self.failure = Some(error.clone());
        // A refused token must not be handed out again only because no new one could be had.
        self.token =
            self.token.take().filter(|token| rejected.is_none_or(|rejected| !token.same_as(rejected)));
        match error {
            AuthError::NeedsReauthorisation { grant } => {
                self.token = None;
                self.dead = Some(grant.clone());
            }
            AuthError::Throttled { retry_after } => {
                let wait = TimeDelta::from_std(*retry_after).unwrap_or(QUIET_AFTER_FAILURE);
                self.throttled = now.checked_add_signed(wait).map(|until| Span { from: now, until });
                self.quiet = self.throttled;
            }
            _ => self.quiet = Some(Span { from: now, until: now + QUIET_AFTER_FAILURE }),
        }
    }
}
