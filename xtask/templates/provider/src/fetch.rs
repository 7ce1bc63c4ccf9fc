//! Records by id.

use std::collections::HashMap;
use std::marker::PhantomData;

use async_trait::async_trait;
use sync_core::{DeleteEvidence, ExternalId, Fetched, Payload, RecordFetcher, SourceError, Subscription};

use crate::From__Provider__;
use crate::client::{Ask, __Provider__Client};
use crate::map::Mapped;

/// Fetches records by id with every field of the entity.
pub struct __Provider__Fetcher<T> {
    client: __Provider__Client,
    entity: PhantomData<fn() -> T>,
}

impl<T: From__Provider__> __Provider__Fetcher<T> {
    /// Fetches from this account.
    #[must_use]
    pub fn new(client: __Provider__Client) -> Self {
        Self { client, entity: PhantomData }
    }
}

#[async_trait]
impl<T: From__Provider__> RecordFetcher<T> for __Provider__Fetcher<T> {
    async fn fetch_many(&self, _: &Subscription, ids: &[ExternalId]) -> Result<Vec<Fetched<T>>, SourceError> {
        let ask = Ask { object: T::OBJECT, mapping: T::mapping(), filters: &[] };
        let records = self.client.by_ids(&ask, ids).await?;
        let mapped = records.iter().map(|json| Mapped::<T>::read(json));
        let mut found: HashMap<_, _> = mapped.filter_map(|mapped| Some((mapped.id.clone()?, mapped))).collect();
        Ok(ids.iter().map(|id| found.remove(id).map_or(Fetched::Gone(DeleteEvidence::LookedUp), fetched)).collect())
    }
}

fn fetched<T>(mapped: Mapped<T>) -> Fetched<T> {
    let version = mapped.version();
    match mapped.payload {
        Payload::Upsert(record) => Fetched::Found { record: record.value, version },
        Payload::Unreadable(unreadable) => Fetched::Unreadable(unreadable),
        Payload::Delete(_) | Payload::Skip(_) => Fetched::Gone(DeleteEvidence::LookedUp),
    }
}
