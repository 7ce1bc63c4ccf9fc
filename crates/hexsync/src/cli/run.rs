//! `hexsync run`

use std::time::Duration;

use sync_wiring::core::{Action, NoopPolicy, Subscription};
use tokio_util::sync::CancellationToken;

use super::drift::Fields;
use super::round::{Task, carry_out};
use crate::app::{App, AppStore, Reading, Selection, StoreCommand};
use crate::config::NOOPS;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Out, note};
use crate::signals;

/// Sync: read what changed upstream and apply it. Users first, then accounts, contacts, opportunities.
///
/// The first Ctrl-C or SIGTERM ends the run after the batch in hand, and the next run resumes from there; the
/// second ends the program at once.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    #[command(flatten)]
    selection: Selection,
    /// Read everything again instead of what changed since the last run.
    #[arg(long)]
    full: bool,
    /// Go on for ever, with a pause of this length between rounds: 30s, 5m, 1h.
    #[arg(long, value_name = "INTERVAL", value_parser = super::duration)]
    watch: Option<Duration>,
    /// What is recorded of changes that change nothing: an item each, or their number only.
    #[arg(long, value_parser = noops, value_name = "count|record")]
    noops: Option<NoopPolicy>,
    /// Leave older records without the values of custom fields that are new, for a later run to bring them.
    #[arg(long)]
    no_backfill: bool,
}

fn noops(word: &str) -> Result<NoopPolicy, String> {
    let found = NOOPS.iter().find(|(name, _)| *name == word).map(|(_, policy)| *policy);
    found.ok_or_else(|| "allowed: record, count".to_owned())
}

impl StoreCommand for Run {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let subscriptions = app.select(&self.selection).await?;
        let stop = signals::stop_token();
        let action = if self.watch.is_some() { Action::Poll } else { Action::Manual };
        let reading = if self.full { Reading::Full } else { Reading::Delta };
        let fields = if self.no_backfill { Fields::Tracked } else { Fields::Backfilled };
        let task = Task { action, reading, noops: self.noops, fields };
        match self.watch {
            None => {
                let round = carry_out(app, &subscriptions, task, &stop, out).await;
                out.show(&round)?;
                Ok(round.exit())
            }
            Some(pause) => watch(app, &self.selection, subscriptions, task, pause, &stop, out).await,
        }
    }
}

/// Round after round until it is told to stop, which is its proper end. Only the first reads everything.
async fn watch<S: AppStore>(
    app: &App<S>,
    selection: &Selection,
    mut subscriptions: Vec<Subscription>,
    mut task: Task,
    pause: Duration,
    stop: &CancellationToken,
    out: &mut Out<'_>,
) -> Result<Exit, CliError> {
    loop {
        let round = carry_out(app, &subscriptions, task, stop, out).await;
        out.show(&round)?;
        task.reading = Reading::Delta;
        tokio::select! {
            () = stop.cancelled() => return Ok(Exit::Ok),
            () = tokio::time::sleep(pause) => {}
        }
        // Subscriptions may have been added, paused or resumed meanwhile.
        match app.select(selection).await {
            Ok(now) => subscriptions = now,
            Err(error) => note(&error.to_string()),
        }
    }
}
