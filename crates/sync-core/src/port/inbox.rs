//! What providers' calls said, until it is applied.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{
    Backlog, Change, Notice, Scope, SourceError, StoreError, Subscription, SubscriptionId, TenantId,
    WaitingNotice,
};

/// Keeps the notices of webhooks between the answer to the call and the run that applies them.
///
/// - **INV-INB-1** A notice waits once per tenant, connection, subscription and dedup key, however often it is
///   staged, by however many at once; also after it was settled, until it is purged.
/// - **INV-INB-2** A notice is settled with the transaction that applied it: of one that was rolled back it waits
///   again, after a commit it never comes again.
/// - **INV-INB-3** Nobody sees, counts, settles or purges another tenant's notices.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait WebhookInbox<Tx: Send + Sync + 'static>: Send + Sync {
    /// Stages notices of one tenant, and answers how many of them were new. One statement, whatever their number.
    ///
    /// # Errors
    /// [`StoreError::MissingTenantId`] at the store's own boundary (R1).
    async fn stage(&self, tx: &mut Tx, notices: &[Notice], at: DateTime<Utc>) -> Result<u64, StoreError>;

    /// The first notices that wait for a subscription of this tenant, in the order of staging; at most `limit`.
    /// Looking holds nothing: who applies them holds the subscription's lease.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn waiting<'a>(
        &self,
        tx: &mut Tx,
        tenant: Option<&'a TenantId>,
        subscription: SubscriptionId,
        limit: u32,
    ) -> Result<Vec<WaitingNotice>, StoreError>;

    /// Settles the scope's notices with these dedup keys and forgets what they carried; answers how many waited.
    /// Keys that are unknown or settled already are passed over.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn settle(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        dedup_keys: &[Box<str>],
        at: DateTime<Utc>,
    ) -> Result<u64, StoreError>;

    /// What waits for each subscription of this tenant; none where nothing does. Longest waiting first.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn backlog<'a>(
        &self,
        tx: &mut Tx,
        tenant: Option<&'a TenantId>,
    ) -> Result<Vec<Backlog>, StoreError>;

    /// Removes this tenant's notices that were settled before `before`; answers how many. From then on a repeat
    /// counts as new, so keep them for longer than a provider repeats itself: HubSpot does for 24 hours
    /// (reference/hubspot.md, Webhooks), Salesforce too.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn purge_settled<'a>(
        &self,
        tx: &mut Tx,
        tenant: Option<&'a TenantId>,
        before: DateTime<Utc>,
    ) -> Result<u64, StoreError>;
}

/// Makes changes of what a provider's calls carried, by the entity's mapping.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait CarriedRecords<T: Send + Sync + 'static>: Send + Sync {
    /// One answer per notice, in order; `None` where the record has to be read after all, e.g. because the notice does
    /// not say which version of it was sent. Every notice that is passed has a body.
    ///
    /// # Errors
    /// [`SourceError`] when it can't be told without the provider, and the provider can't be asked.
    async fn carried(
        &self,
        subscription: &Subscription,
        notices: &[Notice],
    ) -> Result<Vec<Option<Change<T>>>, SourceError>;
}
