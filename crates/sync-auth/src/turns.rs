//! Talking to the token store: turns, and waiting for those of other processes.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::authenticator::Shared;
use crate::error::AuthError;
use crate::store::{Crowding, HeldTurn, Saved, StoredToken, TokenStoreError, Turn};

/// How long one waits for another process. A little longer than a lost turn lasts.
const LONGEST_WAIT: Duration = Duration::from_secs(75);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Whether a caller waits for another process's exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// No: it has a token that still lasts.
    None,
    /// Until the other must have finished or died.
    Full,
}

/// The pauses between two looks at what another process does.
pub(crate) struct Waiting {
    patience: Patience,
    pause: Duration,
    waited: Duration,
}

impl Waiting {
    pub(crate) fn new(patience: Patience) -> Self {
        Self { patience, pause: FIRST_PAUSE, waited: Duration::ZERO }
    }

    /// Waits a while.
    ///
    /// # Errors
    /// A transient one when there is no patience left.
    pub(crate) async fn pause(&mut self, shared: &Shared) -> Result<(), AuthError> {
        if self.patience == Patience::None || self.waited >= LONGEST_WAIT {
            return Err(AuthError::transient("another process is renewing the token"));
        }
        let pause = self.pause.mul_f64(0.5 + 0.5 * shared.jitter.fraction());
        tokio::time::sleep(pause).await;
        self.waited += pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

impl Shared {
    pub(crate) async fn load(&self) -> Result<StoredToken, AuthError> {
        self.store.load(&self.connection).await.map(Option::unwrap_or_default).map_err(during("load"))
    }

    pub(crate) async fn save(&self, token: &StoredToken) -> Result<(), AuthError> {
        self.store.save(&self.connection, token).await.map_err(during("save"))
    }

    pub(crate) async fn take_turn(&self) -> Result<Turn, AuthError> {
        self.store.take_turn(&self.connection, self.clock.now()).await.map_err(during("lend a turn"))
    }

    pub(crate) async fn save_in_turn(
        &self,
        turn: &HeldTurn,
        token: &StoredToken,
    ) -> Result<Saved, AuthError> {
        let now = self.clock.now();
        self.store.save_in_turn(&self.connection, turn, token, now).await.map_err(during("save"))
    }

    /// A turn that can't be given back ends by itself; nobody needs to fail for it.
    pub(crate) async fn end_turn(&self, turn: &HeldTurn, unresolved_since: Option<DateTime<Utc>>) {
        if let Err(error) = self.store.end_turn(&self.connection, turn, unresolved_since).await {
            tracing::warn!(connection = %self.connection, %error, "could not give the turn to refresh back; it ends by itself");
        }
    }

    /// As [`TokenStore::crowding`](crate::TokenStore::crowding); what can't be asked is not known.
    pub(crate) async fn crowding(&self) -> Option<Crowding> {
        self.store.crowding(&self.connection).await.unwrap_or_default()
    }
}

fn during(what: &'static str) -> impl FnOnce(TokenStoreError) -> AuthError {
    move |source| AuthError::Store { during: what, source }
}
