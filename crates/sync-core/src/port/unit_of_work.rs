//! Transactions as a type.

use async_trait::async_trait;

use crate::{StoreError, TenantId};

/// Begins and ends transactions. Every other store port takes `&mut Tx`, so a sink for one store does not
/// compile against another.
///
/// - **INV-UOW-1** What a transaction wrote is visible to others after [`commit`](Self::commit) returned, and
///   never if it was rolled back or dropped.
/// - **INV-UOW-2** Rolling back to a savepoint undoes what was written since it was set, and nothing else;
///   the transaction stays usable, also after a failed statement. Savepoints nest.
#[cfg_attr(feature = "mocks", mockall::automock(type Tx = crate::mocks::MockTx;))]
#[async_trait]
pub trait UnitOfWork: Send + Sync + 'static {
    /// An open transaction. Dropping it rolls back.
    type Tx: Send + Sync + 'static;

    /// Opens a transaction that may write.
    ///
    /// A store that keeps tenants apart below its queries confines it to the rows of no tenant, of which there are
    /// none where tenants are told apart: use [`begin_for`](Self::begin_for) for a tenant's rows, and
    /// [`begin_across_tenants`](Self::begin_across_tenants) for work on everybody's.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the store can't be reached.
    async fn begin(&self) -> Result<Self::Tx, StoreError>;

    /// Opens a transaction for the rows of one tenant; `None` where tenants are not told apart.
    ///
    /// A store that keeps tenants apart below its queries confines the transaction to the tenant's rows. By
    /// default the same as [`begin`](Self::begin): the queries alone keep tenants apart.
    ///
    /// # Errors
    /// As [`begin`](Self::begin); [`StoreError::MissingTenantId`] where tenants are told apart and none is given.
    async fn begin_for<'a>(&self, tenant: Option<&'a TenantId>) -> Result<Self::Tx, StoreError> {
        let _ = tenant;
        self.begin().await
    }

    /// Opens a transaction for work on the rows of all tenants: routing what arrives, draining queues, listing
    /// everybody's subscriptions. By default the same as [`begin`](Self::begin).
    ///
    /// Find out here whose work it is, and do the work itself in a transaction of [`begin_for`](Self::begin_for).
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    async fn begin_across_tenants(&self) -> Result<Self::Tx, StoreError> {
        self.begin().await
    }

    /// Makes everything visible and durable.
    ///
    /// # Errors
    /// After [`StoreError::Unavailable`] it is unknown whether the commit took place; the engine finds out by
    /// [`RunRecorder::record_progress`](crate::RunRecorder::record_progress).
    async fn commit(&self, tx: Self::Tx) -> Result<(), StoreError>;

    /// Undoes everything.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; the transaction is gone all the same.
    async fn rollback(&self, tx: Self::Tx) -> Result<(), StoreError>;

    /// Sets a savepoint.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn savepoint(&self, tx: &mut Self::Tx) -> Result<(), StoreError>;

    /// Forgets the latest savepoint and keeps what was written since.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn release_savepoint(&self, tx: &mut Self::Tx) -> Result<(), StoreError>;

    /// Undoes what was written since the latest savepoint, and forgets it.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    async fn rollback_to_savepoint(&self, tx: &mut Self::Tx) -> Result<(), StoreError>;
}
