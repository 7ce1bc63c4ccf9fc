//! Stopping a run at a chosen change, to do something to it from outside.

use std::sync::Arc;

use futures_util::StreamExt;
use sync_core::{ChangeMiddleware, ChangeStream, Counts, RunObserver, Subscription};
use tokio::sync::watch;

/// Holds a run back before a change until everything before that change is committed and somebody says go on. Give
/// it to the engine as middleware and to the request as observer; it works for one run.
#[derive(Clone)]
pub struct Pause {
    after: u64,
    committed: Arc<watch::Sender<u64>>,
    waiting: Arc<watch::Sender<bool>>,
    released: Arc<watch::Sender<bool>>,
}

impl Pause {
    /// Before the change that follows the first `changes`; make that a multiple of the batch size.
    #[must_use]
    pub fn after(changes: u64) -> Self {
        Self {
            after: changes,
            committed: Arc::new(watch::Sender::new(0)),
            waiting: Arc::new(watch::Sender::new(false)),
            released: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Waits until the run has come there.
    pub async fn reached(&self) {
        // The senders live in `self`, so waiting can't fail.
        let _ = self.waiting.subscribe().wait_for(|waiting| *waiting).await;
        let _ = self.committed.subscribe().wait_for(|committed| *committed >= self.after).await;
    }

    /// Lets the run go on.
    pub fn resume(&self) {
        self.released.send_replace(true);
    }
}

impl<T: Send + 'static> ChangeMiddleware<T> for Pause {
    fn wrap(&self, _: &Subscription, changes: ChangeStream<T>) -> ChangeStream<T> {
        let pause = self.clone();
        changes
            .enumerate()
            .then(move |(position, change)| {
                let pause = pause.clone();
                async move {
                    if position as u64 == pause.after {
                        pause.waiting.send_replace(true);
                        let _ = pause.released.subscribe().wait_for(|released| *released).await;
                    }
                    change
                }
            })
            .boxed()
    }
}

impl RunObserver for Pause {
    fn batch_committed(&self, counts: &Counts) {
        self.committed.send_replace(counts.found);
    }
}
