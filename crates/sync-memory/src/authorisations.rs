//! Authorisations that somebody began in a browser.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sync_core::{AuthorisationStore, PendingAuthorisation, StoreError, TakenAuthorisation, TenantId};

use crate::MemoryStore;
use crate::state::AuthorisationRow;
use crate::tx::MemoryTx;

#[async_trait]
impl AuthorisationStore<MemoryTx> for MemoryStore {
    async fn begin_authorisation(
        &self,
        tx: &mut MemoryTx,
        pending: &PendingAuthorisation,
    ) -> Result<(), StoreError> {
        tx.write(|w| {
            let key = (pending.key.tenant.clone(), pending.state_hash.clone());
            if w.state.authorisations.contains_key(&key) {
                let source = "the same state was begun before".into();
                return Err(StoreError::Refused { during: "beginning an authorisation", source });
            }
            let row = AuthorisationRow { pending: pending.clone(), used: false };
            w.state.authorisations.insert(key.clone(), row);
            w.on_undo(move |state| drop(state.authorisations.remove(&key)));
            Ok(())
        })
    }

    async fn take_authorisation<'a>(
        &self,
        tx: &mut MemoryTx,
        tenant: Option<&'a TenantId>,
        state_hash: &[u8],
        _at: DateTime<Utc>,
    ) -> Result<TakenAuthorisation, StoreError> {
        let key = (tenant.cloned(), state_hash.to_vec());
        Ok(tx.write(|w| match w.state.authorisations.get_mut(&key) {
            None => TakenAuthorisation::Unknown,
            Some(row) if row.used => TakenAuthorisation::Used,
            Some(row) => {
                row.used = true;
                let taken = TakenAuthorisation::Fresh(Box::new(row.pending.clone()));
                w.on_undo(move |state| {
                    if let Some(row) = state.authorisations.get_mut(&key) {
                        row.used = false;
                    }
                });
                taken
            }
        }))
    }

    async fn clear_authorisations<'a>(
        &self,
        tx: &mut MemoryTx,
        tenant: Option<&'a TenantId>,
        before: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        Ok(tx.write(|w| {
            let ended = |(of, _): &(Option<TenantId>, Vec<u8>), row: &AuthorisationRow| {
                of.as_ref() == tenant && row.pending.expires_at < before
            };
            let rows = &w.state.authorisations;
            let keys: Vec<_> = rows.iter().filter(|(k, row)| ended(k, row)).map(|(k, _)| k.clone()).collect();
            for key in &keys {
                if let Some(row) = w.state.authorisations.remove(key) {
                    let key = key.clone();
                    w.on_undo(move |state| drop(state.authorisations.insert(key, row)));
                }
            }
            keys.len() as u64
        }))
    }
}
