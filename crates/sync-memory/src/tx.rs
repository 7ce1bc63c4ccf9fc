//! Transactions: one at a time, each with a log of how to undo it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sync_core::{Channel, StoreError, Telling, UnitOfWork};
use tokio::sync::OwnedMutexGuard;

use crate::MemoryStore;
use crate::state::State;

type Undo = Box<dyn FnOnce(&mut State) + Send + Sync>;

/// An open transaction. It has the store for itself; the next [`begin`](UnitOfWork::begin) waits until it ends.
///
/// Writes take effect at once and are noted with what undoes them, so that going back costs what was changed, not
/// what is stored.
pub struct MemoryTx {
    state: Arc<Mutex<State>>,
    undo: Vec<Undo>,
    /// How long `undo` was when each savepoint was set.
    savepoints: Vec<usize>,
    telling: Telling,
    /// Held until the transaction is gone.
    _turn: OwnedMutexGuard<()>,
}

/// A transaction's access to the state.
pub(crate) struct Writer<'a> {
    pub(crate) state: &'a mut State,
    undo: &'a mut Vec<Undo>,
}

impl Writer<'_> {
    /// Notes how to take back what was just written.
    pub(crate) fn on_undo(&mut self, step: impl FnOnce(&mut State) + Send + Sync + 'static) {
        self.undo.push(Box::new(step));
    }
}

impl MemoryTx {
    pub(crate) fn read<R>(&self, work: impl FnOnce(&State) -> R) -> R {
        work(&lock(&self.state))
    }

    pub(crate) fn write<R>(&mut self, work: impl FnOnce(&mut Writer<'_>) -> R) -> R {
        work(&mut Writer { state: &mut lock(&self.state), undo: &mut self.undo })
    }

    /// There is something to do: who listens is told once it is committed.
    pub(crate) fn tell_at_commit(&mut self, channel: Channel) {
        self.telling.add(channel);
    }

    fn undo_to(&mut self, length: usize) {
        let mut state = lock(&self.state);
        for step in self.undo.drain(length..).rev() {
            step(&mut state);
        }
    }

    fn latest_savepoint(&mut self) -> Result<usize, StoreError> {
        self.savepoints.pop().ok_or_else(|| StoreError::Refused {
            during: "ending a savepoint",
            source: "no savepoint is set in this transaction".into(),
        })
    }
}

impl Drop for MemoryTx {
    fn drop(&mut self) {
        self.undo_to(0);
    }
}

impl fmt::Debug for MemoryTx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTx")
            .field("writes", &self.undo.len())
            .field("savepoints", &self.savepoints.len())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl UnitOfWork for MemoryStore {
    type Tx = MemoryTx;

    async fn begin(&self) -> Result<MemoryTx, StoreError> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        Ok(MemoryTx {
            state: Arc::clone(&self.state),
            undo: Vec::new(),
            savepoints: Vec::new(),
            telling: Telling::new(&self.tellers),
            _turn: turn,
        })
    }

    async fn commit(&self, mut tx: MemoryTx) -> Result<(), StoreError> {
        tx.undo.clear();
        tx.telling.committed();
        Ok(())
    }

    async fn rollback(&self, tx: MemoryTx) -> Result<(), StoreError> {
        drop(tx);
        Ok(())
    }

    async fn savepoint(&self, tx: &mut MemoryTx) -> Result<(), StoreError> {
        tx.savepoints.push(tx.undo.len());
        Ok(())
    }

    async fn release_savepoint(&self, tx: &mut MemoryTx) -> Result<(), StoreError> {
        tx.latest_savepoint().map(drop)
    }

    async fn rollback_to_savepoint(&self, tx: &mut MemoryTx) -> Result<(), StoreError> {
        let length = tx.latest_savepoint()?;
        tx.undo_to(length);
        Ok(())
    }
}

/// A step that panicked midway poisons the lock; its transaction undoes what it had noted.
pub(crate) fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
