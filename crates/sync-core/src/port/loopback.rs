//! Recognising our own writes when they come back.

use async_trait::async_trait;

use crate::{Change, ExternalId, LoopbackError, Scope};

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

/// The writing side of a [`LoopbackFingerprintStore`]: notes what the CRM will hold once a write of ours is through.
///
/// - **INV-LOO-3** What is recorded in a transaction of the same store becomes known with its commit. A store of its own
///   knows it at once: a write that was never sent then costs nothing but its time to live.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait WriteRecorder<T: Send + Sync + 'static, Tx: Send + Sync + 'static>: Send + Sync {
    /// Notes whole records, with the intent and before they are sent. Of two writes of a record the later counts.
    ///
    /// # Errors
    /// [`LoopbackError`] when they can't be kept. The write may go on: its echo is then applied and changes nothing.
    async fn record_writes(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        writes: &[(ExternalId, T)],
    ) -> Result<(), LoopbackError>;
}
