//! One run of a subscription at a time.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sync_core::{Acquired, HolderId, Lease, LeaseStore, Scope, StoreError};

use crate::MemoryStore;
use crate::state::LeaseRow;
use crate::tx::{MemoryTx, Writer};

#[async_trait]
impl LeaseStore<MemoryTx> for MemoryStore {
    async fn acquire(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        holder: &HolderId,
        now: DateTime<Utc>,
        ttl: Duration,
    ) -> Result<Acquired, StoreError> {
        tx.write(|w| {
            let present = w.state.leases.get(&scope.subscription);
            if let Some((present, until)) =
                present.and_then(|p| Some((p, p.expires_at.filter(|until| *until > now)?)))
            {
                return Ok(Acquired::Busy { holder: present.holder.clone(), until });
            }
            let token = present.map_or(0, |present| present.token) + 1;
            put(w, scope, LeaseRow { holder: holder.clone(), token, expires_at: Some(now + length(ttl)) });
            Ok(Acquired::Held(Lease { holder: holder.clone(), token, ttl }))
        })
    }

    async fn renew(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        lease: &Lease,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        tx.write(|w| {
            let held = held(w, scope, lease).ok_or(StoreError::Fenced)?;
            put(w, scope, LeaseRow { expires_at: Some(now + length(lease.ttl)), ..held });
            Ok(())
        })
    }

    async fn release(&self, tx: &mut MemoryTx, scope: &Scope, lease: &Lease) -> Result<(), StoreError> {
        tx.write(|w| {
            if let Some(held) = held(w, scope, lease) {
                put(w, scope, LeaseRow { expires_at: None, ..held });
            }
            Ok(())
        })
    }
}

/// The row of this very lease, unless another took over or it was given up.
fn held(w: &Writer<'_>, scope: &Scope, lease: &Lease) -> Option<LeaseRow> {
    let present = w.state.leases.get(&scope.subscription)?;
    (present.token == lease.token && present.expires_at.is_some()).then(|| present.clone())
}

fn put(w: &mut Writer<'_>, scope: &Scope, row: LeaseRow) {
    let subscription = scope.subscription;
    let before = w.state.leases.insert(subscription, row);
    w.on_undo(move |state| match before {
        Some(before) => drop(state.leases.insert(subscription, before)),
        None => drop(state.leases.remove(&subscription)),
    });
}

/// A length of time in chrono's form; one too long for it means for ever, as good as.
fn length(ttl: Duration) -> TimeDelta {
    TimeDelta::from_std(ttl).unwrap_or(TimeDelta::days(36_500))
}
