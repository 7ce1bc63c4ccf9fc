//! One exchange at a time: what is known between exchanges, and the steps of one.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};

use crate::authenticator::Shared;
use crate::error::{AuthError, DeadGrant};
use crate::store::StoredToken;
use crate::strategy::TokenRequest;
use crate::token::AccessToken;

/// After a failed renewal ahead of time the old token is used this long before the next attempt.
const QUIET_AFTER_FAILURE: TimeDelta = TimeDelta::seconds(30);
/// A stored token without a known end is taken from another process only while it is this young: an older one
/// may have died unnoticed, and the caller has a single retry left.
const ADOPT_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// What callers can see without waiting for an exchange.
#[derive(Default)]
pub(crate) struct Known {
    /// Counts exchanges and resets, so that a caller can tell that one happened while it waited.
    pub(crate) generation: u64,
    pub(crate) token: Option<AccessToken>,
    pub(crate) dead: Option<DeadGrant>,
    /// The failure of the newest exchange, for those who waited for it.
    failure: Option<AuthError>,
    quiet_until: Option<DateTime<Utc>>,
    throttled_until: Option<DateTime<Utc>>,
}

impl Known {
    pub(crate) fn is_quiet(&self, now: DateTime<Utc>) -> bool {
        self.quiet_until.is_some_and(|until| now < until)
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

    fn succeed(&mut self, token: AccessToken) {
        self.forget();
        self.token = Some(token);
    }

    fn fail(&mut self, error: &AuthError, rejected: Option<&AccessToken>, now: DateTime<Utc>) {
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
                self.throttled_until = now.checked_add_signed(wait);
                self.quiet_until = self.throttled_until;
            }
            _ => self.quiet_until = Some(now + QUIET_AFTER_FAILURE),
        }
    }
}

/// The turn to make an exchange. Whoever holds it is the only one.
#[derive(Default)]
pub(crate) struct Flight {
    /// A rotated refresh token that could not be saved. It is the only valid one, so it goes first.
    pub(crate) unsaved: Option<StoredToken>,
    /// A grant's end that could not be saved, beside the grant it was.
    unsaved_end: Option<StoredToken>,
    /// The newest token that a call was refused with: never taken from the store again.
    rejected: Option<AccessToken>,
}

impl Flight {
    /// Gets a token other than `rejected` and tells everybody.
    pub(crate) async fn run(
        &mut self,
        shared: &Shared,
        rejected: Option<AccessToken>,
    ) -> Result<AccessToken, AuthError> {
        let now = shared.clock.now();
        if rejected.is_some() {
            self.rejected = rejected;
        }
        let outcome = self.obtain(shared, now).await;
        shared.publish(|known| match &outcome {
            Ok(token) => known.succeed(token.clone()),
            Err(error) => known.fail(error, self.rejected.as_ref(), now),
        });
        if outcome.is_ok() {
            self.rejected = None;
        }
        outcome
    }

    /// What to start from after a person intervened.
    pub(crate) async fn begin_anew(
        &mut self,
        shared: &Shared,
        refresh_token: Option<SecretString>,
    ) -> Result<(), AuthError> {
        let refresh_token = match (refresh_token, &self.unsaved) {
            (Some(new), _) => Some(new),
            (None, Some(unsaved)) => unsaved.refresh_token.clone(),
            (None, None) => shared.load().await?.unwrap_or_default().refresh_token,
        };
        shared.save(&StoredToken { refresh_token, access: None, dead: None }).await?;
        *self = Self::default();
        shared.publish(Known::forget);
        Ok(())
    }

    async fn obtain(&mut self, shared: &Shared, now: DateTime<Utc>) -> Result<AccessToken, AuthError> {
        let throttled_until = shared.known().throttled_until;
        if let Some(until) = throttled_until.filter(|until| now < *until) {
            return Err(AuthError::Throttled { retry_after: (until - now).to_std().unwrap_or_default() });
        }
        if let Some(unsaved) = &self.unsaved {
            shared.save(unsaved).await?;
            self.unsaved = None;
        }
        let stored = shared.load().await?.unwrap_or_default();
        if let Some(grant) = self.end_of(shared, &stored).await {
            return Err(AuthError::NeedsReauthorisation { grant });
        }
        if let Some(token) = self.adoptable(shared, &stored, now) {
            tracing::debug!(connection = %shared.connection, "taking the stored token");
            return Ok(token);
        }
        match self.exchange(shared, &stored, now).await {
            Err(AuthError::NeedsReauthorisation { grant }) => {
                self.after_refusal(shared, stored, grant, now).await
            }
            outcome => outcome,
        }
    }

