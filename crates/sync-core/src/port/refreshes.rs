//! One refresh of a connection at a time, across processes.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{ConnectionKey, GrantEnd, HolderId, RefreshLease, RefreshTurn, Refreshed, StoreError};

/// Grants the right to refresh a connection's tokens, and keeps what a refresh brought.
///
/// - **INV-RFR-1** A right that has not run out is granted to nobody else.
/// - **INV-RFR-2** What a stale holder brings is refused, whoever held it since.
/// - **INV-RFR-3** That an exchange began is known to the next holder until its outcome is.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait RefreshStore<Tx: Send + Sync + 'static>: Send + Sync {
    /// Takes the right to refresh if it is free or has run out at `now`, and notes that an exchange begins.
    /// Commit before the exchange.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such connection.
    async fn take_refresh(
        &self,
        tx: &mut Tx,
        key: &ConnectionKey,
        holder: &HolderId,
        now: DateTime<Utc>,
        ttl: Duration,
    ) -> Result<RefreshTurn, StoreError>;

    /// Keeps what the exchange brought, makes the connection active, and gives the right up.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when another took over or a new grant was kept.
    async fn save_refreshed(
        &self,
        tx: &mut Tx,
        key: &ConnectionKey,
        lease: &RefreshLease,
        refreshed: &Refreshed,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Notes that the provider refuses the grant, and gives the right up. The secrets stay.
    ///
    /// # Errors
    /// As [`save_refreshed`](Self::save_refreshed).
    async fn end_grant(
        &self,
        tx: &mut Tx,
        key: &ConnectionKey,
        lease: &RefreshLease,
        end: &GrantEnd,
    ) -> Result<(), StoreError>;

    /// Gives the right up without an outcome. `unresolved_since`: since when an exchange may have taken place whose
    /// answer never arrived; `None` when there is no such doubt. Does nothing when another has it.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn release_refresh(
        &self,
        tx: &mut Tx,
        key: &ConnectionKey,
        lease: &RefreshLease,
        unresolved_since: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError>;
}
