//! Polling an object's changes.

use std::collections::HashSet;
use std::marker::PhantomData;
use std::sync::Arc;

use futures::stream::{self, BoxStream, Stream, StreamExt};
use sync_core::{
    Change, ChangeSource, ChangeStream, Cursor, DeleteEvidence, Deletion, ExternalId, Payload, SourceError,
    Subscription, Version,
};
use sync_detection::{Filter, PollFetch, PollRequest};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::Instrument;

use crate::FromHubspot;
use crate::archive::Gone;
use crate::client::HubspotClient;
use crate::cursor::Position;
use crate::id::HubspotId;
use crate::map::{Mapped, unidentified, version};
use crate::reader::{Batch, Place, Read, Reader};

/// Pages that may bring nothing before a marker moves the position past them.
const SILENT_PAGES: u32 = 5;

/// The changes of one object.
///
/// What a run reads, in this order:
///
/// 1. The list of archived records, if it is due: what it names is not live, whatever the search's index says.
/// 2. Without a position: the list of all records, in the order of their ids, and page by page resumable.
/// 3. Everything modified within a window: from the [`overlap`](crate::HubspotConfig::overlap) behind the
///    position up to HubSpot's own time at the start less the [`settle_lag`](crate::HubspotConfig::settle_lag),
///    in the order of ids. A position within a window says so, and the next run finishes it first.
/// 4. What was archived since the position, as deletions.
///
/// What was modified before the position is marked as [`reread`](Change::reread). The records that were merged
/// into one follow it as deletions, each time it comes, with the survivor's id.
///
/// One page is fetched ahead of the consumer, on a task that ends with the stream.
pub struct HubspotPollSource<T> {
    client: HubspotClient,
    filters: Arc<[Filter]>,
    entity: PhantomData<fn() -> T>,
}

impl<T: FromHubspot> HubspotPollSource<T> {
    /// All records of the object.
    #[must_use]
    pub fn new(client: HubspotClient) -> Self {
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
        match cursor.map(|cursor| Position::from_cursor(cursor, &label::<T>())).transpose() {
            Ok(stored) => changes(Reader { client: self.client.clone(), filters, stored }),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }
}

fn label<T: FromHubspot>() -> String {
    format!("hubspot-poll-{}", T::ENTITY)
}

impl<T: FromHubspot> ChangeSource<T> for HubspotPollSource<T> {
    fn label(&self) -> String {
        label::<T>()
    }

    fn list_changes(&self, _: &Subscription, cursor: Option<&Cursor>) -> ChangeStream<T> {
        self.read(Arc::clone(&self.filters), cursor)
    }
}

/// As a fetcher it reads with the request's filters instead of its own.
impl<T: FromHubspot> PollFetch<T> for HubspotPollSource<T> {
    fn fetch(&self, request: PollRequest<'_>) -> ChangeStream<T> {
        self.read(request.filters.into(), request.cursor)
    }
}

/// The stream of a run. The reader's task starts when the stream is first polled and ends with it.
fn changes<T: FromHubspot>(reader: Reader) -> BoxStream<'static, Result<Change<T>, SourceError>> {
    let start = async move {
        // One page waits here while another is consumed and a third is under way.
        let (out, pages) = mpsc::channel(1);
        let task = Task(tokio::spawn(reader.run::<T>(out).in_current_span()));
        received(pages, task)
    };
    stream::once(start).flatten().boxed()
}

fn received<T: FromHubspot>(
    pages: mpsc::Receiver<Read>,
    task: Task,
) -> impl Stream<Item = Result<Change<T>, SourceError>> + Send {
    stream::unfold(Some((pages, task, Teller::default())), |state| async {
        let (mut pages, task, mut teller) = state?;
        match pages.recv().await {
            Some(Read::Batch(batch)) => {
                let changes = teller.changes(&batch).into_iter().map(Ok).collect();
                Some((changes, Some((pages, task, teller))))
            }
            Some(Read::End) => None,
            Some(Read::Failed(error)) => Some((vec![Err(error)], None)),
            None => {
                let source = "the task that reads pages was stopped".into();
                Some((vec![Err(SourceError::Transient { call: "read records", source })], None))
            }
        }
    })
    .flat_map(stream::iter)
}

