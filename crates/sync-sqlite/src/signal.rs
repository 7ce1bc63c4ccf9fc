//! Telling of commits, within this process. Another process on the same file finds what there is when it asks.

use std::sync::Arc;

use async_trait::async_trait;
use sync_core::{Channel, Signal, SignalListener, StoreError, SubscriptionId};
use tokio::sync::watch;

use crate::store::SqliteStore;

/// How often each channel had something to tell.
#[derive(Default)]
pub(crate) struct Tellers {
    outbox: watch::Sender<u64>,
    inbox: watch::Sender<u64>,
}

impl Tellers {
    fn of(&self, channel: Channel) -> &watch::Sender<u64> {
        match channel {
            Channel::Outbox => &self.outbox,
            Channel::Inbox => &self.inbox,
        }
    }
}

/// What a transaction has to tell once it is committed.
pub(crate) struct Telling {
    tellers: Arc<Tellers>,
    channels: Vec<Channel>,
}

impl Telling {
    pub(crate) fn new(tellers: &Arc<Tellers>) -> Self {
        Self { tellers: Arc::clone(tellers), channels: Vec::new() }
    }

    pub(crate) fn add(&mut self, channel: Channel) {
        if !self.channels.contains(&channel) {
            self.channels.push(channel);
        }
    }

    /// Tells it.
    pub(crate) fn committed(&self) {
        for channel in &self.channels {
            self.tellers.of(*channel).send_modify(|n| *n = n.wrapping_add(1));
        }
    }
}

struct Listener(watch::Receiver<u64>);

#[async_trait]
impl Signal for SqliteStore {
    async fn listen(&self, channel: Channel) -> Result<Box<dyn SignalListener>, StoreError> {
        Ok(Box::new(Listener(self.tellers().of(channel).subscribe())))
    }
}

#[async_trait]
impl SignalListener for Listener {
    async fn told(&mut self) -> Result<Option<SubscriptionId>, StoreError> {
        let gone = |source: watch::error::RecvError| StoreError::Refused {
            during: "listening to the store",
            source: source.into(),
        };
        self.0.changed().await.map(|()| None).map_err(gone)
    }
}
