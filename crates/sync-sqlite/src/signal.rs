//! Telling of commits, within this process. Another process on the same file finds what there is when it asks.

use async_trait::async_trait;
use sync_core::{Channel, Signal, SignalListener, StoreError};

use crate::store::SqliteStore;

#[async_trait]
impl Signal for SqliteStore {
    async fn listen(&self, channel: Channel) -> Result<Box<dyn SignalListener>, StoreError> {
        Ok(self.tellers().listen(channel))
    }
}
