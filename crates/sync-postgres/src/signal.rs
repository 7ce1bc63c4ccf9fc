//! The server tells of commits: triggers on the outbox and on the inbox notify, this listens.

use async_trait::async_trait;
use sqlx::postgres::{PgListener, PgPoolOptions};
use sync_core::{Channel, Signal, SignalListener, StoreError, SubscriptionId};
use uuid::Uuid;

use crate::error::store_error;
use crate::store::PgStore;

const DURING: &str = "listening to the server";

/// What the triggers notify.
const fn name(channel: Channel) -> &'static str {
    match channel {
        Channel::Outbox => "sync_outbox",
        Channel::Inbox => "sync_inbox",
    }
}

struct Listener {
    listener: PgListener,
    channel: Channel,
    schema: String,
}

#[async_trait]
impl Signal for PgStore {
    async fn listen(&self, channel: Channel) -> Result<Box<dyn SignalListener>, StoreError> {
        let schema: Option<String> = sqlx::query_scalar("select current_schema()")
            .fetch_one(self.pool())
            .await
            .map_err(store_error(DURING))?;
        // A connection of its own: listening would take one from the pool for good.
        let own = PgPoolOptions::new().max_connections(1).connect_lazy_with(self.connect_options().clone());
        let mut listener = PgListener::connect_with(&own).await.map_err(store_error(DURING))?;
        listener.listen(name(channel)).await.map_err(store_error(DURING))?;
        Ok(Box::new(Listener { listener, channel, schema: schema.unwrap_or_default() }))
    }
}

#[async_trait]
impl SignalListener for Listener {
    async fn told(&mut self) -> Result<Option<SubscriptionId>, StoreError> {
        loop {
            // Without an answer the connection was lost, and what was told meanwhile with it.
            let Some(told) = self.listener.try_recv().await.map_err(store_error(DURING))? else {
                return Ok(None);
            };
            let (schema, about) = read(self.channel, told.payload());
            if schema == self.schema {
                return Ok(about);
            }
        }
    }
}

/// The schema; and before it, which subscription's notices were staged.
fn read(channel: Channel, payload: &str) -> (&str, Option<SubscriptionId>) {
    let parted = match channel {
        Channel::Outbox => None,
        Channel::Inbox => payload.split_once(' '),
    };
    match parted {
        Some((id, schema)) => (schema, Uuid::parse_str(id).ok().map(SubscriptionId)),
        None => (payload, None),
    }
}
