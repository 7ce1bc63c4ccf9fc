//! `hexsync events`

mod deliver;

use std::io::{self, Write};
use std::time::Duration;

use chrono::Utc;
use serde::Serialize;
use sync_wiring::core::{
    ConsumerName, EventId, Lane, ParkedDelivery, ParkedFilter, QueueState, StoreError, UnitOfWork,
};
use uuid::Uuid;

use super::duration;
use crate::app::{App, AppStore, StoreCommand};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Out, Report, Style, Table, duration as length, instant, thousands};

/// Events of applied changes: who has received them, and delivering them.
///
/// Changes are published once `[events]` says `publish = true`. A consumer hears of what is published after it was first
/// started, unless it asks for everything that is kept; each has its own progress.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Events {
    /// List what each consumer has not received, and what is parked.
    List(List),
    /// Print events as they come, a line of JSON each, until Ctrl-C.
    Tail(deliver::Tail),
    /// Deliver events to Redis or NATS until Ctrl-C or SIGTERM. Several processes share the work.
    Relay(deliver::Relay),
    /// Deliver parked events again.
    Replay(Replay),
    /// Remove events that every consumer has received.
    Purge(Purge),
    /// Forget a consumer that is not run any more, and what waits for it.
    Forget(Forget),
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// At most this many parked events.
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: u32,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Replay {
    /// Only of this consumer.
    #[arg(long, value_name = "NAME")]
    consumer: Option<String>,
    /// Only this event.
    #[arg(long, value_name = "ID")]
    event: Option<Uuid>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Purge {
    /// Older than this, in place of what `[events]` says, e.g. `12h`.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    older_than: Option<Duration>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Forget {
    /// Its name, as listed.
    consumer: String,
}

impl StoreCommand for Events {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        if app.tenant.is_some() {
            let error = CliError::usage("consumers hear of all tenants: --tenant has no meaning here");
            return Err(error.next("leave --tenant out; each event names its own"));
        }
        match self {
            Self::List(list) => list.run(app, out).await,
            Self::Tail(tail) => tail.run(app).await,
            Self::Relay(relay) => relay.run(app, out).await,
            Self::Replay(replay) => replay.run(app, out).await,
            Self::Purge(purge) => purge.run(app, out).await,
            Self::Forget(forget) => forget.run(app, out).await,
        }
    }
}

/// Does `work` in one transaction on everybody's rows.
async fn across<S: AppStore, R>(
    app: &App<S>,
    work: impl AsyncFnOnce(&S, &mut S::Tx) -> Result<R, StoreError>,
) -> Result<R, StoreError> {
    let store: &S = app.store();
    let mut tx = UnitOfWork::begin_across_tenants(store).await?;
    let result = work(store, &mut tx).await?;
    UnitOfWork::commit(store, tx).await?;
    Ok(result)
}

#[derive(Serialize)]
struct Listing {
    /// Whether runs of this configuration publish.
    publish: bool,
    queues: Vec<Queue>,
    parked: Vec<Parked>,
}

#[derive(Serialize)]
struct Queue {
    #[serde(flatten)]
    state: QueueState,
    /// How long ago the oldest event that waits happened.
    lag_seconds: Option<u64>,
}

#[derive(Serialize)]
struct Parked {
    consumer: ConsumerName,
    event: EventId,
    kind: String,
    tenant: Option<String>,
    record: Option<String>,
    attempts: u32,
    /// Whether later events of its record wait for it.
    blocks: bool,
    error: String,
}

impl Parked {
    fn of(parked: ParkedDelivery) -> Self {
        Self {
            consumer: parked.consumer,
            event: parked.event.id,
            kind: parked.event.kind,
            tenant: parked.event.tenant.map(|tenant| tenant.to_string()),
            record: parked.event.record.map(|record| record.external_id.to_string()),
            attempts: parked.attempts,
            blocks: parked.blocks,
            error: parked.error,
        }
    }
}

impl List {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let now = Utc::now();
        let (queues, parked) = across(app, async |store, tx| {
            Ok((store.queues(tx).await?, store.parked(tx, &ParkedFilter::default(), self.limit).await?))
        })
        .await?;
        let lag = |state: &QueueState| state.oldest.map(|at| (now - at).num_seconds().max(0).unsigned_abs());
        out.show(&Listing {
            publish: app.config.events.publish,
            queues: queues.into_iter().map(|state| Queue { lag_seconds: lag(&state), state }).collect(),
            parked: parked.into_iter().map(Parked::of).collect(),
        })?;
        Ok(Exit::Ok)
    }
}

