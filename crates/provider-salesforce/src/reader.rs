//! Reads an object's changes page by page.

use std::marker::PhantomData;
use std::sync::Arc;

use chrono::TimeDelta;
use sync_core::SourceError;
use sync_detection::Filter;

use crate::FromSalesforce;
use crate::client::{SalesforceClient, Scope};
use crate::cursor::Position;
use crate::error::CallError;
use crate::plan::{ID, Plan, STAMP};
use crate::record::SalesforceRecord;
use crate::soql::Select;
use crate::span::{Span, Start};
use crate::walk::{Out, Stop, Walk, walk};
use crate::wire::Page;

/// Where to read, and from what position.
pub(crate) struct Reader {
    pub(crate) client: SalesforceClient,
    pub(crate) filters: Arc<[Filter]>,
    pub(crate) stored: Option<Position>,
}

/// A page of changes, and what it takes to read it.
pub(crate) struct ChangePage {
    pub(crate) page: Page,
    pub(crate) plan: Arc<Plan>,
    pub(crate) span: Span,
}

impl Reader {
    /// Reads everything up to an upper bound taken now.
    pub(crate) async fn run<T: FromSalesforce>(
        self,
        out: Out<ChangePage>,
    ) -> (Out<ChangePage>, Result<(), Stop>) {
        let outcome = self.read::<T>(&out).await;
        (out, outcome)
    }

    async fn read<T: FromSalesforce>(&self, out: &Out<ChangePage>) -> Result<(), Stop> {
        // First of all, because the answer also tells the time in Salesforce.
        let object = self.client.describe(T::OBJECT).await?;
        let config = self.client.config();
        let mut plan = Arc::new(Plan::new::<T>(&object, config, &self.filters)?);
        let until = self.client.server_now() - delta(config.settle_lag);
        let mut described_anew = false;
        for span in Span::of_run(self.stored, until, delta(config.overlap)) {
            let entity = PhantomData::<fn() -> T>;
            let mut changes = Changes { reader: self, plan, described_anew, span, out, entity };
            walk(&mut changes).await?;
            (plan, described_anew) = (changes.plan, changes.described_anew);
        }
        Ok(())
    }
}

fn delta(duration: std::time::Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

/// The rest of a span.
struct Changes<'a, T> {
    reader: &'a Reader,
    plan: Arc<Plan>,
    described_anew: bool,
    span: Span,
    out: &'a Out<ChangePage>,
    entity: PhantomData<fn() -> T>,
}

impl<T: FromSalesforce> Walk for Changes<'_, T> {
    const SCOPE: Scope = Scope::All;

    fn client(&self) -> &SalesforceClient {
        &self.reader.client
    }

    fn query(&self) -> Select {
        self.span.query(self.plan.query())
    }

    async fn hand_over(&mut self, page: Page) -> Result<bool, Stop> {
        let (span, plan) = (self.span, Arc::clone(&self.plan));
        let reached = last_position(&page, &span);
        self.out.page(ChangePage { page, plan, span }).await?;
        if let Some(reached) = reached {
            self.span = span.after(reached);
        }
        Ok(reached.is_some())
    }

    async fn describe_anew(&mut self, error: CallError) -> Result<bool, SourceError> {
        let client = &self.reader.client;
        if std::mem::replace(&mut self.described_anew, true) {
            return Err(client.source_error(error));
        }
        let object = client.describe_anew(T::OBJECT).await?;
        let plan = Plan::new::<T>(&object, client.config(), &self.reader.filters)?;
        if plan == *self.plan {
            return Err(client.source_error(error));
        }
        self.plan = Arc::new(plan);
        Ok(true)
    }
}

/// The last record of a page from which the rest of the span can be asked for; `None` when it brings nothing
/// new. Records that were edited while the query was paged carry stamps beyond the span and don't count.
fn last_position(page: &Page, span: &Span) -> Option<Position> {
    let last = page.records().rev().find_map(|json| {
        let record = SalesforceRecord::parse(json).ok()?;
        let position = Position { stamp: record.instant(STAMP).ok()??, id: record.id(ID).ok()?? };
        let is_within = position.stamp <= span.last_stamp()
            && span.first_stamp().is_none_or(|first| position.stamp >= first);
        is_within.then_some(position)
    });
    last.filter(|position| span.from != Start::After(*position))
}
