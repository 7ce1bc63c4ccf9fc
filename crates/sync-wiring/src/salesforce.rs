//! What repeats for every entity that Salesforce has: source, look-up by id, listing.

pub use provider_salesforce::*;

use std::sync::Arc;

use sync_core::{
    Brake, ExecuteSync, ExecuteSyncBuilder, FieldTracker, Provider, ReconcileSource, Scope, Store,
    Subscription, TableEntity, UserId,
};

use crate::{EntityStore, SyncModule, WiringError};

/// The provider's name in rows and requests.
pub const PROVIDER: &str = "salesforce";
/// The adapter's name in subscriptions that are read by polling.
pub const POLL_ADAPTER: &str = "salesforce-poll";

/// Gives an engine Salesforce's side: it polls through this client, and fetches records by id with it; both under the
/// contracts of the entity's custom fields.
#[must_use]
pub fn connect<T, S>(engine: ExecuteSyncBuilder<T, S>, crm: &SalesforceClient) -> ExecuteSyncBuilder<T, S>
where
    T: TableEntity + FromSalesforce,
    S: Store,
{
    engine
        .source(Arc::new(SalesforcePollSource::<T>::new(crm.clone())))
        .fetcher(Arc::new(SalesforceFetcher::<T>::new(crm.clone())))
        .contracts(T::TABLE.custom_field_policy, PROVIDER)
}

/// An engine that syncs `T` from this org into the module's store.
///
/// # Errors
/// [`WiringError`] names what is missing.
pub fn engine<T, S>(module: &SyncModule<S>, crm: &SalesforceClient) -> Result<ExecuteSync<T, S>, WiringError>
where
    T: TableEntity + FromSalesforce,
    S: EntityStore<T>,
{
    Ok(connect(module.engine::<T>(), crm).build()?)
}

/// Follows the custom fields of `T` in this org.
#[must_use]
pub fn fields<T, S>(module: &SyncModule<S>, crm: &SalesforceClient) -> FieldTracker<T, S>
where
    T: TableEntity + FromSalesforce,
    S: EntityStore<T>,
{
    crate::fields::tracker(module, Arc::new(SalesforceFields::<T>::new(crm.clone())), PROVIDER)
}

/// The source of a reconciliation: give it to a request of the subscription as its `source_override`.
///
/// It compares this org's ids with the store's, fetches what is missing or older here, and deletes what is gone,
/// within the brake (R20).
#[must_use]
pub fn reconcile<T, S>(
    module: &SyncModule<S>,
    crm: &SalesforceClient,
    subscription: &Subscription,
    brake: Brake,
) -> ReconcileSource<T, S>
where
    T: TableEntity + FromSalesforce,
    S: EntityStore<T>,
{
    ReconcileSource {
        remote: Arc::new(SalesforceListing::new(crm.clone(), T::OBJECT)),
        local: Arc::new(EntityStore::<T>::sink(&**module.store())),
        fetcher: crate::fields::contracted(
            module,
            Arc::new(SalesforceFetcher::<T>::new(crm.clone())),
            PROVIDER,
        ),
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
