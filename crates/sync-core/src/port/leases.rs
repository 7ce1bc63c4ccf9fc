//! One run of a subscription at a time.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{HolderId, Scope, StoreError};

/// A held lease. The token grows with every new holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it.
    pub holder: HolderId,
    /// The fencing token.
    pub token: i64,
    /// How long it lives without renewal.
    pub ttl: Duration,
}

impl Lease {
    /// How long to wait between two renewals: a third of the life, so that two may be lost before another
    /// process takes over.
    ///
    /// ```
    /// # use {sync_core::Lease, std::time::Duration};
    /// let lease = Lease { holder: "a".into(), token: 1, ttl: Duration::from_secs(30) };
    /// assert_eq!(lease.renew_every(), Duration::from_secs(10));
    /// ```
    #[must_use]
    pub fn renew_every(&self) -> Duration {
        self.ttl / 3
    }
}

/// The answer to a request for a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// It is ours.
    Held(Lease),
    /// Another has it.
    Busy {
        /// Who.
        holder: HolderId,
        /// Until when, unless renewed.
        until: DateTime<Utc>,
    },
}

/// Grants leases on subscriptions (R12).
///
/// - **INV-LEA-1** A lease that has not run out is granted to nobody else.
/// - **INV-LEA-2** A renewal by a stale holder fails, so its transaction can't commit. A renewal keeps others
///   from taking over until the transaction ends.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait LeaseStore<Tx: Send + Sync + 'static>: Send + Sync {
    /// Takes the lease if it is free or has run out at `now`. Asking again as the same holder is refused
    /// like anybody else: two runs in one process are two runs.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn acquire(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        holder: &HolderId,
        now: DateTime<Utc>,
        ttl: Duration,
    ) -> Result<Acquired, StoreError>;

    /// Proves that the lease is still ours and lets it live for another `ttl` from `now`. Part of every
    /// batch's transaction.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when another took over.
    async fn renew(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        lease: &Lease,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Gives it up. Does nothing when another has it.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn release(&self, tx: &mut Tx, scope: &Scope, lease: &Lease) -> Result<(), StoreError>;
}
