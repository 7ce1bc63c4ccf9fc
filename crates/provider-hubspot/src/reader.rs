//! Reads an object's changes page by page, one page ahead of whoever consumes them.

mod owners;

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use sync_core::SourceError;
use sync_detection::Filter;
use tokio::sync::mpsc;

use crate::FromHubspot;
use crate::archive::{Archived, Gone, delta};
use crate::calls::stands_still;
use crate::client::HubspotClient;
use crate::cursor::Position;
use crate::error::{CallError, is_drift};
use crate::id::HubspotId;
use crate::object::Remote;
use crate::plan::Plan;
use crate::record::HubspotRecord;
use crate::rows::{Found, Listed};
use crate::search::Window;
use crate::wire::Row;

/// Where to read, and from what position.
pub(crate) struct Reader {
    pub(crate) client: HubspotClient,
    pub(crate) filters: Arc<[Filter]>,
    pub(crate) stored: Option<Position>,
}

/// What the reader tells its consumer.
pub(crate) enum Read {
    Batch(Box<Batch>),
    Failed(SourceError),
    /// Everything was read. Silence without this means that the reader died.
    End,
}

/// Records that belong together, in the order of their positions.
pub(crate) struct Batch {
    pub(crate) plan: Arc<Plan>,
    pub(crate) rows: Vec<Row>,
    /// Told after the rows.
    pub(crate) gone: Vec<Gone>,
    pub(crate) place: Place,
    /// What was modified earlier was read before; `None` when nothing was.
    pub(crate) fresh: Option<DateTime<Utc>>,
    /// HubSpot's time when it was read, for what has no stamp of its own.
    pub(crate) read_at: DateTime<Utc>,
    /// The position after all of it.
    pub(crate) end: Position,
}

/// What the position after a single record is.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// Still this one, because pages of a list are resumed whole.
    Page(Position),
    /// After the record, within a window.
    Window { window: Window, archived: Option<DateTime<Utc>> },
    /// Its stamp, but not beyond this.
    Stamp(DateTime<Utc>),
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
    pub(crate) async fn run<T: FromHubspot>(self, out: mpsc::Sender<Read>) {
        let last = match self.read::<T>(&out).await {
            Ok(()) => Read::End,
            Err(Stop::Failed(error)) => Read::Failed(error),
            Err(Stop::Deserted) => return,
        };
        // Nobody to tell is nobody to miss it.
        let _ = out.send(last).await;
    }

    async fn read<T: FromHubspot>(&self, out: &mpsc::Sender<Read>) -> Result<(), Stop> {
        if Remote::of(T::OBJECT) == Remote::Owners {
            return self.read_owners::<T>(out).await;
        }
        let plan = Arc::new(self.client.plan::<T>(&self.filters).await?);
        let mut pages = Pages { reader: self, plan, replanned: false, archived: Archived::default(), out };
        let (mut at, bound) = pages.begin().await?;
        loop {
            at = match at {
                Position::Load { since, page } => pages.load::<T>(since, page).await?,
                Position::Window { window, after, .. } => pages.window::<T>(window, Some(after)).await?,
                Position::Done { until, .. } if until < bound => {
                    let from = until - delta(self.client.config().overlap);
                    pages.window::<T>(Window { from, fresh: until, to: bound }, None).await?
                }
                Position::Done { until, .. } => return Ok(pages.tell_archived(until).await?),
            };
        }
    }
}

struct Pages<'a> {
    reader: &'a Reader,
    plan: Arc<Plan>,
    replanned: bool,
    archived: Archived,
    out: &'a mpsc::Sender<Read>,
}

