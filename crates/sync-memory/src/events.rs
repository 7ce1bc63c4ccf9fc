//! The outbox.

use async_trait::async_trait;
use sync_core::{ChangeEmitter, ChangeEvent, Scope, StoreError};

use crate::{MemoryStore, MemoryTx};

#[async_trait]
impl ChangeEmitter<MemoryTx> for MemoryStore {
    async fn emit(
        &self,
        tx: &mut MemoryTx,
        _scope: &Scope,
        events: &[ChangeEvent],
    ) -> Result<(), StoreError> {
        tx.write(|w| {
            let length = w.state.outbox.len();
            w.state.outbox.extend_from_slice(events);
            w.on_undo(move |state| state.outbox.truncate(length));
            Ok(())
        })
    }
}