/// Turns what was read into changes.
#[derive(Default)]
struct Teller {
    /// Records that were merged into others of this run: the index may still show them as live.
    merged: HashSet<HubspotId>,
    /// Pages since the last change.
    silent: u32,
}

impl Teller {
    fn changes<T: FromHubspot>(&mut self, batch: &Batch) -> Vec<Change<T>> {
        let mut changes = Vec::with_capacity(batch.rows.len() + batch.gone.len());
        for (n, row) in batch.rows.iter().enumerate() {
            let is_alias = row.to.is_none() && row.id.is_some_and(|id| self.merged.contains(&id));
            if is_alias {
                continue;
            }
            let mapped = batch.plan.map::<T>(row);
            let position = batch.position(n, &mapped);
            let told = changes.len();
            self.tell(batch, mapped, row.text(), &mut changes);
            if changes.len() > told
                && let Some(last) = changes.last_mut()
            {
                last.cursor = position.map(|position| position.to_cursor());
            }
        }
        changes.extend(batch.gone.iter().map(deletion));
        self.close(batch, &mut changes);
        changes
    }

    /// A record, and then those that were merged into it: first the survivor has to be there.
    fn tell<T: FromHubspot>(
        &mut self,
        batch: &Batch,
        mapped: Mapped<T>,
        json: &str,
        changes: &mut Vec<Change<T>>,
    ) {
        let version = batch.version(&mapped);
        let is_old = |fresh| mapped.stamp.is_some_and(|stamp| stamp < fresh);
        let reread = batch.fresh.is_some_and(is_old);
        let id = mapped.id.unwrap_or_else(|| unidentified(json));
        if let Some(payload) = mapped.payload {
            changes.push(Change { version, reread, ..Change::new(id.clone(), payload) });
        }
        for loser in mapped.merged {
            self.merged.insert(loser);
            let deletion = Deletion { evidence: DeleteEvidence::Feed, merged_into: Some(id.clone()) };
            // The survivor names them for ever, so that most of these are known.
            changes.push(Change { version, reread: true, ..Change::new(loser, Payload::Delete(deletion)) });
        }
    }

    /// The last change takes the position after the whole batch. Where no change takes it, a marker does in the
    /// end, so that pages without a record that passes the filters are not read again and again.
    fn close<T>(&mut self, batch: &Batch, changes: &mut Vec<Change<T>>) {
        if let Some(last) = changes.last_mut() {
            last.cursor = Some(batch.end.to_cursor());
            self.silent = 0;
            return;
        }
        self.silent += 1;
        if self.silent >= SILENT_PAGES {
            let nothing = Payload::Skip("nothing up to here passes the filters".into());
            let marker = Change { reread: true, ..Change::new(ExternalId::new("position"), nothing) };
            changes.push(marker.at(batch.end.to_cursor()));
            self.silent = 0;
        }
    }
}

fn deletion<T>(gone: &Gone) -> Change<T> {
    let merged_into = gone.merged_into.map(Into::into);
    let deletion = Payload::Delete(Deletion { evidence: DeleteEvidence::DeleteLog, merged_into });
    Change { version: gone.at.map(version), reread: gone.reread, ..Change::new(gone.id, deletion) }
}

impl Batch {
    /// The position after one row. Within a record's associations there is none: they are read together.
    fn position<T>(&self, n: usize, mapped: &Mapped<T>) -> Option<Position> {
        match &self.place {
            Place::Page(position) => Some(position.clone()),
            Place::Window { window, archived } => {
                let id = self.rows[n].id?;
                let goes_on = self.rows.get(n + 1).is_some_and(|next| next.id == Some(id));
                (!goes_on).then_some(Position::Window { window: *window, after: id, archived: *archived })
            }
            Place::Stamp(latest) => {
                Some(Position::Done { until: mapped.stamp?.min(*latest), archived: None })
            }
        }
    }

    /// A record's ordering value: its stamp; of an association, which has none, the time when it was read.
    fn version<T>(&self, mapped: &Mapped<T>) -> Option<Version> {
        if self.plan.is_links() { Some(version(self.read_at)) } else { mapped.stamp.map(version) }
    }
}

/// A task that does not outlive its owner.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
