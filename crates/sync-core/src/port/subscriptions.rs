//! The subscriptions of an installation.

use async_trait::async_trait;

use crate::{StoreError, Subscription, SubscriptionId, TenantId};

/// Keeps subscriptions.
///
/// - **INV-SUB-1** There is one subscription per tenant, connection, adapter, domain and external reference,
///   also when the reference is absent.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait SubscriptionStore<Tx: Send + Sync + 'static>: Send + Sync {
    /// Adds a subscription, or answers the one that is there already for the same key.
    ///
    /// # Errors
    /// [`StoreError::MissingTenantId`] at the store's own boundary (R1).
    async fn add_subscription(
        &self,
        tx: &mut Tx,
        subscription: &Subscription,
    ) -> Result<Subscription, StoreError>;

    /// One subscription of this tenant.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn subscription<'a>(
        &self,
        tx: &mut Tx,
        tenant: Option<&'a TenantId>,
        id: SubscriptionId,
    ) -> Result<Option<Subscription>, StoreError>;

    /// All subscriptions of this tenant, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn subscriptions<'a>(
        &self,
        tx: &mut Tx,
        tenant: Option<&'a TenantId>,
    ) -> Result<Vec<Subscription>, StoreError>;

    /// Pauses or resumes.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such subscription of this tenant.
    async fn set_paused<'a>(
        &self,
        tx: &mut Tx,
        tenant: Option<&'a TenantId>,
        id: SubscriptionId,
        paused: bool,
    ) -> Result<(), StoreError>;
}
