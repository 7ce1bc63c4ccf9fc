//! The server tells of published events: the trigger on the outbox notifies, this listens.

use async_trait::async_trait;
use sqlx::postgres::{PgListener, PgPoolOptions};
use sync_core::{OutboxListener, OutboxSignal, StoreError};

use crate::error::store_error;
use crate::store::PgStore;

/// What the trigger notifies; the schema is in the message.
const CHANNEL: &str = "sync_outbox";
const DURING: &str = "listening for events";

struct Listener {
    listener: PgListener,
    schema: String,
}

#[async_trait]
impl OutboxSignal for PgStore {
    async fn listen(&self) -> Result<Box<dyn OutboxListener>, StoreError> {
        let schema: Option<String> = sqlx::query_scalar("select current_schema()")
            .fetch_one(self.pool())
            .await
            .map_err(store_error(DURING))?;
        // A connection of its own: listening would take one from the pool for good.
        let own = PgPoolOptions::new().max_connections(1).connect_lazy_with(self.connect_options().clone());
        let mut listener = PgListener::connect_with(&own).await.map_err(store_error(DURING))?;
        listener.listen(CHANNEL).await.map_err(store_error(DURING))?;
        Ok(Box::new(Listener { listener, schema: schema.unwrap_or_default() }))
    }
}

#[async_trait]
impl OutboxListener for Listener {
    async fn published(&mut self) -> Result<(), StoreError> {
        loop {
            match self.listener.try_recv().await.map_err(store_error(DURING))? {
                Some(told) if told.payload() != self.schema => {}
                Some(_) => return Ok(()),
                // The connection was lost, and what was told meanwhile with it.
                None => return Ok(()),
            }
        }
    }
}
