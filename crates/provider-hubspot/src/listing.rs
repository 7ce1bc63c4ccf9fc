//! All live ids of an object, for comparison with the local rows.

use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt};
use sync_core::{ListedRow, ListingPart, RemoteListing, SourceError, Subscription};
use sync_detection::Filter;

use crate::FromHubspot;
use crate::calls::stands_still;
use crate::client::HubspotClient;
use crate::error::CallError;
use crate::object::Remote;
use crate::plan::{Plan, keeps_archived};
use crate::wire::Row;

/// Lists the ids and stamps of an object's live records.
///
/// HubSpot does not tell how many there are, so the walk itself is the proof: the end is announced when the last
/// page was read without an error. A walk that is cut off or stands still ends with one.
///
/// Associations have no stamp. Their rows carry the time of the walk, which is later than that of any local row:
/// so a comparison fetches each of them again, and finds changed labels as well as removed associations. The
/// fetcher needs a call per thousand records for it.
#[derive(Clone)]
pub struct HubspotListing {
    client: HubspotClient,
    object: &'static str,
    keeps_archived: bool,
    values: bool,
    filters: Arc<[Filter]>,
}

impl HubspotListing {
    /// All records of an object; of owners, the live ones.
    #[must_use]
    pub fn new(client: HubspotClient, object: &'static str) -> Self {
        Self { client, object, keeps_archived: false, values: false, filters: Arc::default() }
    }

    /// All records of what an entity reads, archived owners included where they are records to it.
    #[must_use]
    pub fn of<T: FromHubspot>(client: HubspotClient) -> Self {
        Self { keeps_archived: keeps_archived::<T>(), ..Self::new(client, T::OBJECT) }
    }

    /// Only records for which all filters hold: the same ones as the poll source's.
    #[must_use]
    pub fn filters(mut self, filters: impl IntoIterator<Item = Filter>) -> Self {
        self.filters = filters.into_iter().collect();
        self
    }

    /// Has the comparison fetch every record, not only those whose stamp is newer: it finds what moves no stamp,
    /// such as changed associations and calculated properties. A call per hundred records more.
    #[must_use]
    pub fn comparing_values(mut self) -> Self {
        self.values = true;
        self
    }

    async fn advance(&self, step: Step) -> Result<Option<(ListingPart, Step)>, SourceError> {
        let (plan, page, listed) = match step {
            Step::Start => (Arc::new(self.plan().await?), None, 0),
            Step::Page { plan, page, listed } => (plan, Some(page), listed),
            Step::Done { listed } => return Ok(Some((ListingPart::Complete { total: listed }, Step::Over))),
            Step::Over => return Ok(None),
        };
        let of = |error| self.client.source_error(error);
        let (rows, next) = self.page(&plan, page.as_deref()).await.map_err(of)?;
        if next.is_some() && next == page {
            return Err(of(stands_still("list ids")));
        }
        let rows = self.rows(&plan, &rows)?;
        let listed = listed + rows.len() as u64;
        let next = match next {
            Some(page) => Step::Page { plan, page, listed },
            None => Step::Done { listed },
        };
        Ok(Some((ListingPart::Ids(rows), next)))
    }

    async fn plan(&self) -> Result<Plan, SourceError> {
        let path = async |object: &'static str| {
            self.client.path_of(object).await.map_err(|error| self.client.source_error(error))
        };
        let (paths, description) = match Remote::of(self.object) {
            Remote::Owners => ((String::new(), String::new()), None),
            Remote::Links { from, to } => ((path(from).await?, path(to).await?), None),
            Remote::Object(object) if self.filters.is_empty() => ((path(object).await?, String::new()), None),
            Remote::Object(object) => {
                let description = self.client.properties(object).await?;
                ((description.path.clone(), String::new()), Some(description))
            }
        };
        Plan::of_ids(self.object, paths, description.as_deref(), &self.filters)
    }

    async fn page(&self, plan: &Plan, after: Option<&str>) -> Result<(Vec<Row>, Option<String>), CallError> {
        if plan.remote != Remote::Owners {
            let listed = self.client.listed(plan, after).await?;
            return Ok((listed.rows, listed.next));
        }
        let mut rows = self.client.owners(false).await?;
        if self.keeps_archived {
            rows.extend(self.client.owners(true).await?);
        }
        Ok((rows, None))
    }

    /// A row that can't be told makes the listing worthless: whichever record it is would look like a ghost.
    fn rows(&self, plan: &Plan, rows: &[Row]) -> Result<Vec<ListedRow>, SourceError> {
        let at = (self.values || plan.is_links()).then(|| self.client.server_now());
        let rows: Result<Vec<_>, _> = rows.iter().map(|row| plan.list(row, at)).collect();
        match rows {
            Ok(rows) => Ok(rows.into_iter().flatten().collect()),
            Err(error) => Err(SourceError::Transient { call: "list ids", source: Box::new(error) }),
        }
    }
}

enum Step {
    Start,
    /// Another page follows.
    Page {
        plan: Arc<Plan>,
        page: String,
        listed: u64,
    },
    /// The last page was read.
    Done {
        listed: u64,
    },
    Over,
}

impl RemoteListing for HubspotListing {
    fn list_ids(&self, _: &Subscription) -> BoxStream<'static, Result<ListingPart, SourceError>> {
        let listing = self.clone();
        stream::unfold(Step::Start, move |step| {
            let listing = listing.clone();
            async move {
                match listing.advance(step).await {
                    Ok(step) => step.map(|(part, next)| (Ok(part), next)),
                    Err(error) => Some((Err(error), Step::Over)),
                }
            }
        })
        .boxed()
    }
}
