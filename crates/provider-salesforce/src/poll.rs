//! Polling an object's changes.

use std::marker::PhantomData;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::stream::{self, BoxStream, StreamExt};
use sync_core::{Change, ChangeSource, ChangeStream, Cursor, Provenance, SourceError, Subscription};
use sync_detection::{Filter, PollFetch, PollRequest};

use crate::FromSalesforce;
use crate::client::SalesforceClient;
use crate::cursor::Position;
use crate::map::unidentified;
use crate::plan::Plan;
use crate::reader::Reader;
use crate::span::Span;
use crate::walk;
use crate::wire::Page;

/// The changes of one object, by its records' `SystemModstamp` and id.
///
/// What a run reads, in this order (all in the order of stamp and id):
///
/// 1. The [`overlap`](crate::SalesforceConfig::overlap) behind the stored cursor, once more: stamps are set
///    before the commit, so records can appear behind a position already passed. Such changes are marked as
///    [`reread`](Change::reread) and carry no cursor.
/// 2. Everything after the cursor, up to Salesforce's own time at the start less the
///    [`settle_lag`](crate::SalesforceConfig::settle_lag).
///
/// One page is fetched ahead of the consumer, on a task that ends with the stream.
pub struct SalesforcePollSource<T> {
    client: SalesforceClient,
    filters: Arc<[Filter]>,
    entity: PhantomData<fn() -> T>,
}

impl<T: FromSalesforce> SalesforcePollSource<T> {
    /// All records of the object.
    #[must_use]
    pub fn new(client: SalesforceClient) -> Self {
        Self { client, filters: Arc::default(), entity: PhantomData }
    }

    /// Only records for which all filters hold. A record that ceases to pass them is not reported as deleted;
    /// a comparison of ids finds it.
    #[must_use]
    pub fn filters(mut self, filters: impl IntoIterator<Item = Filter>) -> Self {
        self.filters = filters.into_iter().collect();
        self
    }

    fn read(&self, filters: Arc<[Filter]>, cursor: Option<&Cursor>) -> ChangeStream<T> {
        match cursor.map(|cursor| Position::from_cursor(cursor, &self.label())).transpose() {
            Ok(stored) => changes(Reader { client: self.client.clone(), filters, stored }),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }
}

/// As a fetcher it reads with the request's filters instead of its own.
impl<T: FromSalesforce> PollFetch<T> for SalesforcePollSource<T> {
    fn fetch(&self, request: PollRequest<'_>) -> ChangeStream<T> {
        self.read(request.filters.into(), request.cursor)
    }
}

impl<T: FromSalesforce> ChangeSource<T> for SalesforcePollSource<T> {
    fn label(&self) -> String {
        format!("salesforce-poll-{}", T::ENTITY)
    }

    fn list_changes(&self, _: &Subscription, cursor: Option<&Cursor>) -> ChangeStream<T> {
        self.read(Arc::clone(&self.filters), cursor)
    }
}

/// The stream of a run.
fn changes<T: FromSalesforce>(reader: Reader) -> BoxStream<'static, Result<Change<T>, SourceError>> {
    let mut order = Order { last: reader.stored.map(|position| position.stamp) };
    let changes = walk::pages(|out| reader.run::<T>(out)).map(move |page| match page {
        Ok(page) => order.changes(&page.page, &page.plan, &page.span),
        Err(error) => vec![Err(error)],
    });
    changes.flat_map(stream::iter).boxed()
}

/// Sees to it that cursors don't fall.
struct Order {
    last: Option<DateTime<Utc>>,
}

impl Order {
    fn changes<T: FromSalesforce>(
        &mut self,
        page: &Page,
        plan: &Plan,
        span: &Span,
    ) -> Vec<Result<Change<T>, SourceError>> {
        page.records().map(|json| Ok(self.change(json, plan, span))).collect()
    }

    fn change<T: FromSalesforce>(&mut self, json: &str, plan: &Plan, span: &Span) -> Change<T> {
        let mapped = plan.map::<T>(json);
        let cursor = match (mapped.id, mapped.stamp) {
            (Some(id), Some(stamp)) if !span.reread && self.may_follow(stamp, span) => {
                self.last = Some(stamp);
                Some(Position { stamp, id }.to_cursor())
            }
            _ => None,
        };
        Change {
            external_id: mapped.id.map_or_else(|| unidentified(json), Into::into),
            version: mapped.version(),
            payload: mapped.payload,
            cursor,
            source: Provenance::Poll,
            dedup_key: None,
            changed_fields: None,
            reread: span.reread,
        }
    }

    /// Whether the position may advance to this stamp. A record that was edited while the query was paged
    /// carries a stamp beyond the upper bound: advancing there would skip everything in between, so it is
    /// reported without a position and comes again with the next run.
    fn may_follow(&self, stamp: DateTime<Utc>, span: &Span) -> bool {
        stamp <= span.last_stamp() && self.last.is_none_or(|last| stamp >= last)
    }
}
