//! Reads an object's changes page by page, one page ahead of whoever consumes them.

use std::sync::Arc;

use chrono::TimeDelta;
use sync_core::SourceError;
use sync_detection::Filter;
use tokio::sync::mpsc;

use crate::FromSalesforce;
use crate::client::{SalesforceClient, Scope};
use crate::cursor::Position;
use crate::error::CallError;
use crate::plan::{ID, Plan, STAMP};
use crate::record::SalesforceRecord;
use crate::span::{Span, Start};
use crate::wire::Page;

/// Where to read, and from what position.
pub(crate) struct Reader {
    pub(crate) client: SalesforceClient,
    pub(crate) filters: Arc<[Filter]>,
    pub(crate) stored: Option<Position>,
}

/// What the reader tells its consumer.
pub(crate) enum Read {
    Page {
        page: Page,
        plan: Arc<Plan>,
        span: Span,
    },
    Failed(SourceError),
    /// Everything was read. Silence without this means that the reader died.
    End,
}

/// Nobody listens any more.
struct Deserted;

enum Stop {
    Deserted,
    Failed(SourceError),
}

impl From<SourceError> for Stop {
    fn from(error: SourceError) -> Self {
        Self::Failed(error)
    }
}

impl From<Deserted> for Stop {
    fn from(_: Deserted) -> Self {
        Self::Deserted
    }
}

impl Reader {
    /// Reads everything up to an upper bound taken now, and tells `out`.
    pub(crate) async fn run<T: FromSalesforce>(self, out: mpsc::Sender<Read>) {
        let last = match self.read::<T>(&out).await {
            Ok(()) => Read::End,
            Err(Stop::Failed(error)) => Read::Failed(error),
            Err(Stop::Deserted) => return,
        };
        // Nobody to tell is nobody to miss it.
        let _ = out.send(last).await;
    }

    async fn read<T: FromSalesforce>(&self, out: &mpsc::Sender<Read>) -> Result<(), Stop> {
        // First of all, because the answer also tells the time in Salesforce.
        let object = self.client.describe(T::OBJECT).await?;
        let config = self.client.config();
        let plan = Arc::new(Plan::new::<T>(&object, config, &self.filters)?);
        let until = self.client.server_now() - delta(config.settle_lag);
        let mut pages = Pages { reader: self, plan, described_anew: false, out };
        for span in Span::of_run(self.stored, until, delta(config.overlap)) {
            pages.read_span::<T>(span).await?;
        }
        Ok(())
    }
}

fn delta(duration: std::time::Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

struct Pages<'a> {
    reader: &'a Reader,
    plan: Arc<Plan>,
    described_anew: bool,
    out: &'a mpsc::Sender<Read>,
}

impl Pages<'_> {
    /// Reads one span. Where the place in the result is lost, a fresh query goes on after the last record
    /// that was handed over; so pages are never repeated and never skipped.
    async fn read_span<T: FromSalesforce>(&mut self, mut span: Span) -> Result<(), Stop> {
        let client = &self.reader.client;
        let mut next: Option<String> = None;
        let mut stuck = 0;
        loop {
            let answer = match &next {
                Some(locator) => client.next_page(locator).await,
                None => client.query(Scope::All, &span.query(self.plan.query())).await,
            };
            match answer {
                Ok(page) => {
                    let reached = last_position(&page, &span);
                    next = page.next.clone();
                    let is_last = next.is_none();
                    self.hand_over(page, span).await?;
                    if is_last {
                        return Ok(());
                    }
                    match reached {
                        Some(reached) => (span, stuck) = (span.after(reached), 0),
                        None => self.pause(&mut stuck, nothing_new()).await?,
                    }
                }
                Err(error) if error.is_broken_off() => {
                    tracing::info!(reason = ?error, "the result broke off, asking anew from the last record");
                    next = None;
                    self.pause(&mut stuck, error).await?;
                }
                Err(error) if error.is_drift() && !self.described_anew => {
                    next = None;
                    self.describe_anew::<T>(error).await?;
                }
                Err(error) => return Err(client.source_error(error).into()),
            }
        }
    }

    async fn hand_over(&self, page: Page, span: Span) -> Result<(), Deserted> {
        let plan = Arc::clone(&self.plan);
        self.out.send(Read::Page { page, plan, span }).await.map_err(|_| Deserted)
    }

    /// The object may have changed since it was described: if so, on with what it is now.
    async fn describe_anew<T: FromSalesforce>(&mut self, error: CallError) -> Result<(), SourceError> {
        self.described_anew = true;
        let client = &self.reader.client;
        let object = client.describe_anew(T::OBJECT).await?;
        let plan = Plan::new::<T>(&object, client.config(), &self.reader.filters)?;
        if plan == *self.plan {
            return Err(client.source_error(error));
        }
        self.plan = Arc::new(plan);
        Ok(())
    }

    /// Waits before the next attempt, or gives up after too many without a record gained.
    async fn pause(&self, stuck: &mut u32, error: CallError) -> Result<(), SourceError> {
        let client = &self.reader.client;
        let config = client.config();
        if *stuck >= config.restarts {
            return Err(client.source_error(error));
        }
        tokio::time::sleep(config.restart_pause * 2_u32.saturating_pow(*stuck)).await;
        *stuck += 1;
        Ok(())
    }
}

fn nothing_new() -> CallError {
    CallError::Garbled { call: "query records", what: "a query brings pages without new records".to_owned() }
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
