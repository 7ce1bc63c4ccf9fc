//! Which store keeps which entity.

use sync_core::{Canonical, LocalListing, Store, SyncSink};

/// A store that has a table for `T`.
///
/// The transaction ties both together: a sink for another store's transactions is no sink here.
pub trait EntityStore<T: Canonical>: Store {
    /// Writes `T` in this store, and lists what is there.
    type Sink: SyncSink<T, Self::Tx> + LocalListing<Self::Tx> + 'static;

    /// The sink of `T`.
    fn sink(&self) -> Self::Sink;
}
