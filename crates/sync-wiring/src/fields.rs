//! What repeats for every provider whose customers add fields of their own.

use std::sync::Arc;

use sync_core::{ContractedFields, CustomFieldSource, FieldTracker, Provider, RecordFetcher, TableEntity};

use crate::{EntityStore, SyncModule};

/// Follows the custom fields of `T` that `source` tells of, under the contracts of its table, in the module's store.
#[must_use]
pub fn tracker<T, S>(
    module: &SyncModule<S>,
    source: Arc<dyn CustomFieldSource<T>>,
    provider: impl Into<Provider>,
) -> FieldTracker<T, S>
where
    T: TableEntity,
    S: EntityStore<T>,
{
    let rows = Arc::new(EntityStore::<T>::sink(&**module.store()));
    FieldTracker::new(Arc::clone(module.store()), rows, source, T::TABLE.custom_field_policy, provider)
}

/// A fetcher whose records hold what the contracts of `T`'s table let in: for sources that fetch by themselves.
#[must_use]
pub fn contracted<T, S>(
    module: &SyncModule<S>,
    fetcher: Arc<dyn RecordFetcher<T>>,
    provider: impl Into<Provider>,
) -> Arc<dyn RecordFetcher<T>>
where
    T: TableEntity,
    S: EntityStore<T>,
{
    let policy = T::TABLE.custom_field_policy;
    Arc::new(ContractedFields::new(Arc::clone(module.store()), policy, provider)).fetcher(fetcher)
}
