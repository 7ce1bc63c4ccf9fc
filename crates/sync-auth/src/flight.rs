//! One exchange at a time: its steps, and what is owed to the store from the last one.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use sync_core::EndCause;

use crate::authenticator::Shared;
use crate::error::{AuthError, DeadGrant};
use crate::known::Known;
use crate::store::{Crowding, HeldTurn, Saved, StoredToken, Turn};
use crate::strategy::TokenRequest;
use crate::token::AccessToken;
use crate::turns::{Patience, Waiting};

/// A stored token without a known end is taken from another process only while it is this young: an older one
/// may have died unnoticed, and the caller has a single retry left.
const ADOPT_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// How often a refused grant is given another chance because the store holds a newer one.
const CHANCES: usize = 2;

/// The turn to make an exchange in this process. Whoever holds it is the only one.
#[derive(Default)]
pub(crate) struct Flight {
    /// A rotated refresh token that could not be saved. It is the only valid one, so it goes first.
    unsaved: Option<Unsaved>,
    /// A grant's end that could not be saved, beside the grant it was.
    unsaved_end: Option<StoredToken>,
    /// The newest token that a call was refused with: never taken from the store again.
    rejected: Option<AccessToken>,
}

/// What an exchange brought, on its way into the store.
struct Unsaved {
    kept: StoredToken,
    /// The refresh token that was presented for it.
    presented: Option<SecretString>,
    turn: HeldTurn,
}

/// What to do after an attempt.
enum Next {
    Done(Result<AccessToken, AuthError>),
    /// The store holds another grant than the one that was refused.
    Again,
}

