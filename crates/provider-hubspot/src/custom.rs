//! The properties that a customer made, and their values.

use std::collections::HashSet;
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, StreamExt};
use sync_core::{Change, ChangeStream, CustomFieldSource, RemoteField, SourceError, Subscription};

use crate::FromHubspot;
use crate::calls::stands_still;
use crate::client::HubspotClient;
use crate::describe::PropertyDescription;
use crate::map::{only_custom, unidentified, version};
use crate::object::Remote;
use crate::plan::Plan;
use crate::wire::Row;

/// Lists the customer's own properties of an object, and reads single ones for all records.
///
/// Owners and associations have none.
pub struct HubspotFields<T> {
    client: HubspotClient,
    entity: PhantomData<fn() -> T>,
}

impl<T> Clone for HubspotFields<T> {
    fn clone(&self) -> Self {
        Self { client: self.client.clone(), entity: PhantomData }
    }
}

impl<T: FromHubspot> HubspotFields<T> {
    /// Of this account.
    #[must_use]
    pub fn new(client: HubspotClient) -> Self {
        Self { client, entity: PhantomData }
    }

    async fn advance(&self, step: Step) -> Result<Option<(Vec<Change<T>>, Step)>, SourceError> {
        let (plan, page) = match step {
            Step::Start { fields } => match Remote::of(T::OBJECT) {
                Remote::Object(object) => {
                    let description = self.client.properties(object).await?;
                    (Arc::new(Plan::of_custom::<T>(&description, &fields)), None)
                }
                Remote::Owners | Remote::Links { .. } => return Ok(None),
            },
            Step::Page { plan, page } => (plan, Some(page)),
            Step::Over => return Ok(None),
        };
        if plan.custom.is_empty() {
            return Ok(None);
        }
        let listed = self.client.listed(&plan, page.as_deref()).await;
        let listed = listed.map_err(|error| self.client.source_error(error))?;
        if listed.next.is_some() && listed.next == page {
            return Err(self.client.source_error(stands_still("read custom properties")));
        }
        let changes = listed.rows.iter().filter_map(|row| change(&plan, row)).collect();
        let next = listed.next.map_or(Step::Over, |page| Step::Page { plan, page });
        Ok(Some((changes, next)))
    }
}

enum Step {
    Start { fields: Vec<Arc<str>> },
    Page { plan: Arc<Plan>, page: String },
    Over,
}

/// A change of nothing but the custom properties; `None` when all of them are empty.
fn change<T: FromHubspot>(plan: &Plan, row: &Row) -> Option<Change<T>> {
    let payload = only_custom::<T>(plan, row)?;
    let id = row.id.map_or_else(|| unidentified(row.text()), Into::into);
    let version = plan.stamp_of(row).map(version);
    Some(Change { version, ..Change::new(id, payload) })
}

fn remote_field(property: &PropertyDescription) -> RemoteField {
    RemoteField {
        name: property.name.as_str().into(),
        label: Some(property.label.clone()).filter(|label| !label.is_empty()),
        remote_type: property.property_type.as_str().to_owned(),
        kind: property.property_type.kind(),
        calculated: property.calculated,
    }
}

#[async_trait]
impl<T: FromHubspot> CustomFieldSource<T> for HubspotFields<T> {
    async fn custom_fields(&self, _: &Subscription) -> Result<Vec<RemoteField>, SourceError> {
        let Remote::Object(object) = Remote::of(T::OBJECT) else { return Ok(Vec::new()) };
        let description = self.client.properties(object).await?;
        let mapped: HashSet<&str> = T::mapping().iter().map(|mapping| &*mapping.source).collect();
        let own = description.properties.iter().filter(|property| {
            property.is_custom() && !property.archived && !mapped.contains(property.name.as_str())
        });
        Ok(own.map(remote_field).collect())
    }

    fn backfill(&self, _: &Subscription, fields: &[Arc<str>]) -> ChangeStream<T> {
        let (source, fields) = (self.clone(), fields.to_vec());
        stream::unfold(Step::Start { fields }, move |step| {
            let source = source.clone();
            async move {
                match source.advance(step).await {
                    Ok(step) => {
                        step.map(|(changes, next)| (changes.into_iter().map(Ok).collect::<Vec<_>>(), next))
                    }
                    Err(error) => Some((vec![Err(error)], Step::Over)),
                }
            }
        })
        .flat_map(stream::iter)
        .boxed()
    }
}
