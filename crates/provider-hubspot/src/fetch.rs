//! Records by id.

use std::collections::{HashMap, HashSet};
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use sync_core::{
    DeleteEvidence, ExternalId, Fetched, Payload, RecordFetcher, SourceError, Subscription, Version,
};
use sync_detection::Filter;

use crate::FromHubspot;
use crate::client::HubspotClient;
use crate::error::CallError;
use crate::id::{HubspotId, PairId};
use crate::map::{Mapped, unreadable_record, version};
use crate::object::Remote;
use crate::plan::Plan;
use crate::rows::pair;
use crate::wire::Row;

/// Fetches records by id with everything the entity asks for.
///
/// An archived or purged record is [`Fetched::Gone`], and so is one that was merged: asked for by its old id,
/// HubSpot answers with the survivor under another id.
pub struct HubspotFetcher<T> {
    client: HubspotClient,
    filters: Arc<[Filter]>,
    entity: PhantomData<fn() -> T>,
}

impl<T: FromHubspot> HubspotFetcher<T> {
    /// Fetches from this account.
    #[must_use]
    pub fn new(client: HubspotClient) -> Self {
        Self { client, filters: Arc::default(), entity: PhantomData }
    }

    /// Answers [`Fetched::Outside`] for records for which not all filters hold. By default none counts here.
    #[must_use]
    pub fn filters(mut self, filters: impl IntoIterator<Item = Filter>) -> Self {
        self.filters = filters.into_iter().collect();
        self
    }

    /// One record.
    ///
    /// # Errors
    /// [`SourceError`] when HubSpot can't be asked.
    pub async fn get(&self, id: &ExternalId) -> Result<Fetched<T>, SourceError> {
        let mut fetched = self.fetch(std::slice::from_ref(id)).await?;
        Ok(fetched.pop().unwrap_or(Fetched::Gone(DeleteEvidence::LookedUp)))
    }

    async fn fetch(&self, ids: &[ExternalId]) -> Result<Vec<Fetched<T>>, SourceError> {
        let remote = Remote::of(T::OBJECT);
        let is_usable = |id: &ExternalId| match remote {
            Remote::Links { .. } => PairId::parse(id.as_str()).is_some(),
            Remote::Object(_) | Remote::Owners => HubspotId::parse(id.as_str()).is_some(),
        };
        let wanted: HashSet<&ExternalId> = ids.iter().filter(|id| is_usable(id)).collect();
        let found = if wanted.is_empty() { HashMap::new() } else { self.look_up(remote, &wanted).await? };
        let answer = |id: &ExternalId| match found.get(id) {
            Some(fetched) => fetched.clone(),
            None if wanted.contains(id) => Fetched::Gone(DeleteEvidence::LookedUp),
            None => {
                let reason = "this is no hubspot id, so there is nothing to fetch".to_owned();
                Fetched::Unreadable(unreadable_record(reason, id.as_str()))
            }
        };
        Ok(ids.iter().map(answer).collect())
    }

    async fn look_up(
        &self,
        remote: Remote,
        wanted: &HashSet<&ExternalId>,
    ) -> Result<HashMap<ExternalId, Fetched<T>>, SourceError> {
        let plan = self.client.known_plan::<T>(&self.filters).await?;
        let rows = match remote {
            Remote::Object(_) => self.records(&plan, wanted).await,
            Remote::Owners => self.owners(&plan).await,
            Remote::Links { .. } => self.pairs(&plan, wanted).await,
        };
        let rows = rows.map_err(|error| self.client.source_error(error))?;
        let read_at = version(self.client.server_now());
        let found = rows.iter().filter_map(|row| {
            let mapped: Mapped<T> = plan.map(row);
            let version = if plan.is_links() { Some(read_at) } else { mapped.stamp.map(version) };
            let answer = mapped.payload.map_or(Fetched::Outside, |payload| fetched(payload, version));
            Some((mapped.id?, answer))
        });
        Ok(found.collect())
    }

    async fn records(&self, plan: &Plan, wanted: &HashSet<&ExternalId>) -> Result<Vec<Row>, CallError> {
        let mut ids: Vec<_> = wanted.iter().filter_map(|id| HubspotId::parse(id.as_str())).collect();
        ids.sort_unstable();
        let mut rows = self.client.batch_read(&plan.path, &plan.properties, &ids).await?;
        self.client.link(plan, &mut rows, false).await?;
        Ok(rows)
    }

    /// There is no batch of owners, and few enough to list them.
    async fn owners(&self, plan: &Plan) -> Result<Vec<Row>, CallError> {
        let mut rows = self.client.owners(false).await?;
        if plan.keeps_archived {
            rows.extend(self.client.owners(true).await?);
        }
        Ok(rows)
    }

    async fn pairs(&self, plan: &Plan, wanted: &HashSet<&ExternalId>) -> Result<Vec<Row>, CallError> {
        let pairs: HashSet<PairId> = wanted.iter().filter_map(|id| PairId::parse(id.as_str())).collect();
        let mut parents: Vec<_> = pairs.iter().map(|pair| pair.from).collect();
        parents.sort_unstable();
        parents.dedup();
        let found = self.client.associations(&plan.path, &plan.to_path, &parents).await?;
        let rows = found.iter().flat_map(|(from, associations)| {
            associations.iter().filter_map(|association| {
                let id = PairId { from: *from, to: association.to };
                pairs.contains(&id).then(|| pair(*from, association))
            })
        });
        Ok(rows.collect())
    }
}

fn fetched<T>(payload: Payload<T>, version: Option<Version>) -> Fetched<T> {
    match payload {
        Payload::Upsert(record) => Fetched::Found { record: record.value, version },
        Payload::Unreadable(unreadable) => Fetched::Unreadable(unreadable),
        Payload::Delete(_) | Payload::Skip(_) => Fetched::Gone(DeleteEvidence::LookedUp),
    }
}

#[async_trait]
impl<T: FromHubspot> RecordFetcher<T> for HubspotFetcher<T> {
    async fn fetch_many(&self, _: &Subscription, ids: &[ExternalId]) -> Result<Vec<Fetched<T>>, SourceError> {
        self.fetch(ids).await
    }
}
