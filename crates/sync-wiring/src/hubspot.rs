//! What repeats for every entity that Hubspot has: source, look-up by id, listing.

pub use provider_hubspot::*;

use std::sync::Arc;

use sync_core::{
    Brake, Canonical, ExecuteSync, ExecuteSyncBuilder, Provider, ReconcileSource, Scope, Store, Subscription,
    UserId,
};

use crate::{EntityStore, SyncModule, WiringError};

/// The provider's name in rows and requests.
pub const PROVIDER: &str = "hubspot";
/// The adapter's name in subscriptions that are read by polling.
pub const POLL_ADAPTER: &str = "hubspot-poll";

/// Gives an engine Hubspot's side: it polls through this client, and fetches records by id with it.
#[must_use]
pub fn connect<T, S>(engine: ExecuteSyncBuilder<T, S>, crm: &HubspotClient) -> ExecuteSyncBuilder<T, S>
where
    T: Canonical + FromHubspot,
    S: Store,
{
    engine
        .source(Arc::new(HubspotPollSource::<T>::new(crm.clone())))
        .fetcher(Arc::new(HubspotFetcher::<T>::new(crm.clone())))
}

/// An engine that syncs `T` from this org into the module's store.
///
/// # Errors
/// [`WiringError`] names what is missing.
pub fn engine<T, S>(module: &SyncModule<S>, crm: &HubspotClient) -> Result<ExecuteSync<T, S>, WiringError>
where
    T: Canonical + FromHubspot,
    S: EntityStore<T>,
{
    Ok(connect(module.engine::<T>(), crm).build()?)
}

/// The source of a reconciliation: give it to a request of the subscription as its `source_override`.
///
/// It compares this org's ids with the store's, fetches what is missing or older here, and deletes what is gone,
/// within the brake (R20).
#[must_use]
pub fn reconcile<T, S>(
    module: &SyncModule<S>,
    crm: &HubspotClient,
    subscription: &Subscription,
    brake: Brake,
) -> ReconcileSource<T, S>
where
    T: Canonical + FromHubspot,
    S: EntityStore<T>,
{
    ReconcileSource {
        remote: Arc::new(HubspotListing::new(crm.clone(), T::OBJECT)),
        local: Arc::new(EntityStore::<T>::sink(&**module.store())),
        fetcher: Arc::new(HubspotFetcher::<T>::new(crm.clone())),
        unit_of_work: Arc::clone(module.store()),
        scope: Scope {
            tenant: subscription.tenant.clone(),
            connection: subscription.connection.clone(),
            subscription: subscription.id,
            entity: T::ENTITY,
            provider: Provider::from(PROVIDER),
            user: UserId::from("system"),
        },
        brake,
    }
}
