//! Records by id.

use std::collections::{HashMap, HashSet};
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use sync_core::{DeleteEvidence, ExternalId, Fetched, Payload, RecordFetcher, SourceError, Subscription};
use sync_detection::Filter;

use crate::FromSalesforce;
use crate::client::{SalesforceClient, Scope};
use crate::error::{CallError, is_drift};
use crate::id::SalesforceId;
use crate::listing::rows;
use crate::map::{Mapped, unreadable_record};
use crate::plan::{ID, Plan};
use crate::soql::{Condition, FieldPath, LONGEST_URL, Select, encoded_len};

/// An id in a query: 18 characters, two encoded quotes, a comma.
const ID_BYTES: usize = 25;
/// The resource's path, the words around the list of ids, and the address of the org.
const OTHER_BYTES: usize = 512;

/// Fetches records by id with every field of the entity.
///
/// Deleted records are looked for too, so that "deleted" and "never there" can both be told from "not
/// readable"; both are [`Fetched::Gone`].
pub struct SalesforceFetcher<T> {
    client: SalesforceClient,
    filters: Arc<[Filter]>,
    entity: PhantomData<fn() -> T>,
}

impl<T: FromSalesforce> SalesforceFetcher<T> {
    /// Fetches from this org.
    #[must_use]
    pub fn new(client: SalesforceClient) -> Self {
        Self { client, filters: Arc::default(), entity: PhantomData }
    }

    /// Answers [`Fetched::Outside`] for records for which not all filters hold; they cost a second query, because one
    /// can't tell a record that is left out from one that is gone. By default none counts here.
    #[must_use]
    pub fn filters(mut self, filters: impl IntoIterator<Item = Filter>) -> Self {
        self.filters = filters.into_iter().collect();
        self
    }

    /// One record.
    ///
    /// # Errors
    /// [`SourceError`] when Salesforce can't be asked.
    pub async fn get(&self, id: &ExternalId) -> Result<Fetched<T>, SourceError> {
        let mut fetched = self.fetch(std::slice::from_ref(id)).await?;
        Ok(fetched.pop().unwrap_or(Fetched::Gone(DeleteEvidence::LookedUp)))
    }

    async fn fetch(&self, ids: &[ExternalId]) -> Result<Vec<Fetched<T>>, SourceError> {
        let parsed: Vec<_> = ids.iter().map(|id| SalesforceId::parse(id.as_str())).collect();
        let mut wanted: Vec<SalesforceId> = parsed.iter().flatten().copied().collect();
        wanted.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        wanted.dedup();

        let mut found = HashMap::with_capacity(wanted.len());
        if !wanted.is_empty() {
            let object = self.client.described(T::OBJECT).await?;
            let mut plan = Plan::new::<T>(&object, self.client.config(), &self.filters)?;
            let mut looked_up = self.look_up(&plan, &wanted, &mut found).await;
            if looked_up.as_ref().is_err_and(is_drift) {
                let object = self.client.describe_anew(T::OBJECT).await?;
                plan = Plan::new::<T>(&object, self.client.config(), &self.filters)?;
                looked_up = self.look_up(&plan, &wanted, &mut found).await;
            }
            looked_up.map_err(|error| self.client.source_error(error))?;
            self.leave_out(&plan, &mut found).await?;
        }
        let answer = |(id, parsed): (&ExternalId, &Option<SalesforceId>)| match parsed {
            None => {
                let reason = "this is no salesforce id, so there is nothing to fetch".to_owned();
                Fetched::Unreadable(unreadable_record(reason, id.as_str()))
            }
            Some(id) => found.get(id).cloned().unwrap_or(Fetched::Gone(DeleteEvidence::LookedUp)),
        };
        Ok(ids.iter().zip(&parsed).map(answer).collect())
    }

    async fn look_up(
        &self,
        plan: &Plan,
        ids: &[SalesforceId],
        found: &mut HashMap<SalesforceId, Fetched<T>>,
    ) -> Result<(), CallError> {
        for ids in ids.chunks(per_query(&plan.every_record())) {
            self.look_up_chunk(plan, ids, found).await?;
        }
        Ok(())
    }

