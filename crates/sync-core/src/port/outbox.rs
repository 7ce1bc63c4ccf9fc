//! Events on their way: publishing the application's own, delivering all of them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{
    ClaimKey, ClaimRequest, ClaimedEvent, ConsumerName, FailedDelivery, Lane, OutboxEvent, ParkedDelivery,
    ParkedFilter, QueueState, Start, StoreError,
};

/// Publishes events in the caller's transaction. Applied changes come by
/// [`ChangeEmitter`](crate::ChangeEmitter) into the same outbox.
///
/// - **INV-OUT-1** What a transaction published is delivered to every consumer registered for its lane by then, at
///   least once, with the same id; nothing of a transaction that was rolled back is delivered to anyone.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Outbox<Tx: Send + Sync + 'static>: Send + Sync {
    /// Publishes events; where tenants are told apart, those of the transaction's tenant. A
    /// [`crate::EventBody::Change`] is published as well as a message.
    ///
    /// # Errors
    /// [`StoreError`] of the store, of R1 where tenants are told apart and an event has none.
    async fn publish(&self, tx: &mut Tx, events: &[OutboxEvent]) -> Result<(), StoreError>;
}

/// Hands out published events for delivery, to consumers known by name.
///
/// A claim is a short transaction of its own: claim, commit, deliver, settle, commit. Consumers hear of all tenants:
/// open the transactions by [`begin_across_tenants`](crate::UnitOfWork::begin_across_tenants). Each event names its
/// own tenant.
///
/// - **INV-OUT-2** Order is kept per record (tenant, connection, entity, external id): an event is claimed only once
///   every earlier one of its record was acknowledged, or together with and after it. Holds between processes.
/// - **INV-OUT-3** A claimed event is its claim's alone until the claim ends; then it may be claimed again, with
///   the same id, and settling it under the old claim does nothing. How often that happened is told with it.
/// - **INV-OUT-4** Each consumer and each lane is for itself: what one has done, or can't do, moves no other.
/// - **INV-OUT-5** A failed event comes again at its time; a parked one when it is replayed. Until then it holds up
///   the later events of its record, unless they are to pass, and nothing else.
/// - **INV-OUT-6** Purging removes what every consumer has received, and nothing that is waiting or parked.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait DeliveryStore<Tx: Send + Sync + 'static>: Send + Sync {
    /// Makes a consumer known in these lanes. Lanes it is known in already stay as they are. Waits for transactions
    /// that are publishing.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn register(
        &self,
        tx: &mut Tx,
        consumer: &ConsumerName,
        lanes: &[Lane],
        start: Start,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Forgets a consumer and what waits for it. Answers whether it was known.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn forget_consumer(&self, tx: &mut Tx, consumer: &ConsumerName) -> Result<bool, StoreError>;

    /// Claims events to deliver, in the order of their publishing; none where nothing is due, or others are claiming
    /// right now.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn claim(&self, tx: &mut Tx, request: &ClaimRequest) -> Result<Vec<ClaimedEvent>, StoreError>;

    /// These were delivered. Answers how many were still this claim's; of the others the claim had ended, and they
    /// may be delivered again.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn acknowledge(&self, tx: &mut Tx, key: &ClaimKey, positions: &[i64]) -> Result<u64, StoreError>;

    /// These failed.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn fail(&self, tx: &mut Tx, key: &ClaimKey, failed: &[FailedDelivery]) -> Result<(), StoreError>;

    /// These were not tried: they may be claimed again at once.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn release(&self, tx: &mut Tx, key: &ClaimKey, positions: &[i64]) -> Result<(), StoreError>;

    /// Parked deliveries in the order of their publishing.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn parked(
        &self,
        tx: &mut Tx,
        filter: &ParkedFilter,
        limit: u32,
    ) -> Result<Vec<ParkedDelivery>, StoreError>;

    /// Makes parked deliveries due at once, as if they had never failed, and answers how many.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn replay(&self, tx: &mut Tx, filter: &ParkedFilter) -> Result<u64, StoreError>;

    /// How far every known consumer is, by name and lane.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn queues(&self, tx: &mut Tx) -> Result<Vec<QueueState>, StoreError>;

    /// Removes events that happened before an instant and that nobody waits for, the oldest first and at most
    /// `limit` of them. Answers how many.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn purge(&self, tx: &mut Tx, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError>;
}
