//! The sixth screen: an event for each change, to a subscriber in the program and to a stream.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value as Json;
use sync_wiring::core::{
    AuditLog, ExternalId, ItemStatus, Lane, Operation, Start, StoreError, TenantId, UnitOfWork,
};
use sync_wiring::entity::opportunity::OpportunityUpdated;
use sync_wiring::events::{Dispatcher, DrainReport, LaneOptions, Subscribers};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::PLAYERS;
use super::cast::Cast;
use super::screen::Screen;
use super::stream::{Sender, Stream};
use crate::app::{AppStore, entity_of};
use crate::error::CliError;
use crate::output::thousands;

/// Runs of a feed, and items of a run, that are counted. The tour has fewer of either.
const RUNS: u32 = 1_000;
const ITEMS: u32 = 10_000;
/// How long is waited until everything has arrived, and how often looked.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Events that are shown.
const SHOWN: usize = 3;

/// What the subscriber heard.
#[derive(Default)]
struct Notebook {
    /// Every event's id, in the order of arrival.
    ids: Vec<String>,
    /// What arrived by its type, in words.
    typed: Vec<String>,
    /// Which record each was about.
    records: Vec<ExternalId>,
    /// From the change to the handler, milliseconds.
    delays: Vec<i64>,
}

/// Both receivers, before and after.
pub(super) struct Heard {
    notebook: Arc<Mutex<Notebook>>,
    stream: Stream,
    redis: Option<SecretString>,
}

/// The dispatchers at work.
pub(super) struct Dispatchers {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<Result<DrainReport, StoreError>>>,
}

impl Dispatchers {
    /// Ends them in order.
    pub(super) async fn end(self) {
        self.stop.cancel();
        futures_util::future::join_all(self.tasks).await;
    }
}

impl Heard {
    /// Opens the stream.
    ///
    /// # Errors
    /// When Redis can't be reached.
    pub(super) async fn prepare(redis: Option<&SecretString>) -> Result<Self, CliError> {
        let stream = Stream::open(redis).await?;
        Ok(Self { notebook: Arc::default(), stream, redis: redis.cloned() })
    }

    pub(super) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Makes both consumers known and lets them work.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn begin<S: AppStore>(&self, store: &Arc<S>) -> Result<Dispatchers, CliError> {
        let stop = CancellationToken::new();
        let sender: Sender = self.stream.relay(self.redis.as_ref())?;
        let subscribers = dispatcher(store, "tour-subscriber", self.subscribers())?;
        let relay = dispatcher(store, "tour-stream", sender)?;
        let mut tasks = Vec::new();
        for dispatcher in [subscribers, relay] {
            dispatcher.register().await?;
            let stop = stop.clone();
            tasks.push(tokio::spawn(async move { dispatcher.run(&stop).await }));
        }
        Ok(Dispatchers { stop, tasks })
    }

    fn subscribers(&self) -> Subscribers {
        let (all, typed) = (Arc::clone(&self.notebook), Arc::clone(&self.notebook));
        let subscribers = Subscribers::new().on_all(move |event| {
            let notebook = Arc::clone(&all);
            async move {
                let mut notebook = notebook.lock().unwrap_or_else(PoisonError::into_inner);
                notebook.ids.push(event.id.to_string());
                notebook.records.extend(event.record.map(|record| record.external_id));
                notebook.delays.push((Utc::now() - event.at).num_milliseconds().max(0));
                Ok(())
            }
        });
        subscribers.on(move |event: OpportunityUpdated| {
            let notebook = Arc::clone(&typed);
            async move {
                notebook.lock().unwrap_or_else(PoisonError::into_inner).typed.push(sentence(&event));
                Ok(())
            }
        })
    }

    /// How many events the subscriber heard so far.
    pub(super) fn n_heard(&self) -> usize {
        self.notebook.lock().unwrap_or_else(PoisonError::into_inner).ids.len()
    }

    /// How many of them were about this record.
    pub(super) fn n_heard_of(&self, record: &ExternalId) -> usize {
        let notebook = self.notebook.lock().unwrap_or_else(PoisonError::into_inner);
        notebook.records.iter().filter(|heard| *heard == record).count()
    }

