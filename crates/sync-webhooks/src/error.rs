//! What can go wrong between a call and its answer.

use std::sync::Arc;

use sync_core::StoreError;

/// Notices were not staged: the call must not be acknowledged. Staging them again is always safe.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StageError {
    /// More waits to be staged than the queue may hold; the provider should come again.
    #[error("the queue of calls is full; raise its limit, or give the store more room")]
    Full,
    /// The receiver is shutting down.
    #[error("the receiver is shutting down; the provider will call again")]
    Closed,
    /// The store could not be written. One error may be the answer to many calls.
    #[error("the notices could not be staged")]
    Store(#[source] Arc<StoreError>),
}
