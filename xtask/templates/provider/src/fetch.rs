//! Records by id.

use std::collections::{HashMap, HashSet};
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use sync_core::{DeleteEvidence, ExternalId, Fetched, Payload, RecordFetcher, SourceError, Subscription};
use sync_detection::Filter;

use crate::From__Provider__;
use crate::client::{Ask, __Provider__Client};
use crate::map::Mapped;

/// Fetches records by id with every field of the entity.
pub struct __Provider__Fetcher<T> {
    client: __Provider__Client,
    filters: Arc<[Filter]>,
    entity: PhantomData<fn() -> T>,
}

impl<T: From__Provider__> __Provider__Fetcher<T> {
    /// Fetches from this account.
    #[must_use]
    pub fn new(client: __Provider__Client) -> Self {
        Self { client, filters: Arc::default(), entity: PhantomData }
    }

    /// Answers [`Fetched::Outside`] for records for which not all filters hold. By default none counts here.
    #[must_use]
    pub fn filters(mut self, filters: impl IntoIterator<Item = Filter>) -> Self {
        self.filters = filters.into_iter().collect();
        self
    }
}

#[async_trait]
impl<T: From__Provider__> RecordFetcher<T> for __Provider__Fetcher<T> {
    async fn fetch_many(&self, _: &Subscription, ids: &[ExternalId]) -> Result<Vec<Fetched<T>>, SourceError> {
        let records = self.client.by_ids(&ask::<T>(&[]), ids).await?;
        let mapped = records.iter().map(|json| Mapped::<T>::read(json));
        let mut found: HashMap<_, _> = mapped.filter_map(|mapped| Some((mapped.id.clone()?, mapped))).collect();
        let passing = self.passing(ids).await?;
        let is_left_out = |id| passing.as_ref().is_some_and(|passing| !passing.contains(id));
        let answer = |id| match found.remove(id) {
            None => Fetched::Gone(DeleteEvidence::LookedUp),
            Some(_) if is_left_out(id) => Fetched::Outside,
            Some(mapped) => fetched(mapped),
        };
        Ok(ids.iter().map(answer).collect())
    }
}

impl<T: From__Provider__> __Provider__Fetcher<T> {
    /// Which of these pass the filters; `None` where there are no filters.
    async fn passing(&self, ids: &[ExternalId]) -> Result<Option<HashSet<ExternalId>>, SourceError> {
        if self.filters.is_empty() {
            return Ok(None);
        }
        let records = self.client.by_ids(&ask::<T>(&self.filters), ids).await?;
        Ok(Some(records.iter().filter_map(|json| Mapped::<T>::read(json).id).collect()))
    }
}

fn ask<T: From__Provider__>(filters: &[Filter]) -> Ask<'_> {
    Ask { object: T::OBJECT, mapping: T::mapping(), filters }
}

fn fetched<T>(mapped: Mapped<T>) -> Fetched<T> {
    let version = mapped.version();
    match mapped.payload {
        Payload::Upsert(record) => Fetched::Found { record: record.value, version },
        Payload::Unreadable(unreadable) => Fetched::Unreadable(unreadable),
        Payload::Delete(_) | Payload::Skip(_) => Fetched::Gone(DeleteEvidence::LookedUp),
    }
}
