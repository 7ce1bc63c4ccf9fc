//! Hands out tokens, and sees to it that a connection is refreshed once at a time.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use chrono::TimeDelta;
use secrecy::SecretString;
use sync_core::{Clock, ConnectionKey, Jitter, RandomJitter, SystemClock};
use tracing::Instrument;

use crate::error::{AuthError, DeadGrant};
use crate::flight::Flight;
use crate::known::Known;
use crate::store::TokenStore;
use crate::strategy::AuthStrategy;
use crate::token::AccessToken;
use crate::turns::Patience;

const DEFAULT_REFRESH_AHEAD: Duration = Duration::from_secs(300);
/// By how much of it the time ahead differs at most from one process to the next, so that not all ask at once.
const SPREAD: f64 = 0.2;

/// The tokens of one connection. Clones share everything; keep one per connection and process. Exchanges run as
/// tasks of their own, so it works only inside a tokio runtime.
#[derive(Clone)]
pub struct Authenticator {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) connection: ConnectionKey,
    pub(crate) strategy: Arc<dyn AuthStrategy>,
    pub(crate) store: Arc<dyn TokenStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) jitter: Arc<dyn Jitter>,
    pub(crate) refresh_ahead: TimeDelta,
    pub(crate) known: RwLock<Known>,
    flight: Arc<tokio::sync::Mutex<Flight>>,
}

impl Authenticator {
    /// An authenticator with default settings.
    pub fn new(
        connection: ConnectionKey,
        strategy: impl AuthStrategy + 'static,
        store: impl TokenStore + 'static,
    ) -> Self {
        Self::builder(connection, strategy, store).build()
    }

    /// Starts one whose settings differ.
    pub fn builder(
        connection: ConnectionKey,
        strategy: impl AuthStrategy + 'static,
        store: impl TokenStore + 'static,
    ) -> AuthenticatorBuilder {
        AuthenticatorBuilder {
            connection,
            strategy: Arc::new(strategy),
            store: Arc::new(store),
            clock: Arc::new(SystemClock),
            jitter: Arc::new(RandomJitter),
            refresh_ahead: DEFAULT_REFRESH_AHEAD,
        }
    }

    /// Whose tokens these are.
    #[must_use]
    pub fn connection(&self) -> &ConnectionKey {
        &self.shared.connection
    }

    /// The grant's end and its cause, if the provider refused it.
    #[must_use]
    pub fn dead_grant(&self) -> Option<DeadGrant> {
        self.shared.known().dead.clone()
    }

    /// A token to call with: the one at hand, or a new one if there is none or its end is near.
    ///
    /// A renewal ahead of time that fails for now does not stop anybody: the old token is handed out while it lasts.
    ///
    /// # Errors
    /// [`AuthError::NeedsReauthorisation`] without any call once the grant is known to be dead; otherwise what
    /// the exchange met.
    pub async fn current(&self) -> Result<AccessToken, AuthError> {
        let now = self.shared.clock.now();
        let (seen, at_hand) = {
            let known = self.shared.known();
            let at_hand = known.token.clone().filter(|token| known.dead.is_none() && !token.is_expired(now));
            if let Some(token) = &at_hand
                && (known.is_quiet(now) || !token.is_near_expiry(now, self.shared.refresh_ahead))
            {
                return Ok(token.clone());
            }
            (known.generation, at_hand)
        };
        let patience = if at_hand.is_some() { Patience::None } else { Patience::Full };
        match (self.renew(seen, None, patience).await, at_hand) {
            (Err(error), Some(token)) if error.is_temporary() => {
                tracing::warn!(connection = %self.shared.connection, %error, "renewal ahead of time failed, using the old token");
                Ok(token)
            }
            (outcome, _) => outcome,
        }
    }

    /// A token other than `stale`, which a call was refused with. If somebody renewed it meanwhile, that one is
    /// returned without another exchange; callers that come at the same time share one exchange and its outcome.
    ///
    /// # Errors
    /// As [`current`](Self::current).
    pub async fn refresh_if(&self, stale: &AccessToken) -> Result<AccessToken, AuthError> {
        let seen = self.shared.known().generation;
        self.renew(seen, Some(stale.clone()), Patience::Full).await
    }

