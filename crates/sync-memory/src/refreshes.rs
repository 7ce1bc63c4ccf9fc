//! One refresh of a connection at a time.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sync_core::{
    ConnectionKey, ConnectionStatus, GrantEnd, HolderId, RefreshLease, RefreshStore, RefreshTurn, Refreshed,
    StoreError,
};

use crate::MemoryStore;
use crate::connections::put;
use crate::state::ConnectionRow;
use crate::tx::{MemoryTx, Writer};

#[async_trait]
impl RefreshStore<MemoryTx> for MemoryStore {
    async fn take_refresh(
        &self,
        tx: &mut MemoryTx,
        key: &ConnectionKey,
        holder: &HolderId,
        now: DateTime<Utc>,
        ttl: Duration,
    ) -> Result<RefreshTurn, StoreError> {
        tx.write(|w| {
            let row = w.state.connections.get(key);
            let row = row.ok_or_else(|| StoreError::NotFound { what: "connection", id: key.to_string() })?;
            if let Some((holder, until)) = row.connection.refreshing.clone().filter(|(_, until)| *until > now)
            {
                return Ok(RefreshTurn::Busy { holder, until });
            }
            let mut row = row.clone();
            row.token += 1;
            let unresolved_since = row.connection.unresolved_since;
            let ttl = TimeDelta::from_std(ttl).unwrap_or(TimeDelta::days(36_500));
            row.connection.refreshing = Some((holder.clone(), now + ttl));
            row.connection.unresolved_since = unresolved_since.or(Some(now));
            let lease = RefreshLease { holder: holder.clone(), token: row.token };
            put(w, row);
            Ok(RefreshTurn::Held { lease, unresolved_since })
        })
    }

    async fn save_refreshed(
        &self,
        tx: &mut MemoryTx,
        key: &ConnectionKey,
        lease: &RefreshLease,
        refreshed: &Refreshed,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        tx.write(|w| {
            let mut row = held(w, key, lease).ok_or(StoreError::Fenced)?;
            let connection = &mut row.connection;
            connection.status = ConnectionStatus::Active;
            connection.end = None;
            connection.sealed = Some(refreshed.sealed.clone());
            connection.generation += 1;
            connection.expires_at = refreshed.expires_at;
            if refreshed.instance_url.is_some() {
                connection.profile.instance_url = refreshed.instance_url.clone();
            }
            connection.updated_at = now;
            give_up(w, row, None);
            Ok(())
        })
    }

    async fn end_grant(
        &self,
        tx: &mut MemoryTx,
        key: &ConnectionKey,
        lease: &RefreshLease,
        end: &GrantEnd,
    ) -> Result<(), StoreError> {
        tx.write(|w| {
            let mut row = held(w, key, lease).ok_or(StoreError::Fenced)?;
            row.connection.status = ConnectionStatus::Dead;
            row.connection.end = Some(end.clone());
            row.connection.updated_at = end.at;
            give_up(w, row, None);
            Ok(())
        })
    }

    async fn release_refresh(
        &self,
        tx: &mut MemoryTx,
        key: &ConnectionKey,
        lease: &RefreshLease,
        unresolved_since: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        tx.write(|w| {
            if let Some(row) = held(w, key, lease) {
                give_up(w, row, unresolved_since);
            }
        });
        Ok(())
    }
}

/// The row of this very right, unless another took over or it was given up.
fn held(w: &Writer<'_>, key: &ConnectionKey, lease: &RefreshLease) -> Option<ConnectionRow> {
    let row = w.state.connections.get(key)?;
    (row.token == lease.token && row.connection.refreshing.is_some()).then(|| row.clone())
}

fn give_up(w: &mut Writer<'_>, mut row: ConnectionRow, unresolved_since: Option<DateTime<Utc>>) {
    row.connection.refreshing = None;
    row.connection.unresolved_since = unresolved_since;
    put(w, row);
}