impl Report for Listing {
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        if !self.publish {
            writeln!(out, "changes are not published: set publish = true in [events]")?;
        }
        if self.queues.is_empty() {
            return writeln!(
                out,
                "there is no consumer; start one by `hexsync events relay` or `hexsync events tail`"
            );
        }
        let headings = ["consumer", "lane", "waiting", "in hand", "failed", "parked", "oldest", "lag"];
        let mut table = Table::new(headings).numbers([2, 3, 4, 5, 7]);
        for Queue { state, lag_seconds } in &self.queues {
            table.row([
                state.consumer.to_string().into(),
                state.lane.as_str().into(),
                thousands(state.waiting).into(),
                thousands(state.claimed).into(),
                thousands(state.retrying).into(),
                thousands(state.parked).into(),
                state.oldest.map_or_else(|| "-".to_owned(), instant).into(),
                lag_seconds.map_or_else(|| "-".to_owned(), |lag| length(Duration::from_secs(lag))).into(),
            ]);
        }
        table.write(out, style)?;
        if self.parked.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        let mut table =
            Table::new(["parked event", "kind", "record", "consumer", "tries", "error"]).numbers([4]);
        for parked in &self.parked {
            table.row([
                parked.event.to_string().into(),
                parked.kind.clone().into(),
                parked.record.clone().unwrap_or_else(|| "-".to_owned()).into(),
                parked.consumer.to_string().into(),
                parked.attempts.to_string().into(),
                parked.error.clone().into(),
            ]);
        }
        table.write(out, style)?;
        writeln!(out, "deliver them again by `hexsync events replay`")
    }
}

/// A number and what it counts.
#[derive(Serialize)]
struct Done {
    #[serde(skip)]
    what: &'static str,
    events: u64,
}

impl Report for Done {
    fn text(&self, out: &mut dyn Write, _: Style) -> io::Result<()> {
        writeln!(out, "{}: {}", self.what, thousands(self.events))
    }
}

impl Replay {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let filter = ParkedFilter {
            consumer: self.consumer.map(ConsumerName::from),
            lane: None,
            event: self.event.map(EventId),
        };
        let events = across(app, async |store, tx| store.replay(tx, &filter).await).await?;
        if events == 0 {
            return Err(CliError::text("no parked event fits").next("see `hexsync events list`"));
        }
        out.show(&Done { what: "events to be delivered again", events })?;
        Ok(Exit::Ok)
    }
}

impl Purge {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        /// Rows per transaction.
        const AT_ONCE: u32 = 5_000;
        let before = Utc::now() - self.older_than.unwrap_or(app.config.events.keep);
        let mut events = 0;
        loop {
            let n = across(app, async |store, tx| store.purge(tx, before, AT_ONCE).await).await?;
            events += n;
            if n == 0 {
                break;
            }
        }
        out.show(&Done { what: "events removed", events })?;
        Ok(Exit::Ok)
    }
}

/// What was forgotten.
#[derive(Serialize)]
struct Forgotten {
    consumer: ConsumerName,
    lanes: Vec<Lane>,
}

impl Report for Forgotten {
    fn text(&self, out: &mut dyn Write, _: Style) -> io::Result<()> {
        writeln!(out, "{} is forgotten", self.consumer)
    }
}

impl Forget {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let consumer = ConsumerName::from(self.consumer);
        let lanes = across(app, async |store, tx| {
            let queues = store.queues(tx).await?;
            store.forget_consumer(tx, &consumer).await?;
            Ok(queues
                .into_iter()
                .filter(|queue| queue.consumer == consumer)
                .map(|queue| queue.lane)
                .collect())
        })
        .await?;
        let forgotten = Forgotten { consumer, lanes };
        if forgotten.lanes.is_empty() {
            let error = CliError::text(format!("there is no consumer `{}`", forgotten.consumer));
            return Err(error.next("see `hexsync events list`"));
        }
        out.show(&forgotten)?;
        Ok(Exit::Ok)
    }
}