    /// Why no call is to be made: the grant is known to be dead and was not replaced or reset since.
    async fn end_of(&mut self, shared: &Shared, stored: &StoredToken) -> Option<DeadGrant> {
        if let Some(grant) = &stored.dead {
            return Some(grant.clone());
        }
        let end = self.unsaved_end.take().filter(|end| same_grant(end, stored))?;
        let grant = end.dead.clone();
        self.keep_end(shared, end).await;
        grant
    }

    /// One exchange, saved before it is handed out (INV-AUTH-1).
    async fn exchange(
        &mut self,
        shared: &Shared,
        stored: &StoredToken,
        now: DateTime<Utc>,
    ) -> Result<AccessToken, AuthError> {
        let request = TokenRequest {
            refresh_token: stored.refresh_token.clone(),
            rejected: self.rejected.clone(),
            now,
        };
        let grant = shared.strategy.obtain(&request).await?;
        let rotated = grant.refresh_token.is_some();
        let kept = StoredToken {
            refresh_token: grant.refresh_token.or_else(|| stored.refresh_token.clone()),
            access: Some(grant.access.clone()),
            dead: None,
        };
        tracing::debug!(connection = %shared.connection, strategy = shared.strategy.name(), rotated, "got a new token");
        match shared.save(&kept).await {
            Err(error) if rotated => {
                self.unsaved = Some(kept);
                return Err(error);
            }
            // The refresh token kept before is still the right one; only other processes miss the new access token.
            Err(error) => {
                tracing::warn!(connection = %shared.connection, %error, "could not keep the new access token");
            }
            Ok(()) => {}
        }
        Ok(grant.access)
    }

    /// The provider says the grant is dead. With rotation that is also what a process sees that lost a race
    /// against another one, so the store is asked again before the grant is given up.
    async fn after_refusal(
        &mut self,
        shared: &Shared,
        mut stored: StoredToken,
        mut grant: DeadGrant,
        now: DateTime<Utc>,
    ) -> Result<AccessToken, AuthError> {
        let newest = shared.load().await?.unwrap_or_default();
        if !same_grant(&newest, &stored) {
            if let Some(grant) = newest.dead {
                return Err(AuthError::NeedsReauthorisation { grant });
            }
            if let Some(token) = self.adoptable(shared, &newest, now) {
                return Ok(token);
            }
            match self.exchange(shared, &newest, now).await {
                Err(AuthError::NeedsReauthorisation { grant: again }) => grant = again,
                outcome => return outcome,
            }
            stored = newest;
        }
        tracing::warn!(connection = %shared.connection, cause = %grant, "the grant is dead, not trying it again until reset");
        stored.access = None;
        stored.dead = Some(grant.clone());
        self.keep_end(shared, stored).await;
        Err(AuthError::NeedsReauthorisation { grant })
    }

    async fn keep_end(&mut self, shared: &Shared, end: StoredToken) {
        if let Err(error) = shared.save(&end).await {
            tracing::warn!(connection = %shared.connection, %error, "could not keep that the grant is dead");
            self.unsaved_end = Some(end);
        }
    }

    /// The stored access token, if it is worth a try.
    fn adoptable(&self, shared: &Shared, stored: &StoredToken, now: DateTime<Utc>) -> Option<AccessToken> {
        let token = stored.access.as_ref()?;
        let worth_a_try = !token.is_near_expiry(now, shared.refresh_ahead)
            && self.rejected.as_ref().is_none_or(|rejected| {
                let lively = token.expires_at.is_some() || now - token.issued_at < ADOPT_WITHIN;
                !token.same_as(rejected) && lively
            });
        worth_a_try.then(|| token.clone())
    }
}

fn same_grant(a: &StoredToken, b: &StoredToken) -> bool {
    let a = a.refresh_token.as_ref().map(ExposeSecret::expose_secret);
    a == b.refresh_token.as_ref().map(ExposeSecret::expose_secret)
}
