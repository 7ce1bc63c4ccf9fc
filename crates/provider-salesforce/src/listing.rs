//! All live ids of an object, for comparison with the local rows.

use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt};
use sync_core::{ListedRow, ListingPart, RemoteListing, SourceError, Subscription};
use sync_detection::Filter;

use crate::client::{SalesforceClient, Scope};
use crate::error::CallError;
use crate::filter;
use crate::map::version;
use crate::plan::{ID, STAMP};
use crate::record::SalesforceRecord;
use crate::soql::{FieldPath, Select};
use crate::wire::Page;

/// Lists the ids and stamps of an object's live records.
///
/// The end is announced only when Salesforce said that the result is finished and as many rows arrived as its
/// first page promised. A listing that is cut off, or whose object changed under it, ends with an error: what
/// is missing from it proves nothing.
pub struct SalesforceListing {
    client: SalesforceClient,
    object: &'static str,
    filters: Arc<[Filter]>,
}

impl SalesforceListing {
    /// All records of an object.
    #[must_use]
    pub fn new(client: SalesforceClient, object: &'static str) -> Self {
        Self { client, object, filters: Arc::default() }
    }

    /// Only records for which all filters hold: the same ones as the poll source's.
    #[must_use]
    pub fn filters(mut self, filters: impl IntoIterator<Item = Filter>) -> Self {
        self.filters = filters.into_iter().collect();
        self
    }
}

impl RemoteListing for SalesforceListing {
    fn list_ids(&self, _: &Subscription) -> BoxStream<'static, Result<ListingPart, SourceError>> {
        let listing =
            Listing { client: self.client.clone(), object: self.object, filters: Arc::clone(&self.filters) };
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

#[derive(Clone)]
struct Listing {
    client: SalesforceClient,
    object: &'static str,
    filters: Arc<[Filter]>,
}

enum Step {
    Start,
    /// Another page follows.
    Page {
        locator: String,
        listed: u64,
        total: u64,
    },
    /// The last page was read.
    Done {
        listed: u64,
        total: u64,
    },
    Over,
}

impl Listing {
    async fn advance(&self, step: Step) -> Result<Option<(ListingPart, Step)>, SourceError> {
        let (page, listed, total) = match step {
            Step::Start => {
                let query = self.query().await?;
                let page = self.page(self.client.query(Scope::Live, &query).await)?;
                let total = page.total;
                (page, 0, total)
            }
            Step::Page { locator, listed, total } => {
                (self.page(self.client.next_page(&locator).await)?, listed, total)
            }
            Step::Done { listed, total } if listed == total => {
                return Ok(Some((ListingPart::Complete { total }, Step::Over)));
            }
            Step::Done { listed, total } => {
                return Err(SourceError::IncompleteListing { listed, expected: Some(total) });
            }
            Step::Over => return Ok(None),
        };
        let rows = rows(&page)?;
        let listed = listed + rows.len() as u64;
        let next = match page.next {
            // An endless result, or one that grew: it would never match what was promised.
            Some(_) if listed > total || rows.is_empty() => {
                return Err(SourceError::IncompleteListing { listed, expected: Some(total) });
            }
            Some(locator) => Step::Page { locator, listed, total },
            None => Step::Done { listed, total },
        };
        Ok(Some((ListingPart::Ids(rows), next)))
    }

    async fn query(&self) -> Result<Select, SourceError> {
        let bad =
            |reason: String| SourceError::Permanent { call: "list ids", code: "BAD_NAME".to_owned(), reason };
        let fields = [ID, STAMP].map(FieldPath::known);
        let select = Select::new(self.object, fields).map_err(|error| bad(error.to_string()))?;
        if self.filters.is_empty() {
            return Ok(select);
        }
        let object = self.client.described(self.object).await?;
        Ok(match filter::condition(&self.filters, &object)? {
            Some(condition) => select.and(condition),
            None => select,
        })
    }

    fn page(&self, answer: Result<Page, CallError>) -> Result<Page, SourceError> {
        answer.map_err(|error| self.client.source_error(error))
    }
}

/// Ids and stamps of a page that has both.
pub(crate) fn rows(page: &Page) -> Result<Vec<ListedRow>, SourceError> {
    let row = |json: &str| {
        let record = SalesforceRecord::parse(json)?;
        let id = SalesforceRecord::required(ID, record.link(ID)?)?;
        Ok(ListedRow { external_id: id, version: record.instant(STAMP)?.map(version) })
    };
    let rows: Result<_, crate::RecordError> = page.records().map(row).collect();
    rows.map_err(|error| SourceError::Transient { call: "list ids", source: Box::new(error) })
}