    /// Waits until nothing waits for either consumer; answers what still does after a while.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn settled<S: AppStore>(&self, cast: &Cast<S>) -> Result<u64, CliError> {
        let began = Instant::now();
        loop {
            let store = &**cast.app.store();
            let mut tx = UnitOfWork::begin_across_tenants(store).await?;
            let queues = store.queues(&mut tx).await?;
            UnitOfWork::rollback(store, tx).await?;
            let waiting = queues.iter().map(|queue| queue.waiting + queue.parked).sum();
            if waiting == 0 || began.elapsed() > PATIENCE {
                return Ok(waiting);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

fn dispatcher<S: AppStore>(
    store: &Arc<S>,
    consumer: &'static str,
    relay: impl sync_wiring::events::Relay,
) -> Result<Dispatcher<S>, CliError> {
    let mut builder = Dispatcher::builder(Arc::clone(store), consumer, relay).start(Start::Kept);
    for lane in Lane::ALL {
        builder = builder.lane(lane, LaneOptions { workers: 1, batch: 200 });
    }
    builder.build().map_err(CliError::new)
}

/// What a typed event says, for people.
fn sentence(event: &OpportunityUpdated) -> String {
    let tenant = event.tenant.as_ref().map_or("nobody", TenantId::as_str);
    let step = |from: Option<String>, to: Option<String>| {
        let or_nothing = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
        format!("from {} to {}", or_nothing(from), or_nothing(to))
    };
    let changes = &event.changes;
    let what = match (&changes.amount, &changes.next_step) {
        (Some(amount), _) => {
            let (from, to) = (amount.from.map(|from| from.to_string()), amount.to.map(|to| to.to_string()));
            format!("amount {}", step(from, to))
        }
        (None, Some(next)) => format!("next step {}", step(next.from.clone(), next.to.clone())),
        (None, None) => "other fields".to_owned(),
    };
    format!("{tenant}: opportunity {}, {what} (by {})", event.external_id, event.source)
}

/// What the audit and the application's own edits say should have been told.
#[derive(Default, Serialize)]
pub(super) struct Changes {
    runs: u64,
    edits: u64,
}

/// Counts what runs changed, from the audit, and what was edited here, from the tour's own edits.
async fn changes<S: AppStore>(cast: &Cast<S>) -> Result<Changes, CliError> {
    let mut changes = Changes { edits: cast.edits(), ..Changes::default() };
    for feed in &cast.feeds {
        let scope = cast.app.scope(feed, entity_of(feed)?);
        let store = &**cast.app.store();
        let mut tx = UnitOfWork::begin_for(store, scope.tenant.as_ref()).await?;
        for run in AuditLog::runs(store, &mut tx, &scope, RUNS).await? {
            let items = AuditLog::items(store, &mut tx, &scope, run.id, 0, ITEMS).await?;
            let is_change = |status, operation| status == ItemStatus::Success && operation != Operation::Noop;
            let changed = items.iter().filter(|one| is_change(one.item.status, one.item.operation));
            changes.runs += changed.count() as u64;
        }
        UnitOfWork::rollback(store, tx).await?;
    }
    Ok(changes)
}

/// Waits for the last, and compares what was told with what was changed.
///
/// # Errors
/// When the store or the stream can't be read.
pub(super) async fn show<S: AppStore>(cast: &Cast<S>, heard: &Heard) -> Result<Screen, CliError> {
    let mut screen = Screen::new(6, "Events");
    let waiting = heard.settled(cast).await?;
    let changes = changes(cast).await?;
    let expected = changes.runs + changes.edits;
    let streamed = heard.stream.entries().await?;
    let (ids, typed, median) = {
        let notebook = heard.notebook.lock().unwrap_or_else(PoisonError::into_inner);
        let mut delays = notebook.delays.clone();
        delays.sort_unstable();
        let median = delays.get(delays.len() / 2).copied().unwrap_or_default();
        (notebook.ids.clone(), notebook.typed.clone(), median)
    };
    screen.say(format!(
        "{} changes: {} by runs, {} by edits here; each is an event of the same transaction",
        thousands(expected),
        thousands(changes.runs),
        changes.edits
    ));
    screen.say(format!(
        "the subscriber in this program heard {}, half of them within {median} ms; by its type, the last:",
        thousands(ids.len() as u64)
    ));
    typed.iter().rev().take(SHOWN).for_each(|text| screen.say(format!("  {text}")));
    screen.say(format!("{} got {}; the last: {}", heard.stream.place(), streamed.len(), last(&streamed)));

    let told: BTreeSet<&String> = ids.iter().collect();
    let kept: BTreeSet<String> = streamed.iter().filter_map(|event| text(event, "id")).collect();
    let mut problems = Vec::new();
    for (receiver, n) in [("subscriber", told.len()), ("stream", kept.len())] {
        if n as u64 != expected {
            problems.push(format!("the {receiver} knows {n} of {expected} events"));
        }
    }
    if waiting > 0 {
        problems.push(format!("{waiting} events still wait"));
    }
    screen.check("each_change", "both heard of every change, and of nothing else", problems);
    let disorder = disorder(&streamed);
    screen.check("ordered", "the events of one record came in the order of its changes", disorder);
    screen.expect(
        "typed",
        !typed.is_empty(),
        format!("{} opportunity updates arrived by their type", typed.len()),
    );
    screen.fact("changes", &changes)?;
    screen.fact("expected", expected)?;
    screen.fact("heard", heard.n_heard())?;
    screen.fact("streamed", streamed.len())?;
    screen.fact("stream", heard.stream.place())?;
    screen.fact("median_ms", median)?;
    screen.fact("by_tenant", by_tenant(&streamed))?;
    Ok(screen)
}

fn text(event: &Json, name: &str) -> Option<String> {
    event[name].as_str().map(str::to_owned)
}

fn last(streamed: &[Json]) -> String {
    let event = streamed.last().cloned().unwrap_or_default();
    let part = |name| text(&event, name).unwrap_or_default();
    format!("{} of {} at {}", part("kind"), part("tenant"), part("at"))
}

fn by_tenant(streamed: &[Json]) -> BTreeMap<&'static str, usize> {
    let of = |tenant| streamed.iter().filter(|event| event["tenant"] == tenant).count();
    PLAYERS.map(|player| (player.tenant, of(player.tenant))).into()
}

/// Records of which a later change came before an earlier one, or whose update came before they were made.
fn disorder(streamed: &[Json]) -> Vec<String> {
    let mut latest: BTreeMap<String, DateTime<Utc>> = BTreeMap::new();
    let mut problems = Vec::new();
    for event in streamed {
        let record =
            ["tenant", "connection", "entity", "external_id"].map(|name| event[name].to_string()).join("/");
        let Some(at) = text(event, "at").and_then(|at| at.parse::<DateTime<Utc>>().ok()) else {
            problems.push(format!("{record}: an event without its time"));
            continue;
        };
        if let Some(before) = latest.get(&record).filter(|before| **before > at) {
            problems.push(format!("{record}: {before} before {at}"));
        }
        latest.insert(record, at);
    }
    problems
}
