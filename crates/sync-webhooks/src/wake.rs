//! Tells the drainer that something was staged.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use sync_core::SubscriptionId;
use tokio::sync::Notify;

/// Which subscriptions got something since somebody looked. Shared by the stager and the drainer of a process.
#[derive(Debug, Default)]
pub struct Wake {
    staged: Mutex<HashSet<SubscriptionId>>,
    notify: Notify,
}

impl Wake {
    /// Something waits for these.
    pub fn staged(&self, subscriptions: impl IntoIterator<Item = SubscriptionId>) {
        self.staged.lock().unwrap_or_else(PoisonError::into_inner).extend(subscriptions);
        self.notify.notify_one();
    }

    /// Waits until something was staged, and takes the names.
    pub async fn next(&self) -> HashSet<SubscriptionId> {
        loop {
            let taken = std::mem::take(&mut *self.staged.lock().unwrap_or_else(PoisonError::into_inner));
            if !taken.is_empty() {
                return taken;
            }
            self.notify.notified().await;
        }
    }
}
