//! The custom fields that are known.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sync_core::{FieldCatalog, KnownField, Scope, StoreError};

use crate::MemoryStore;
use crate::state::CatalogKey;
use crate::tx::MemoryTx;

#[async_trait]
impl FieldCatalog<MemoryTx> for MemoryStore {
    async fn known_fields(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
    ) -> Result<Option<Vec<KnownField>>, StoreError> {
        let known = |fields: &BTreeMap<_, KnownField>| fields.values().cloned().collect();
        Ok(tx.read(|state| state.fields.get(&CatalogKey::new(scope)).map(known)))
    }

    async fn hold_fields(&self, _: &mut MemoryTx, _: &Scope) -> Result<(), StoreError> {
        // A transaction has the store for itself.
        Ok(())
    }

    async fn save_fields(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        fields: &[KnownField],
    ) -> Result<(), StoreError> {
        tx.write(|w| {
            let key = CatalogKey::new(scope);
            let before = w.state.fields.get(&key).cloned();
            let known = w.state.fields.entry(key.clone()).or_default();
            for field in fields {
                let first_seen_at = known.get(&field.name).map_or(field.first_seen_at, |f| f.first_seen_at);
                known.insert(field.name.clone(), KnownField { first_seen_at, ..field.clone() });
            }
            w.on_undo(move |state| match before {
                Some(before) => drop(state.fields.insert(key, before)),
                None => drop(state.fields.remove(&key)),
            });
        });
        Ok(())
    }
}
