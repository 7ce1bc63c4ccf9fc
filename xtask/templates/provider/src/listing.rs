//! The ids of all live records, for comparison.

use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt};
use sync_core::{ListedRow, ListingPart, RemoteListing, SourceError, Subscription, Version};
use sync_detection::Filter;

use crate::client::__Provider__Client;
use crate::map::{ID, STAMP};
use crate::record::__Provider__Record;

/// Lists one object's live ids. Its end is announced with the number of all, so that a cut-off listing is told.
pub struct __Provider__Listing {
    client: __Provider__Client,
    object: &'static str,
    filters: Arc<[Filter]>,
}

/// How far a listing is.
enum Step {
    Page { after: Option<String>, total: u64 },
    End { total: u64 },
    Done,
}

impl __Provider__Listing {
    /// All live records of the object.
    #[must_use]
    pub fn new(client: __Provider__Client, object: &'static str) -> Self {
        Self { client, object, filters: Arc::default() }
    }

    /// Only records for which all filters hold.
    #[must_use]
    pub fn filters(mut self, filters: impl IntoIterator<Item = Filter>) -> Self {
        self.filters = filters.into_iter().collect();
        self
    }
}

impl RemoteListing for __Provider__Listing {
    fn list_ids(&self, _: &Subscription) -> BoxStream<'static, Result<ListingPart, SourceError>> {
        let (client, object, filters) = (self.client.clone(), self.object, Arc::clone(&self.filters));
        stream::try_unfold(Step::Page { after: None, total: 0 }, move |step| {
            let (client, filters) = (client.clone(), Arc::clone(&filters));
            async move {
                match step {
                    Step::Page { after, total } => {
                        let page = client.ids(object, &filters, after.as_deref()).await?;
                        let rows = page.items.iter().map(|json| row(json)).collect::<Result<Vec<_>, _>>()?;
                        let total = total + rows.len() as u64;
                        let next = match page.next {
                            Some(next) => Step::Page { after: Some(next), total },
                            None => Step::End { total },
                        };
                        Ok(Some((ListingPart::Ids(rows), next)))
                    }
                    Step::End { total } => Ok(Some((ListingPart::Complete { total }, Step::Done))),
                    Step::Done => Ok(None),
                }
            }
        })
        .boxed()
    }
}

fn row(json: &str) -> Result<ListedRow, SourceError> {
    let read = || {
        let record = __Provider__Record::parse(json)?;
        let external_id = __Provider__Record::required(ID, record.link(ID)?)?;
        let stamp = record.instant(STAMP)?;
        Ok::<_, crate::RecordError>(ListedRow {
            external_id,
            version: stamp.map(|stamp| Version(stamp.timestamp_millis())),
        })
    };
    read().map_err(|error| SourceError::Permanent {
        call: "list ids",
        code: "UNREADABLE".to_owned(),
        reason: error.to_string(),
    })
}
