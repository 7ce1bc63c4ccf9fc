//! Telling of published events within this process. Another process on the same file finds them when it asks.

use async_trait::async_trait;
use sync_core::{OutboxListener, OutboxSignal, StoreError};
use tokio::sync::watch;

use crate::store::SqliteStore;

struct Listener(watch::Receiver<u64>);

#[async_trait]
impl OutboxSignal for SqliteStore {
    async fn listen(&self) -> Result<Box<dyn OutboxListener>, StoreError> {
        Ok(Box::new(Listener(self.told())))
    }
}

#[async_trait]
impl OutboxListener for Listener {
    async fn published(&mut self) -> Result<(), StoreError> {
        self.0
            .changed()
            .await
            .map_err(|source| StoreError::Refused { during: "listening for events", source: source.into() })
    }
}
