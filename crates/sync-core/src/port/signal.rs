//! Telling that there is something to do.

use async_trait::async_trait;

use crate::{StoreError, SubscriptionId};

/// What is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Something was published for a known consumer, or is to be delivered again.
    Outbox,
    /// Notices of webhooks were staged that had not been staged before.
    Inbox,
}

/// Tells of commits that make work for somebody, so that nobody has to ask again and again.
///
/// - **INV-SIG-1** After [`listen`](Self::listen) returned, every commit that the channel tells of ends the next, or
///   the running, [`SignalListener::told`], if the store can tell at all. One answer may stand for many commits, and
///   may come without any.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Signal: Send + Sync {
    /// Begins to listen.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn listen(&self, channel: Channel) -> Result<Box<dyn SignalListener>, StoreError>;
}

/// A listener of a [`Signal`].
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait SignalListener: Send {
    /// Waits until there is something to do, and answers for which subscription; `None` where that is not known: it
    /// may be for any, and for several. Nothing is lost when the wait is given up and begun again.
    ///
    /// # Errors
    /// [`StoreError`] when the connection was lost and can't be had again for now; the next call tries it again.
    async fn told(&mut self) -> Result<Option<SubscriptionId>, StoreError>;
}
