//! Which feeds there are, told anew.

use std::sync::Arc;

use async_trait::async_trait;
use sync_core::StoreError;

use super::DrainFeed;

/// The feeds that a [`Drainer`](super::Drainer) works for. It asks now and then, and when something waits for a
/// subscription that it does not know: what was added is applied without a restart, what is gone is let go.
#[async_trait]
pub trait DrainFeeds: Send + Sync {
    /// All that there are now, those that are paused too.
    ///
    /// # Errors
    /// [`StoreError`] when it can't be told now; those that are known are kept.
    async fn feeds(&self) -> Result<Vec<Arc<dyn DrainFeed>>, StoreError>;
}

/// Always the same.
#[async_trait]
impl DrainFeeds for Vec<Arc<dyn DrainFeed>> {
    async fn feeds(&self) -> Result<Vec<Arc<dyn DrainFeed>>, StoreError> {
        Ok(self.clone())
    }
}
