//! The customer's own properties: which there are, and single ones of them for every record.

use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, StreamExt};
use sync_core::{Change, ChangeStream, CustomFieldSource, RemoteField, SourceError, Subscription};
use sync_detection::Filter;

use crate::FromHubspot;
use crate::calls::stands_still;
use crate::client::HubspotClient;
use crate::map::{unidentified, version};
use crate::object::Remote;
use crate::plan::Plan;
use crate::wire::Row;

/// The customer's own properties of an entity's object: those the poll source reads.
///
/// A backfill walks the list of all live records, because a search would miss what its index lags behind. Owners
/// and associations have no custom properties.
pub struct HubspotFields<T> {
    client: HubspotClient,
    filters: Arc<[Filter]>,
    entity: PhantomData<fn() -> T>,
}

impl<T: FromHubspot> HubspotFields<T> {
    /// Of all records of the object.
    #[must_use]
    pub fn new(client: HubspotClient) -> Self {
        Self { client, filters: Arc::default(), entity: PhantomData }
    }

    /// Only of records for which all filters hold: the same ones as the poll source's.
    #[must_use]
    pub fn filters(mut self, filters: impl IntoIterator<Item = Filter>) -> Self {
        self.filters = filters.into_iter().collect();
        self
    }
}

#[async_trait]
impl<T: FromHubspot> CustomFieldSource<T> for HubspotFields<T> {
    async fn custom_fields(&self, _: &Subscription) -> Result<Vec<RemoteField>, SourceError> {
        let Remote::Object(object) = Remote::of(T::OBJECT) else { return Ok(Vec::new()) };
        let plan = self.client.plan::<T>(&self.filters).await?;
        // The plan was made from the newest description.
        let description = self.client.description(object, true).await?;
        let mut fields: Vec<_> = plan
            .custom
            .into_iter()
            .map(|(name, property_type)| {
                let described = description.property(&name);
                RemoteField {
                    label: described.map(|property| property.label.clone()).filter(|label| !label.is_empty()),
                    remote_type: property_type.as_str().to_owned(),
                    kind: property_type.kind(),
                    calculated: described.is_some_and(|property| property.calculated),
                    name,
                }
            })
            .collect();
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(fields)
    }

    fn backfill(&self, _: &Subscription, fields: &[Arc<str>]) -> ChangeStream<T> {
        let walk = Walk::<T> {
            client: self.client.clone(),
            filters: Arc::clone(&self.filters),
            fields: fields.into(),
            entity: PhantomData,
        };
        stream::unfold((walk, Step::Start), |(walk, step)| async {
            match walk.advance(step).await {
                Ok(step) => step.map(|(changes, next)| (changes, (walk, next))),
                Err(error) => Some((vec![Err(error)], (walk, Step::Over))),
            }
        })
        .flat_map(stream::iter)
        .boxed()
    }
}

/// A walk over all records for some of their properties.
struct Walk<T> {
    client: HubspotClient,
    filters: Arc<[Filter]>,
    fields: Arc<[Arc<str>]>,
    entity: PhantomData<fn() -> T>,
}

enum Step {
    Start,
    /// Another page follows.
    Page {
        plan: Arc<Plan>,
        page: String,
    },
    Over,
}

type Changes<T> = Vec<Result<Change<T>, SourceError>>;

impl<T: FromHubspot> Walk<T> {
    async fn advance(&self, step: Step) -> Result<Option<(Changes<T>, Step)>, SourceError> {
        let (plan, page) = match step {
            Step::Start if !matches!(Remote::of(T::OBJECT), Remote::Object(_)) => return Ok(None),
            Step::Start => {
                let plan = self.client.plan::<T>(&self.filters).await?;
                (Arc::new(plan.of_custom(&self.fields)), None)
            }
            Step::Page { plan, page } => (plan, Some(page)),
            Step::Over => return Ok(None),
        };
        // Properties that are not there any more have no values.
        if plan.custom.is_empty() {
            return Ok(None);
        }
        let listed = self.client.listed(&plan, page.as_deref()).await;
        let listed = listed.map_err(|error| self.client.source_error(error))?;
        if listed.next.is_some() && listed.next == page {
            return Err(self.client.source_error(stands_still("read custom properties")));
        }
        let changes = listed.rows.iter().filter_map(|row| change(&plan, row)).map(Ok).collect();
        let next = listed.next.map_or(Step::Over, |page| Step::Page { plan, page });
        Ok(Some((changes, next)))
    }
}

/// A change of nothing but the custom properties; `None` when all of them are empty.
fn change<T: FromHubspot>(plan: &Plan, row: &Row) -> Option<Change<T>> {
    let payload = plan.only_custom::<T>(row)?;
    let id = row.id.map_or_else(|| unidentified(row.text()), Into::into);
    let version = plan.stamp_of(row).map(version);
    Some(Change { version, ..Change::new(id, payload) })
}
