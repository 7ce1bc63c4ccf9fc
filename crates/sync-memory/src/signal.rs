//! Telling of commits, within this process.

use async_trait::async_trait;
use sync_core::{Channel, Signal, SignalListener, StoreError};

use crate::MemoryStore;

#[async_trait]
impl Signal for MemoryStore {
    async fn listen(&self, channel: Channel) -> Result<Box<dyn SignalListener>, StoreError> {
        Ok(self.tellers.listen(channel))
    }
}