impl Pages<'_> {
    /// Fixes the upper bound by HubSpot's own clock, which the description told, and reads what was archived until then.
    async fn begin(&mut self) -> Result<(Position, DateTime<Utc>), Stop> {
        let client = &self.reader.client;
        let bound = (client.server_now() - delta(client.config().settle_lag)).trunc_subsecs(3);
        let at = self.reader.stored.clone().unwrap_or(Position::Load { since: bound, page: None });
        if !self.plan.is_links() {
            let archived = Archived::read(client, &self.plan, at.archived(), bound).await;
            self.archived = self.of(archived)?;
        }
        Ok((at, bound))
    }

    /// Reads the list of all records, in the order of their ids, from one of its pages on.
    async fn load<T: FromHubspot>(
        &mut self,
        since: DateTime<Utc>,
        mut page: Option<Arc<str>>,
    ) -> Result<Position, Stop> {
        loop {
            let Listed { rows, next } = self.listed::<T>(page.as_deref()).await?;
            let next: Option<Arc<str>> = next.map(Into::into);
            if next.is_some() && next == page {
                return self.of(Err(stands_still("list records")));
            }
            let end = match &next {
                Some(_) => Position::Load { since, page: next.clone() },
                None => self.done(since),
            };
            let place = Place::Page(Position::Load { since, page });
            self.hand_over(rows, place, None, end.clone()).await?;
            if next.is_none() {
                return Ok(end);
            }
            page = next;
        }
    }

    /// Reads what was modified within a window, in the order of ids, after one of them.
    async fn window<T: FromHubspot>(
        &mut self,
        window: Window,
        mut after: Option<HubspotId>,
    ) -> Result<Position, Stop> {
        loop {
            let Found { rows, last, is_last } = self.found::<T>(&window, after).await?;
            after = last.or(after);
            let archived = self.archived.before;
            let end = match after {
                Some(after) if !is_last => Position::Window { window, after, archived },
                _ => self.done(window.to),
            };
            let place = Place::Window { window, archived };
            self.hand_over(rows, place, Some(window.fresh), end.clone()).await?;
            if is_last {
                return Ok(end);
            }
        }
    }

    /// Tells what was archived, after everything else: so its last change completes the run's position.
    async fn tell_archived(&mut self, until: DateTime<Utc>) -> Result<(), Deserted> {
        let gone = std::mem::take(&mut self.archived.news);
        if gone.is_empty() {
            return Ok(());
        }
        let end = Position::Done { until, archived: self.archived.after };
        let place = Place::Page(Position::Done { until, archived: self.archived.before });
        self.send(Vec::new(), gone, place, None, end).await
    }

    /// The position when everything modified before an instant was read.
    fn done(&self, until: DateTime<Utc>) -> Position {
        let nothing_to_tell = self.archived.news.is_empty();
        let archived = if nothing_to_tell { self.archived.after } else { self.archived.before };
        Position::Done { until, archived }
    }

    async fn listed<T: FromHubspot>(&mut self, page: Option<&str>) -> Result<Listed, Stop> {
        loop {
            let answer = self.reader.client.listed(&self.plan, page).await;
            let rows = answer.as_ref().map(|listed| &listed.rows[..]);
            if !self.replan::<T>(rows).await? {
                return self.of(answer);
            }
        }
    }

    async fn found<T: FromHubspot>(
        &mut self,
        window: &Window,
        after: Option<HubspotId>,
    ) -> Result<Found, Stop> {
        loop {
            let client = &self.reader.client;
            let answer = client.found(&self.plan, window, after, |id| self.archived.contains(id)).await;
            let rows = answer.as_ref().map(|found| &found.rows[..]);
            if !self.replan::<T>(rows).await? {
                return self.of(answer);
            }
        }
    }

    /// The object may have changed since it was described: if so, on with what it is now, once a run. HubSpot
    /// leaves out properties that are gone without a word, so that all records of a page lack them.
    async fn replan<T: FromHubspot>(&mut self, rows: Result<&[Row], &CallError>) -> Result<bool, Stop> {
        let drifted = match rows {
            Ok(rows) => lack_one_alike(&self.plan, rows),
            Err(error) => is_drift(error),
        };
        if self.replanned || !drifted {
            return Ok(false);
        }
        self.replanned = true;
        let plan = self.reader.client.plan::<T>(&self.reader.filters).await?;
        let is_new = plan != *self.plan;
        self.plan = Arc::new(plan);
        Ok(is_new)
    }

    async fn hand_over(
        &self,
        rows: Vec<Row>,
        place: Place,
        fresh: Option<DateTime<Utc>>,
        end: Position,
    ) -> Result<(), Deserted> {
        self.send(rows, Vec::new(), place, fresh, end).await
    }

    async fn send(
        &self,
        rows: Vec<Row>,
        gone: Vec<Gone>,
        place: Place,
        fresh: Option<DateTime<Utc>>,
        end: Position,
    ) -> Result<(), Deserted> {
        let plan = Arc::clone(&self.plan);
        let read_at = self.reader.client.server_now();
        let batch = Box::new(Batch { plan, rows, gone, place, fresh, read_at, end });
        self.out.send(Read::Batch(batch)).await.map_err(|_| Deserted)
    }

    fn of<V>(&self, answer: Result<V, CallError>) -> Result<V, Stop> {
        answer.map_err(|error| self.reader.client.source_error(error).into())
    }
}

/// Whether there is a property that all these records lack.
fn lack_one_alike(plan: &Plan, rows: &[Row]) -> bool {
    if plan.is_links() {
        return false;
    }
    let mut missing: Option<Vec<&String>> = None;
    for row in rows {
        let Ok(record) = HubspotRecord::parse(row.text()) else { continue };
        let lacks = |name: &&String| !record.has(name);
        let still: Vec<_> = match missing {
            None => plan.properties.iter().filter(lacks).collect(),
            Some(missing) => missing.into_iter().filter(lacks).collect(),
        };
        if still.is_empty() {
            return false;
        }
        missing = Some(still);
    }
    missing.is_some()
}