    /// Forgets that the grant is dead, and the access token with it: after the cause was removed at the provider.
    ///
    /// # Errors
    /// [`AuthError::Store`] if that could not be saved; then nothing has changed.
    pub async fn reset(&self) -> Result<(), AuthError> {
        self.begin_anew(None).await
    }

    /// Starts again with the refresh token of a new authorisation.
    ///
    /// # Errors
    /// [`AuthError::Store`] if it could not be saved; then nothing has changed.
    pub async fn reconnect(&self, refresh_token: SecretString) -> Result<(), AuthError> {
        self.begin_anew(Some(refresh_token)).await
    }

    async fn begin_anew(&self, refresh_token: Option<SecretString>) -> Result<(), AuthError> {
        self.shared.flight.lock().await.begin_anew(&self.shared, refresh_token).await
    }

    /// Waits for its turn and renews, unless the turn before it already brought what is needed.
    async fn renew(
        &self,
        seen: u64,
        rejected: Option<AccessToken>,
        patience: Patience,
    ) -> Result<AccessToken, AuthError> {
        let mut flight = Arc::clone(&self.shared.flight).lock_owned().await;
        let now = self.shared.clock.now();
        if let Some(outcome) =
            self.shared.known().outcome_since(seen, rejected.as_ref(), now, self.shared.refresh_ahead)
        {
            return outcome;
        }
        let shared = Arc::clone(&self.shared);
        // A task of its own: a caller that gives up must not cancel an exchange half-way, because the refresh
        // token it spent would be lost with its successor.
        let exchange = async move { flight.run(&shared, rejected, patience).await }.in_current_span();
        tokio::spawn(exchange)
            .await
            .unwrap_or_else(|_| Err(AuthError::transient("the exchange was stopped with its runtime")))
    }
}

impl Shared {
    pub(crate) fn known(&self) -> RwLockReadGuard<'_, Known> {
        // Every write leaves a whole state behind, so a poisoned lock is as good as any.
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn publish(&self, change: impl FnOnce(&mut Known)) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.generation += 1;
        change(&mut known);
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator")
            .field("connection", &self.shared.connection)
            .field("strategy", &self.shared.strategy.name())
            .field("dead", &self.dead_grant())
            .finish_non_exhaustive()
    }
}

/// Settings of an [`Authenticator`].
pub struct AuthenticatorBuilder {
    connection: ConnectionKey,
    strategy: Arc<dyn AuthStrategy>,
    store: Arc<dyn TokenStore>,
    clock: Arc<dyn Clock>,
    jitter: Arc<dyn Jitter>,
    refresh_ahead: Duration,
}

impl AuthenticatorBuilder {
    /// What tells the time. Default: the machine's clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Chance, which spreads renewals and the questions of those who wait. Default: random.
    #[must_use]
    pub fn jitter(mut self, jitter: Arc<dyn Jitter>) -> Self {
        self.jitter = jitter;
        self
    }

    /// How long before its end a token is renewed, at most: each process takes up to a fifth less, by chance. At most
    /// a quarter of the token's lifetime counts. Default 5 min.
    #[must_use]
    pub fn refresh_ahead(mut self, ahead: Duration) -> Self {
        self.refresh_ahead = ahead;
        self
    }

    /// The authenticator. Nothing is loaded or exchanged until a token is asked for.
    #[must_use]
    pub fn build(self) -> Authenticator {
        let refresh_ahead = self.refresh_ahead.mul_f64(1.0 - SPREAD * self.jitter.fraction());
        let refresh_ahead = TimeDelta::from_std(refresh_ahead).unwrap_or(TimeDelta::MAX);
        Authenticator {
            shared: Arc::new(Shared {
                connection: self.connection,
                strategy: self.strategy,
                store: self.store,
                clock: self.clock,
                jitter: self.jitter,
                refresh_ahead,
                known: RwLock::default(),
                flight: Arc::default(),
            }),
        }
    }
}
