//! Tells the drainer that something was staged.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use sync_core::SubscriptionId;
use tokio::sync::Notify;

/// Which subscriptions got something since somebody looked. Shared by the stager and the drainer of a process.
#[derive(Debug, Default)]
pub struct Wake {
    staged: Mutex<Staged>,
    notify: Notify,
}

/// Where something waits.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Staged {
    /// For these.
    pub subscriptions: HashSet<SubscriptionId>,
    /// It may also be for any other.
    pub somewhere: bool,
}

impl Wake {
    /// Something waits for these.
    pub fn staged(&self, subscriptions: impl IntoIterator<Item = SubscriptionId>) {
        self.tell(|staged| staged.subscriptions.extend(subscriptions));
    }

    /// Something waits, and it is not known for which.
    pub fn somewhere(&self) {
        self.tell(|staged| staged.somewhere = true);
    }

    /// Waits until something was staged, and takes where.
    pub async fn next(&self) -> Staged {
        loop {
            let taken = std::mem::take(&mut *self.staged.lock().unwrap_or_else(PoisonError::into_inner));
            if taken != Staged::default() {
                return taken;
            }
            self.notify.notified().await;
        }
    }

    fn tell(&self, what: impl FnOnce(&mut Staged)) {
        what(&mut self.staged.lock().unwrap_or_else(PoisonError::into_inner));
        self.notify.notify_one();
    }
}
