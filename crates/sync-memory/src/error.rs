//! The few errors a store without a database has.

use sync_core::{RunId, StoreError, SubscriptionId};

pub(crate) fn no_subscription(id: SubscriptionId) -> StoreError {
    StoreError::NotFound { what: "subscription", id: id.to_string() }
}

pub(crate) fn no_run(id: RunId) -> StoreError {
    StoreError::NotFound { what: "run", id: id.to_string() }
}