    async fn look_up_chunk(
        &self,
        plan: &Plan,
        ids: &[SalesforceId],
        found: &mut HashMap<SalesforceId, Fetched<T>>,
    ) -> Result<(), CallError> {
        let literals = ids.iter().map(|id| (*id).into()).collect();
        let Some(one_of_them) = Condition::any_of(FieldPath::known(ID), literals, false) else {
            return Ok(());
        };
        let mut page = self.client.query(Scope::All, &plan.every_record().and(one_of_them)).await?;
        let mut stray = None;
        loop {
            for json in page.records() {
                let mapped: Mapped<T> = plan.map(json);
                if let Some(id) = mapped.id {
                    found.insert(id, fetched(mapped));
                } else {
                    stray = Some(unreadable_record("a record came without a usable id".to_owned(), json));
                }
            }
            let Some(next) = page.next.take() else { break };
            page = self.client.next_page(&next).await?;
        }
        // Any of the missing ones may be the one that can't be told: none of them is known to be gone.
        if let Some(stray) = stray {
            for id in ids {
                found.entry(*id).or_insert_with(|| Fetched::Unreadable(stray.clone()));
            }
        }
        Ok(())
    }
}

impl<T: FromSalesforce> SalesforceFetcher<T> {
    /// Of the records that were found, those that don't pass the filters are answered as outside. What can't be read
    /// stays unreadable: nobody knows what it is.
    async fn leave_out(
        &self,
        plan: &Plan,
        found: &mut HashMap<SalesforceId, Fetched<T>>,
    ) -> Result<(), SourceError> {
        let Some(passing) = plan.passing() else { return Ok(()) };
        let is_there = |fetched: &Fetched<T>| matches!(fetched, Fetched::Found { .. });
        let ids: Vec<_> = found.iter().filter(|(_, fetched)| is_there(fetched)).map(|(id, _)| *id).collect();
        let mut passed = HashSet::with_capacity(ids.len());
        for ids in ids.chunks(per_query(&passing)) {
            let literals = ids.iter().map(|id| (*id).into()).collect();
            let Some(one_of_them) = Condition::any_of(FieldPath::known(ID), literals, false) else {
                continue;
            };
            let mut page = self.client.query(Scope::Live, &passing.clone().and(one_of_them)).await;
            loop {
                let answer = page.map_err(|error| self.client.source_error(error))?;
                passed.extend(
                    rows(&answer)?.iter().filter_map(|row| SalesforceId::parse(row.external_id.as_str())),
                );
                let Some(next) = answer.next else { break };
                page = self.client.next_page(&next).await;
            }
        }
        for (id, fetched) in found.iter_mut().filter(|(_, fetched)| is_there(fetched)) {
            if !passed.contains(id) {
                *fetched = Fetched::Outside;
            }
        }
        Ok(())
    }
}

/// How many ids fit into the address of a query.
fn per_query(query: &Select) -> usize {
    let taken = encoded_len(&query.to_string()) + OTHER_BYTES;
    (LONGEST_URL.saturating_sub(taken) / ID_BYTES).max(1)
}

fn fetched<T>(mapped: Mapped<T>) -> Fetched<T> {
    let version = mapped.version();
    match mapped.payload {
        Payload::Upsert(record) => Fetched::Found { record: record.value, version },
        Payload::Unreadable(unreadable) => Fetched::Unreadable(unreadable),
        Payload::Delete(_) | Payload::Skip(_) => Fetched::Gone(DeleteEvidence::LookedUp),
    }
}

#[async_trait]
impl<T: FromSalesforce> RecordFetcher<T> for SalesforceFetcher<T> {
    async fn fetch_many(&self, _: &Subscription, ids: &[ExternalId]) -> Result<Vec<Fetched<T>>, SourceError> {
        self.fetch(ids).await
    }
}
