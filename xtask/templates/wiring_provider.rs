//! What repeats for every entity that __Product__ has: source, look-up by id, listing.

pub use provider___provider__::*;

use std::sync::Arc;

use sync_core::{
    Brake, ChangeSource, ExecuteSync, ExecuteSyncBuilder, FieldTracker, Provider, ReconcileSource, RecordFetcher, Scope, Store,
    Subscription, TableEntity, UserId,
};
use sync_detection::PollChangeSource;

use crate::{EntityStore, SyncModule, WiringError};

/// The provider's name in rows and requests.
pub const PROVIDER: &str = "__key__";
/// The adapter's name in subscriptions that are read by polling.
pub const POLL_ADAPTER: &str = "__key__-poll";

/// Gives an engine __Product__'s side: it polls through this client, and fetches records by id with it.
#[must_use]
pub fn connect<T, S>(engine: ExecuteSyncBuilder<T, S>, crm: &__Provider__Client) -> ExecuteSyncBuilder<T, S>
where
    T: TableEntity + From__Provider__,
    S: Store,
{
    engine
        .source(source(crm))
        .fetcher(fetcher(crm))
        .contracts(T::TABLE.custom_field_policy, PROVIDER)
}

/// Fetches by id, with the filters of the entity's YAML, where it has one.
fn fetcher<T: From__Provider__>(crm: &__Provider__Client) -> Arc<dyn RecordFetcher<T>> {
    let filters = T::detection().map(|detection| detection.filters).unwrap_or_default();
    Arc::new(__Provider__Fetcher::<T>::new(crm.clone()).filters(filters))
}

/// Polls with the filters and stamps of the entity's YAML, where it has one.
fn source<T: From__Provider__>(crm: &__Provider__Client) -> Arc<dyn ChangeSource<T>> {
    let poll = __Provider__PollSource::<T>::new(crm.clone());
    match T::detection() {
        Some(detection) => Arc::new(PollChangeSource::new(poll.label(), detection, Box::new(poll))),
        None => Arc::new(poll),
    }
}

/// An engine that syncs `T` from this account into the module's store.
///
/// # Errors
/// [`WiringError`] names what is missing.
pub fn engine<T, S>(module: &SyncModule<S>, crm: &__Provider__Client) -> Result<ExecuteSync<T, S>, WiringError>
where
    T: TableEntity + From__Provider__,
    S: EntityStore<T>,
{
    Ok(connect(module.engine::<T>(), crm).build()?)
}

/// Follows the custom fields of `T` in this account.
#[must_use]
pub fn fields<T, S>(module: &SyncModule<S>, crm: &__Provider__Client) -> FieldTracker<T, S>
where
    T: TableEntity + From__Provider__,
    S: EntityStore<T>,
{
    crate::fields::tracker(module, Arc::new(__Provider__Fields::<T>::new(crm.clone())), PROVIDER)
}

/// Applies what this account's calls said of `T` to a subscription's rows: what it carried where that can be used, and
/// records fetched by id otherwise.
///
/// # Errors
/// [`WiringError`] names what is missing.
#[cfg(feature = "webhooks")]
pub fn drain<T, S>(
    module: &SyncModule<S>,
    crm: &__Provider__Client,
    subscription: Subscription,
) -> Result<sync_webhooks::Drain<T, S>, WiringError>
where
    T: TableEntity + From__Provider__,
    S: EntityStore<T> + sync_core::WebhookInbox<<S as sync_core::UnitOfWork>::Tx>,
{
    drain_by(module, module.engine::<T>(), crm, subscription)
}

/// As [`drain`], by an engine of the module's that was begun already.
///
/// # Errors
/// [`WiringError`] names what is missing.
#[cfg(feature = "webhooks")]
pub fn drain_by<T, S>(
    module: &SyncModule<S>,
    engine: ExecuteSyncBuilder<T, S>,
    crm: &__Provider__Client,
    subscription: Subscription,
) -> Result<sync_webhooks::Drain<T, S>, WiringError>
where
    T: TableEntity + From__Provider__,
    S: EntityStore<T> + sync_core::WebhookInbox<<S as sync_core::UnitOfWork>::Tx>,
{
    let store = Arc::clone(module.store());
    let engine = connect(engine, crm).inbox(Arc::clone(&store) as _).build()?;
    let fetcher = crate::fields::contracted(module, fetcher(crm), PROVIDER);
    let drain = sync_webhooks::Drain::new(store, Arc::new(engine), subscription, PROVIDER, fetcher);
    Ok(match carried::<T>(crm) {
        Some(carried) => drain.carried(carried),
        None => drain,
    })
}

/// The source of a reconciliation: give it to a request of the subscription as its `source_override`.
///
/// It compares this account's ids with the store's, fetches what is missing or older here, and deletes what is
/// gone, within the brake (R20).
#[must_use]
pub fn reconcile<T, S>(
    module: &SyncModule<S>,
    crm: &__Provider__Client,
    subscription: &Subscription,
    brake: Brake,
) -> ReconcileSource<T, S>
where
    T: TableEntity + From__Provider__,
    S: EntityStore<T>,
{
    let filters = T::detection().map(|detection| detection.filters).unwrap_or_default();
    ReconcileSource {
        remote: Arc::new(__Provider__Listing::new(crm.clone(), T::OBJECT).filters(filters)),
        local: Arc::new(EntityStore::<T>::sink(&**module.store())),
        fetcher: crate::fields::contracted(module, fetcher(crm), PROVIDER),
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