impl Flight {
    /// Gets a token other than `rejected` and tells everybody.
    pub(crate) async fn run(
        &mut self,
        shared: &Shared,
        rejected: Option<AccessToken>,
        patience: Patience,
    ) -> Result<AccessToken, AuthError> {
        if rejected.is_some() {
            self.rejected = rejected;
        }
        let outcome = self.obtain(shared, patience).await;
        let now = shared.clock.now();
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
            (None, Some(unsaved)) => unsaved.kept.refresh_token.clone(),
            (None, None) => shared.load().await?.refresh_token,
        };
        shared.save(&StoredToken { refresh_token, ..StoredToken::default() }).await?;
        *self = Self::default();
        shared.publish(Known::forget);
        Ok(())
    }

    async fn obtain(&mut self, shared: &Shared, patience: Patience) -> Result<AccessToken, AuthError> {
        let throttled = shared.known().throttled_for(shared.clock.now());
        if let Some(retry_after) = throttled {
            return Err(AuthError::Throttled { retry_after });
        }
        if let Some(unsaved) = self.unsaved.take() {
            self.settle(shared, unsaved, patience).await?;
        }
        let mut waiting = Waiting::new(patience);
        let mut chances = CHANCES;
        loop {
            // Most often another process has long done what is needed; that costs no turn.
            let stored = shared.load().await?;
            if let Some(outcome) = self.without_exchange(shared, &stored).await {
                return outcome;
            }
            let turn = match shared.take_turn().await? {
                Turn::Ours(turn) => turn,
                Turn::Busy => {
                    waiting.pause(shared).await?;
                    continue;
                }
            };
            // It may have done so between the look and the turn.
            let stored = match shared.load().await {
                Ok(stored) => stored,
                Err(error) => {
                    shared.end_turn(&turn, turn.unresolved_since).await;
                    return Err(error);
                }
            };
            if let Some(outcome) = self.without_exchange(shared, &stored).await {
                shared.end_turn(&turn, turn.unresolved_since).await;
                return outcome;
            }
            chances -= 1;
            match self.exchange(shared, turn, stored, chances > 0).await {
                Next::Done(outcome) => return outcome,
                Next::Again => {}
            }
        }
    }

    /// What the store's content alone decides.
    async fn without_exchange(
        &mut self,
        shared: &Shared,
        stored: &StoredToken,
    ) -> Option<Result<AccessToken, AuthError>> {
        if let Some(grant) = self.end_of(shared, stored).await {
            return Some(Err(AuthError::NeedsReauthorisation { grant }));
        }
        let token = self.adoptable(shared, stored)?;
        tracing::debug!(connection = %shared.connection, "taking the stored token");
        Some(Ok(token))
    }

    /// Why no call is to be made: the grant is known to be dead and was not replaced or reset since.
    async fn end_of(&mut self, shared: &Shared, stored: &StoredToken) -> Option<DeadGrant> {
        if let Some(grant) = &stored.dead {
            return Some(grant.clone());
        }
        let end = self.unsaved_end.take().filter(|end| same_grant(end, stored))?;
        let grant = end.dead.clone();
        match shared.take_turn().await {
            Ok(Turn::Ours(turn)) => self.keep_end(shared, &turn, end).await,
            _ => self.unsaved_end = Some(end),
        }
        grant
    }

    /// One exchange, saved before it is handed out (INV-AUTH-1).
    async fn exchange(
        &mut self,
        shared: &Shared,
        turn: HeldTurn,
        stored: StoredToken,
        may_repeat: bool,
    ) -> Next {
        let now = shared.clock.now();
        let request = TokenRequest {
            refresh_token: stored.refresh_token.clone(),
            rejected: self.rejected.clone(),
            now,
        };
        let grant = match shared.strategy.obtain(&request).await {
            Ok(grant) => grant,
            Err(AuthError::NeedsReauthorisation { grant }) => {
                return self.after_refusal(shared, turn, stored, grant, may_repeat).await;
            }
            Err(error) => {
                let doubt = turn.unresolved_since.or_else(|| error.leaves_doubt().then_some(now));
                shared.end_turn(&turn, doubt).await;
                return Next::Done(Err(error));
            }
        };
        let rotated = grant.refresh_token.is_some();
        let kept = StoredToken {
            refresh_token: grant.refresh_token.or_else(|| stored.refresh_token.clone()),
            access: Some(grant.access.clone()),
            dead: None,
            rotates: Some(rotated),
        };
        tracing::debug!(connection = %shared.connection, strategy = shared.strategy.name(), rotated, "got a new token");
        let unsaved = Unsaved { kept, presented: stored.refresh_token, turn };
        Next::Done(match self.settle(shared, unsaved, Patience::Full).await {
            Err(error) if rotated => Err(error),
            // The refresh token kept before is still the right one; only other processes miss the new access token.
            Err(error) => {
                self.unsaved = None;
                tracing::warn!(connection = %shared.connection, %error, "could not keep the new access token");
                Ok(grant.access)
            }
            Ok(()) => Ok(grant.access),
        })
    }

    /// Brings what an exchange brought into the store. Whoever overtook us presented the same refresh token: with
    /// rotation only one of us got an answer, and if it was us, ours is the successor of what is stored.
    async fn settle(
        &mut self,
        shared: &Shared,
        mut unsaved: Unsaved,
        patience: Patience,
    ) -> Result<(), AuthError> {
        let mut waiting = Waiting::new(patience);
        loop {
            match shared.save_in_turn(&unsaved.turn, &unsaved.kept).await {
                Ok(Saved::Kept) => return Ok(()),
                Ok(Saved::Overtaken) => {}
                Err(error) => {
                    self.unsaved = Some(unsaved);
                    return Err(error);
                }
            }
            tracing::warn!(connection = %shared.connection, "another process took the turn to refresh; keeping the outcome after it");
            unsaved.turn = match self.next_turn(shared, &mut waiting).await {
                Ok(turn) => turn,
                Err(error) => {
                    self.unsaved = Some(unsaved);
                    return Err(error);
                }
            };
            let stored = match shared.load().await {
                Ok(stored) => stored,
                Err(error) => {
                    shared.end_turn(&unsaved.turn, unsaved.turn.unresolved_since).await;
                    self.unsaved = Some(unsaved);
                    return Err(error);
                }
            };
            if !same_secret(stored.refresh_token.as_ref(), unsaved.presented.as_ref()) {
                // A new grant came, or the other's exchange was the later one.
                shared.end_turn(&unsaved.turn, None).await;
                return Ok(());
            }
        }
    }

    async fn next_turn(&self, shared: &Shared, waiting: &mut Waiting) -> Result<HeldTurn, AuthError> {
        loop {
            match shared.take_turn().await? {
                Turn::Ours(turn) => return Ok(turn),
                Turn::Busy => waiting.pause(shared).await?,
            }
        }
    }

    /// The provider says the grant is dead. With rotation that is also what a process sees that lost a race
    /// against another one, so the store is asked again before the grant is given up.
    async fn after_refusal(
        &mut self,
        shared: &Shared,
        turn: HeldTurn,
        mut stored: StoredToken,
        mut grant: DeadGrant,
        may_repeat: bool,
    ) -> Next {
        let newest = match shared.load().await {
            Ok(newest) => newest,
            Err(error) => {
                shared.end_turn(&turn, turn.unresolved_since).await;
                return Next::Done(Err(error));
            }
        };
        if !same_grant(&newest, &stored) {
            if may_repeat {
                shared.end_turn(&turn, None).await;
                return Next::Again;
            }
            stored = newest;
        }
        self.name_cause(shared, &turn, &stored, &mut grant).await;
        tracing::warn!(connection = %shared.connection, cause = %grant.cause, end = %grant, "the grant is dead, not trying it again until reset");
        stored.access = None;
        stored.dead = Some(grant.clone());
        self.keep_end(shared, &turn, stored).await;
        Next::Done(Err(AuthError::NeedsReauthorisation { grant }))
    }

    /// Where the provider only says that the grant is not good, tells what we know beyond that.
    async fn name_cause(
        &self,
        shared: &Shared,
        turn: &HeldTurn,
        stored: &StoredToken,
        grant: &mut DeadGrant,
    ) {
        if grant.cause != EndCause::Revoked || stored.refresh_token.is_none() {
            return;
        }
        if let Some(since) = turn.unresolved_since.filter(|_| stored.rotates != Some(false)) {
            grant.cause = EndCause::RotationLost;
            let since = since.format("%Y-%m-%dT%H:%M:%SZ");
            grant.detail = Some(format!(
                "an exchange begun at {since} never reported back; the refresh token in its answer was lost"
            ));
        } else if let Some(crowding) = shared.crowding().await {
            let Crowding { limit, newer } = crowding;
            let rule = format!("of a user's grants to an app the provider keeps only the latest {limit}");
            grant.detail = Some(if crowding.is_over() {
                grant.cause = EndCause::GrantLimit;
                format!("the same user granted the same app {newer} times since; {rule}")
            } else {
                // Others, of another installation of the app, are not known here.
                let told = grant.detail.take().map(|told| format!("{told}; ")).unwrap_or_default();
                format!("{told}{rule}, so newer ones made elsewhere may have ended it")
            });
        }
    }

    async fn keep_end(&mut self, shared: &Shared, turn: &HeldTurn, end: StoredToken) {
        match shared.save_in_turn(turn, &end).await {
            Ok(Saved::Kept) => {}
            Ok(Saved::Overtaken) => {
                tracing::debug!(connection = %shared.connection, "another process decides whether the grant is dead");
            }
            Err(error) => {
                tracing::warn!(connection = %shared.connection, %error, "could not keep that the grant is dead");
                self.unsaved_end = Some(end);
            }
        }
    }

    /// The stored access token, if it is worth a try.
    fn adoptable(&self, shared: &Shared, stored: &StoredToken) -> Option<AccessToken> {
        let now: DateTime<Utc> = shared.clock.now();
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
    same_secret(a.refresh_token.as_ref(), b.refresh_token.as_ref())
}

fn same_secret(a: Option<&SecretString>, b: Option<&SecretString>) -> bool {
    a.map(ExposeSecret::expose_secret) == b.map(ExposeSecret::expose_secret)
}
