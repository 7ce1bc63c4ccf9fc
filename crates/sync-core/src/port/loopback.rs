//! Recognising our own writes when they come back.

use async_trait::async_trait;

use crate::{Change, LoopbackError, Scope};

/// Answers whether a change is the echo of a write of ours (R6).
///
/// - **INV-LOO-1** A record that differs from what we wrote is never an echo.
/// - **INV-LOO-2** Once another change of the record was let through, a return to our values is a change like any
///   other.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait LoopbackFingerprintStore<T: Send + Sync + 'static>: Send + Sync {
    /// One answer per change, in order.
    ///
    /// # Errors
    /// [`LoopbackError`] when the store can't answer. The run goes on and applies the changes: an echo that
    /// is applied is a noop.
    async fn are_echoes(&self, scope: &Scope, changes: &[Change<T>]) -> Result<Vec<bool>, LoopbackError>;
}
