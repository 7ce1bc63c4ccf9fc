//! A store that goes away when told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sync_core::{
    Backlog, Notice, Scope, StoreError, SubscriptionId, TenantId, UnitOfWork, WaitingNotice, WebhookInbox,
};
use sync_memory::{MemoryStore, MemoryTx};
use tokio::sync::Semaphore;

/// A store in memory whose connection can be cut, before a transaction or at its commit, and that can be made to wait.
#[derive(Clone, Default)]
pub(crate) struct Shaky {
    pub(crate) store: MemoryStore,
    faults: Arc<Faults>,
}

#[derive(Default)]
struct Faults {
    gone: AtomicBool,
    commits_lost: AtomicBool,
    refuses: std::sync::Mutex<Option<String>>,
    panics: AtomicBool,
    /// Held by a test that makes everybody wait.
    gate: Option<Semaphore>,
    at_the_gate: tokio::sync::Notify,
    n_commits: AtomicUsize,
}

impl Shaky {
    /// One at which every commit waits for [`open`](Self::open).
    pub(crate) fn gated() -> Self {
        let faults = Faults { gate: Some(Semaphore::new(0)), ..Faults::default() };
        Self { store: MemoryStore::new(), faults: Arc::new(faults) }
    }

    pub(crate) fn open(&self) {
        self.faults.gate.as_ref().unwrap().add_permits(1_000_000);
    }

    /// Waits until a commit waits.
    pub(crate) async fn reached_the_gate(&self) {
        self.faults.at_the_gate.notified().await;
    }

    pub(crate) fn go_away(&self, gone: bool) {
        self.faults.gone.store(gone, Ordering::SeqCst);
    }

    /// Whether rows are written and then lost at the commit.
    pub(crate) fn lose_commits(&self, lost: bool) {
        self.faults.commits_lost.store(lost, Ordering::SeqCst);
    }

    /// Refuses any notice with this dedup key for good.
    pub(crate) fn refuse(&self, dedup_key: &str) {
        *self.faults.refuses.lock().unwrap() = Some(dedup_key.to_owned());
    }

    /// Has staging panic.
    pub(crate) fn panic(&self) {
        self.faults.panics.store(true, Ordering::SeqCst);
    }

    pub(crate) fn n_commits(&self) -> usize {
        self.faults.n_commits.load(Ordering::SeqCst)
    }
}

fn away() -> StoreError {
    StoreError::Unavailable { during: "a test", source: "the connection was cut".into() }
}

#[async_trait]
impl UnitOfWork for Shaky {
    type Tx = MemoryTx;

    async fn begin(&self) -> Result<MemoryTx, StoreError> {
        if self.faults.gone.load(Ordering::SeqCst) { Err(away()) } else { self.store.begin().await }
    }

    async fn commit(&self, tx: MemoryTx) -> Result<(), StoreError> {
        if let Some(gate) = &self.faults.gate {
            self.faults.at_the_gate.notify_one();
            gate.acquire().await.unwrap().forget();
        }
        if self.faults.commits_lost.load(Ordering::SeqCst) {
            self.store.rollback(tx).await?;
            return Err(away());
        }
        self.faults.n_commits.fetch_add(1, Ordering::SeqCst);
        self.store.commit(tx).await
    }

    async fn rollback(&self, tx: MemoryTx) -> Result<(), StoreError> {
        self.store.rollback(tx).await
    }

    async fn savepoint(&self, tx: &mut MemoryTx) -> Result<(), StoreError> {
        self.store.savepoint(tx).await
    }

    async fn release_savepoint(&self, tx: &mut MemoryTx) -> Result<(), StoreError> {
        self.store.release_savepoint(tx).await
    }

    async fn rollback_to_savepoint(&self, tx: &mut MemoryTx) -> Result<(), StoreError> {
        self.store.rollback_to_savepoint(tx).await
    }
}

#[async_trait]
impl WebhookInbox<MemoryTx> for Shaky {
    async fn stage(
        &self,
        tx: &mut MemoryTx,
        notices: &[Notice],
        at: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        assert!(!self.faults.panics.load(Ordering::SeqCst), "the store was told to panic");
        let refused = self.faults.refuses.lock().unwrap().clone();
        if notices.iter().any(|n| refused.as_deref() == Some(&*n.dedup_key)) {
            return Err(StoreError::Refused { during: "a test", source: "no".into() });
        }
        self.store.stage(tx, notices, at).await
    }

    async fn waiting<'a>(
        &self,
        tx: &mut MemoryTx,
        tenant: Option<&'a TenantId>,
        subscription: SubscriptionId,
        limit: u32,
    ) -> Result<Vec<WaitingNotice>, StoreError> {
        self.store.waiting(tx, tenant, subscription, limit).await
    }

    async fn settle(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        dedup_keys: &[Box<str>],
        at: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        self.store.settle(tx, scope, dedup_keys, at).await
    }

    async fn backlog<'a>(
        &self,
        tx: &mut MemoryTx,
        tenant: Option<&'a TenantId>,
    ) -> Result<Vec<Backlog>, StoreError> {
        self.store.backlog(tx, tenant).await
    }

    async fn purge_settled<'a>(
        &self,
        tx: &mut MemoryTx,
        tenant: Option<&'a TenantId>,
        before: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        self.store.purge_settled(tx, tenant, before).await
    }
}
