//! Where subscriptions stopped reading.

use async_trait::async_trait;

use crate::{Cursor, Scope, StoreError};

/// Keeps the position of each subscription.
///
/// - **INV-CUR-1** A cursor is written in the transaction that holds the rows it covers, or not at all.
/// - **INV-CUR-2** It is never replaced by nothing: there is no way to pass nothing.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait CursorStore<Tx: Send + Sync + 'static>: Send + Sync {
    /// The last committed position; `None` before the first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such subscription of this tenant.
    async fn cursor(&self, tx: &mut Tx, scope: &Scope) -> Result<Option<Cursor>, StoreError>;

    /// Moves the position. Idempotent.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such subscription of this tenant.
    async fn put_cursor(&self, tx: &mut Tx, scope: &Scope, cursor: &Cursor) -> Result<(), StoreError>;
}
