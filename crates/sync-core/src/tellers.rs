//! Telling of commits within one process.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{Channel, SignalListener, StoreError, SubscriptionId};

/// Tells the listeners within this process what was committed: for stores whose database can't tell.
///
/// ```
/// # use std::sync::Arc;
/// use sync_core::{Channel, Tellers, Telling};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sync_core::StoreError> {
/// let tellers = Arc::new(Tellers::default());
/// let mut listener = tellers.listen(Channel::Inbox);
/// let mut transaction = Telling::new(&tellers);
/// transaction.add(Channel::Inbox);
/// transaction.committed();
/// assert_eq!(listener.told().await?, None, "for any subscription");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Tellers {
    /// How often each had something to tell.
    outbox: watch::Sender<u64>,
    inbox: watch::Sender<u64>,
}

impl Tellers {
    /// Begins to listen.
    #[must_use]
    pub fn listen(&self, channel: Channel) -> Box<dyn SignalListener> {
        Box::new(Listener(self.of(channel).subscribe()))
    }

    fn of(&self, channel: Channel) -> &watch::Sender<u64> {
        match channel {
            Channel::Outbox => &self.outbox,
            Channel::Inbox => &self.inbox,
        }
    }
}

/// What a transaction has to tell once it is committed.
#[derive(Debug)]
pub struct Telling {
    tellers: Arc<Tellers>,
    channels: Vec<Channel>,
}

impl Telling {
    /// Of a transaction that has nothing to tell yet.
    #[must_use]
    pub fn new(tellers: &Arc<Tellers>) -> Self {
        Self { tellers: Arc::clone(tellers), channels: Vec::new() }
    }

    /// Once committed, this is told.
    pub fn add(&mut self, channel: Channel) {
        if !self.channels.contains(&channel) {
            self.channels.push(channel);
        }
    }

    /// It is committed: tells it.
    pub fn committed(&self) {
        for channel in &self.channels {
            self.tellers.of(*channel).send_modify(|n| *n = n.wrapping_add(1));
        }
    }
}

struct Listener(watch::Receiver<u64>);

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
