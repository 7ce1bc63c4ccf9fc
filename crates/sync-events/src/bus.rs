//! The application's own events, in its own transaction.

use std::sync::Arc;

use sync_core::{
    AppEvent, Clock, ConnectionId, EventBody, EventId, IdGenerator, Outbox, OutboxEvent, RecordRef,
    StoreError, SystemClock, TenantId, TimeOrderedIds,
};

/// Whose an event is, and what it is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    tenant: Option<TenantId>,
    connection: Option<ConnectionId>,
    record: Option<RecordRef>,
}

impl About {
    /// About nothing in particular, of no tenant.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// About a record; events about the same record are delivered in their order.
    pub fn record(record: RecordRef) -> Self {
        Self { record: Some(record), ..Self::default() }
    }

    /// Whose data it is; required where tenants are told apart.
    #[must_use]
    pub fn of(mut self, tenant: Option<TenantId>) -> Self {
        self.tenant = tenant;
        self
    }

    /// Of which account. Together with a record of the account, the event is in one order with the applied changes
    /// of the record, within its lane.
    #[must_use]
    pub fn through(mut self, connection: impl Into<ConnectionId>) -> Self {
        self.connection = Some(connection.into());
        self
    }
}

/// Publishes typed events into the outbox: committed with what the transaction writes, or not at all.
pub struct EventBus<Tx> {
    outbox: Arc<dyn Outbox<Tx>>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    source: String,
}

impl<Tx: Send + Sync + 'static> EventBus<Tx> {
    /// A bus into this store's outbox. Events say that they come from `application`.
    pub fn new(outbox: Arc<dyn Outbox<Tx>>) -> Self {
        Self {
            outbox,
            clock: Arc::new(SystemClock),
            ids: Arc::new(TimeOrderedIds),
            source: "application".to_owned(),
        }
    }

    /// Who is named as their source.
    #[must_use]
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.source = source.into();
        self
    }

    /// Tells the time of events.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes their ids.
    #[must_use]
    pub fn ids(mut self, ids: Arc<dyn IdGenerator>) -> Self {
        self.ids = ids;
        self
    }

    /// Publishes one event and answers its id.
    ///
    /// # Errors
    /// [`StoreError`] of the store, of R1 where tenants are told apart and none is named.
    pub async fn publish<E: AppEvent>(
        &self,
        tx: &mut Tx,
        about: &About,
        event: &E,
    ) -> Result<EventId, StoreError> {
        let ids = self.publish_many(tx, [(about, event)]).await?;
        Ok(ids[0])
    }

    /// Publishes events of one kind in one round trip, and answers their ids in order.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub async fn publish_many<'a, E: AppEvent>(
        &self,
        tx: &mut Tx,
        events: impl IntoIterator<Item = (&'a About, &'a E)>,
    ) -> Result<Vec<EventId>, StoreError> {
        let at = self.clock.now();
        let event = |(about, event): (&About, &E)| OutboxEvent {
            id: EventId(self.ids.next_id()),
            lane: E::LANE,
            kind: E::KIND.to_owned(),
            tenant: about.tenant.clone(),
            connection: about.connection.clone(),
            record: about.record.clone(),
            source: self.source.clone(),
            body: EventBody::Message(event.payload()),
            at,
        };
        let events: Vec<OutboxEvent> = events.into_iter().map(event).collect();
        self.outbox.publish(tx, &events).await?;
        Ok(events.iter().map(|event| event.id).collect())
    }
}
