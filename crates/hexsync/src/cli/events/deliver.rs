//! `hexsync events tail` and `hexsync events relay`

use std::io::{self, Write};
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::ExposeSecret;
use serde::Serialize;
use sync_wiring::core::{ConsumerName, IdGenerator, Lane, OutboxEvent, Start, TimeOrderedIds};
use sync_wiring::events::{
    Delivery, Dispatcher, DispatcherBuilder, DrainReport, LaneOptions, NatsRelay, Outcome, RedisRelay,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::across;
use crate::app::{App, AppStore};
use crate::config::Target;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Out, Report, Style, note, thousands};
use crate::signals;

#[derive(Debug, clap::Args)]
pub(crate) struct Tail {
    /// Begin with everything that is kept instead of with what comes.
    #[arg(long)]
    all: bool,
    /// Only events that go this way.
    #[arg(long, value_name = "LANE", value_parser = lane)]
    lane: Option<Lane>,
    /// End once nothing more is there.
    #[arg(long)]
    once: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Relay {
    /// Where to.
    target: Target,
    /// Under which name progress is kept. The target's name by default.
    #[arg(long, value_name = "NAME")]
    consumer: Option<String>,
    /// Only events that go this way; may be given more than once. All by default.
    #[arg(long = "lane", value_name = "LANE", value_parser = lane)]
    lanes: Vec<Lane>,
    /// How many tasks deliver, per lane.
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    workers: u8,
    /// Let a new consumer begin with everything that is kept.
    #[arg(long)]
    all: bool,
    /// End once nothing more is due.
    #[arg(long)]
    once: bool,
}

fn lane(text: &str) -> Result<Lane, String> {
    Lane::parse(text).ok_or_else(|| "allowed: inbound, change, outbound".to_owned())
}

const fn start(all: bool) -> Start {
    if all { Start::Kept } else { Start::Now }
}

impl Tail {
    /// Standard output is written to as events come, also with `--json`: that is what they are.
    pub(super) async fn run<S: AppStore>(self, app: &App<S>) -> Result<Exit, CliError> {
        let consumer = ConsumerName::from(format!("tail-{}", TimeOrderedIds.next_id().simple()));
        let stop = signals::stop_token_saying("stopping");
        let printer = Printer { stop: stop.clone() };
        let lanes = self.lane.map_or_else(|| Lane::ALL.to_vec(), |lane| vec![lane]);
        let mut builder =
            Dispatcher::builder(Arc::clone(app.store()), consumer.clone(), printer).start(start(self.all));
        for lane in lanes {
            builder = builder.lane(lane, LaneOptions { workers: 1, batch: 100 });
        }
        let ended = deliver(builder, self.once, &stop).await;
        // What it did not print waits for nobody.
        across(app, async |store, tx| store.forget_consumer(tx, &consumer).await).await?;
        ended?;
        Ok(Exit::Ok)
    }
}

/// Standard output as a relay, in the order of publishing.
struct Printer {
    stop: CancellationToken,
}

#[async_trait]
impl sync_wiring::events::Relay for Printer {
    fn label(&self) -> String {
        "standard output".to_owned()
    }

    async fn deliver(&self, events: &[OutboxEvent], _deadline: Instant) -> Delivery {
        let mut delivery = Delivery::done(events.len());
        for (place, event) in events.iter().enumerate() {
            if let Err(error) = print_line(event) {
                // Nobody reads any more.
                self.stop.cancel();
                delivery.outcomes[place..].fill(Outcome::NotTried);
                delivery.down = Some(error.into());
                break;
            }
        }
        delivery
    }
}

fn print_line(event: &OutboxEvent) -> io::Result<()> {
    let mut line = serde_json::to_vec(event)?;
    line.push(b'\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(&line)?;
    stdout.flush()
}

impl Relay {
    pub(super) async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let events = &app.config.events;
        let store = Arc::clone(app.store());
        let name =
            |default: &str| ConsumerName::from(self.consumer.clone().unwrap_or_else(|| default.to_owned()));
        let builder = match self.target {
            Target::Redis => {
                let Some(url) = &events.redis else { return Err(missing("redis")) };
                let url = url.read("address of Redis").map_err(CliError::new)?;
                let mut relay = RedisRelay::builder(url.expose_secret());
                if let Some(entries) = events.redis_max_length {
                    relay = relay.max_length(entries);
                }
                Dispatcher::builder(store, name("redis"), relay.build().map_err(CliError::new)?)
            }
            Target::Nats => {
                let Some(url) = &events.nats else { return Err(missing("nats")) };
                let url = url.read("address of NATS").map_err(CliError::new)?;
                let relay = NatsRelay::builder(url.expose_secret()).create(events.nats_create).connect();
                Dispatcher::builder(store, name("nats"), relay.await.map_err(CliError::new)?)
            }
        };
        let mut builder =
            builder.start(start(self.all)).attempts(events.attempts).pass_parked(events.pass_parked);
        let lanes = if self.lanes.is_empty() { Lane::ALL.to_vec() } else { self.lanes.clone() };
        for lane in lanes {
            builder =
                builder.lane(lane, LaneOptions { workers: self.workers.into(), ..LaneOptions::default() });
        }
        let stop = signals::stop_token_saying("stopping after the events in hand; once more to stop at once");
        let report = deliver(builder, self.once, &stop).await?;
        out.show(&Relayed::from(report))?;
        let left = report.parked > 0 || (self.once && report.stalled > 0);
        Ok(if left { Exit::Partial } else { Exit::Ok })
    }
}

fn missing(target: &str) -> CliError {
    CliError::usage(format!("[events] does not say where {target} is"))
        .next(format!("set {target}_url_env = \"ITS_VARIABLE\" in [events]"))
}

async fn deliver<S: AppStore>(
    builder: DispatcherBuilder<S>,
    once: bool,
    stop: &CancellationToken,
) -> Result<DrainReport, CliError> {
    let dispatcher = builder.build().map_err(CliError::new)?;
    if once {
        let drained = stop.run_until_cancelled(dispatcher.drain()).await;
        return Ok(drained.transpose()?.unwrap_or_else(|| dispatcher.report()));
    }
    note("delivering; Ctrl-C ends it");
    Ok(dispatcher.run(stop).await?)
}

/// What was done.
#[derive(Serialize)]
struct Relayed {
    delivered: u64,
    failed: u64,
    parked: u64,
    stalled: u64,
}

impl From<DrainReport> for Relayed {
    fn from(report: DrainReport) -> Self {
        Self {
            delivered: report.delivered,
            failed: report.failed,
            parked: report.parked,
            stalled: report.stalled,
        }
    }
}

impl Report for Relayed {
    fn text(&self, out: &mut dyn Write, _: Style) -> io::Result<()> {
        writeln!(
            out,
            "delivered {}, failed {}, parked {}; out of reach {} times",
            thousands(self.delivered),
            thousands(self.failed),
            thousands(self.parked),
            thousands(self.stalled)
        )
    }
}
