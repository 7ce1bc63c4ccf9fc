//! The custom fields of one entity of one connection.

use async_trait::async_trait;
use sync_wiring::EntityStore;
use sync_wiring::core::{
    BackfillReport, Clock, FieldReport, SourceError, Subscription, SyncError, SystemClock, TableEntity,
};
use sync_wiring::salesforce::{self, FromSalesforce};

use super::feed::{Order, SalesforceFeed};

/// Follows the custom fields of a feed.
#[async_trait]
pub(crate) trait FieldFeed: Send + Sync {
    /// Finds out what became of them.
    async fn track(&self, subscription: &Subscription) -> Result<FieldReport, SourceError>;

    /// Brings the values of those that wait for it to the rows that are here; `None` when none waits. What the order
    /// says of action and reading does not count.
    async fn backfill(&self, order: Order) -> Result<Option<BackfillReport>, SyncError>;
}

#[async_trait]
impl<T: TableEntity + FromSalesforce, S: EntityStore<T>> FieldFeed for SalesforceFeed<T, S> {
    async fn track(&self, subscription: &Subscription) -> Result<FieldReport, SourceError> {
        salesforce::fields::<T, S>(&self.module, &self.crm).track(subscription, SystemClock.now()).await
    }

    async fn backfill(&self, order: Order) -> Result<Option<BackfillReport>, SyncError> {
        let fields = salesforce::fields::<T, S>(&self.module, &self.crm);
        fields.backfill(&self.engine, self.request(order), SystemClock.now()).await
    }
}
