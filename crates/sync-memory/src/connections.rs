//! The connected accounts.

use std::ops::Bound;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sync_core::{
    Connection, ConnectionKey, ConnectionProfile, ConnectionStatus, ConnectionStore, Grantor, NewGrant,
    Provider, Resealed, StoreError, TenantId,
};

use crate::MemoryStore;
use crate::state::{ConnectionRow, GrantRow};
use crate::tx::{MemoryTx, Writer};

#[async_trait]
impl ConnectionStore<MemoryTx> for MemoryStore {
    async fn connection(
        &self,
        tx: &mut MemoryTx,
        key: &ConnectionKey,
    ) -> Result<Option<Connection>, StoreError> {
        Ok(tx.read(|state| state.connections.get(key).map(|row| row.connection.clone())))
    }

    async fn connections<'a>(
        &self,
        tx: &mut MemoryTx,
        tenant: Option<&'a TenantId>,
    ) -> Result<Vec<Connection>, StoreError> {
        Ok(tx.read(|state| {
            let rows = state.connections.values().map(|row| &row.connection);
            rows.filter(|connection| connection.key.tenant.as_ref() == tenant).cloned().collect()
        }))
    }

    async fn connections_after<'a>(
        &self,
        tx: &mut MemoryTx,
        after: Option<&'a ConnectionKey>,
        limit: u32,
    ) -> Result<Vec<Connection>, StoreError> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(tx.read(|state| {
            let rows = state.connections.range::<ConnectionKey, _>((from, Bound::Unbounded));
            rows.take(limit as usize).map(|(_, row)| row.connection.clone()).collect()
        }))
    }

    async fn connections_of_account(
        &self,
        tx: &mut MemoryTx,
        provider: &Provider,
        account_id: &str,
    ) -> Result<Vec<ConnectionKey>, StoreError> {
        let fits = |connection: &Connection| {
            connection.provider == *provider
                && connection.profile.account_id.as_deref() == Some(account_id)
                && matches!(connection.status, ConnectionStatus::Active | ConnectionStatus::Dead)
        };
        Ok(tx.read(|state| {
            let rows = state.connections.values().map(|row| &row.connection);
            rows.filter(|connection| fits(connection)).map(|connection| connection.key.clone()).collect()
        }))
    }

    async fn announce_connection(
        &self,
        tx: &mut MemoryTx,
        key: &ConnectionKey,
        provider: &Provider,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        tx.write(|w| {
            if !w.state.connections.contains_key(key) {
                put(w, ConnectionRow { connection: pending(key, provider, at), token: 0 });
            }
        });
        Ok(())
    }

    async fn connect(&self, tx: &mut MemoryTx, grant: &NewGrant) -> Result<i64, StoreError> {
        Ok(tx.write(|w| {
            let before = w.state.connections.get(&grant.key);
            let (mut connection, token) = match before {
                Some(row) => (row.connection.clone(), row.token),
                None => (pending(&grant.key, &grant.provider, grant.at), 0),
            };
            connection.provider = grant.provider.clone();
            connection.profile = grant.profile.clone();
            connection.status = ConnectionStatus::Active;
            connection.end = None;
            connection.sealed = Some(grant.sealed.clone());
            connection.generation += 1;
            connection.expires_at = grant.expires_at;
            connection.granted_at = grant.granted_at.or(connection.granted_at);
            connection.refreshing = None;
            connection.unresolved_since = None;
            connection.updated_at = grant.at;
            let generation = connection.generation;
            put(w, ConnectionRow { connection, token: token + 1 });
            if let Some(grantor) = grant.granted_at.and(grant.profile.grantor()) {
                let (key, provider) = (grant.key.clone(), grant.provider.clone());
                w.state.grants.push(GrantRow { key, provider, grantor });
                w.on_undo(|state| drop(state.grants.pop()));
            }
            generation
        }))
    }

    async fn revive(
        &self,
        tx: &mut MemoryTx,
        key: &ConnectionKey,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        tx.write(|w| {
            let Some(row) = w.state.connections.get(key) else { return };
            if row.connection.status == ConnectionStatus::Dead {
                let mut row = row.clone();
                row.connection.status = ConnectionStatus::Active;
                row.connection.end = None;
                row.connection.updated_at = at;
                put(w, row);
            }
        });
        Ok(())
    }

    async fn revoke(
        &self,
        tx: &mut MemoryTx,
        key: &ConnectionKey,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        Ok(tx.write(|w| {
            let Some(row) = w.state.connections.get(key) else { return false };
            let mut row = row.clone();
            let connection = &mut row.connection;
            connection.status = ConnectionStatus::Revoked;
            connection.end = None;
            connection.sealed = None;
            connection.generation += 1;
            connection.expires_at = None;
            connection.refreshing = None;
            connection.unresolved_since = None;
            connection.updated_at = at;
            row.token += 1;
            put(w, row);
            true
        }))
    }

    async fn forget(&self, tx: &mut MemoryTx, key: &ConnectionKey) -> Result<bool, StoreError> {
        Ok(tx.write(|w| {
            let Some(row) = w.state.connections.remove(key) else { return false };
            let grants = w.state.grants.clone();
            w.state.grants.retain(|grant| grant.key != *key);
            w.on_undo(move |state| {
                state.connections.insert(row.connection.key.clone(), row);
                state.grants = grants;
            });
            true
        }))
    }

    async fn reseal(&self, tx: &mut MemoryTx, resealed: &[Resealed]) -> Result<u64, StoreError> {
        Ok(tx.write(|w| {
            let mut n_replaced = 0;
            for anew in resealed {
                let Some(row) = w.state.connections.get(&anew.key) else { continue };
                if row.connection.generation == anew.generation && row.connection.sealed.is_some() {
                    let mut row = row.clone();
                    row.connection.sealed = Some(anew.sealed.clone());
                    put(w, row);
                    n_replaced += 1;
                }
            }
            n_replaced
        }))
    }

    async fn newer_grants(&self, tx: &mut MemoryTx, key: &ConnectionKey) -> Result<u64, StoreError> {
        Ok(tx.read(|state| {
            let Some(own) = state.grants.iter().rposition(|grant| grant.key == *key) else { return 0 };
            let (provider, grantor) = (&state.grants[own].provider, &state.grants[own].grantor);
            let same = |grant: &&GrantRow| grant.provider == *provider && grant.grantor == *grantor;
            state.grants[own + 1..].iter().filter(same).count() as u64
        }))
    }

    async fn grants_of(
        &self,
        tx: &mut MemoryTx,
        provider: &Provider,
        grantor: &Grantor,
    ) -> Result<u64, StoreError> {
        let fits = |grant: &&GrantRow| grant.provider == *provider && grant.grantor == *grantor;
        Ok(tx.read(|state| state.grants.iter().filter(fits).count() as u64))
    }
}

/// Replaces a row, or adds it.
pub(crate) fn put(w: &mut Writer<'_>, row: ConnectionRow) {
    let key = row.connection.key.clone();
    let before = w.state.connections.insert(key.clone(), row);
    w.on_undo(move |state| match before {
        Some(before) => drop(state.connections.insert(key, before)),
        None => drop(state.connections.remove(&key)),
    });
}

fn pending(key: &ConnectionKey, provider: &Provider, at: DateTime<Utc>) -> Connection {
    Connection {
        key: key.clone(),
        provider: provider.clone(),
        profile: ConnectionProfile::default(),
        status: ConnectionStatus::Pending,
        end: None,
        sealed: None,
        generation: 0,
        expires_at: None,
        granted_at: None,
        refreshing: None,
        unresolved_since: None,
        created_at: at,
        updated_at: at,
    }
}
