//! `hexsync runs`

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;
use sync_wiring::core::{Run, RunStatus};

use crate::app::{App, AppStore, StoreCommand, by_id, entity_of, label};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Cell, Out, Report, Style, Table, duration, instant, thousands};

/// List runs, newest first.
#[derive(Debug, clap::Args)]
pub(crate) struct Runs {
    /// Only of this subscription: its id, its beginning or end, or CONNECTION/ENTITY.
    subscription: Option<String>,
    /// At most this many.
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: u32,
}

#[derive(Serialize)]
struct Listing {
    runs: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    name: String,
    #[serde(flatten)]
    run: Run,
}

impl StoreCommand for Runs {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let mut subscriptions = app.subscriptions().await?;
        if let Some(id) = &self.subscription {
            subscriptions = vec![by_id(&subscriptions, id)?.clone()];
        }
        let mut runs = Vec::new();
        for subscription in &subscriptions {
            let scope = app.scope(subscription, entity_of(subscription)?);
            let found = app
                .transact(scope.tenant.as_ref(), async |store, tx| store.runs(tx, &scope, self.limit).await)
                .await?;
            runs.extend(found.into_iter().map(|run| Line { name: label(subscription), run }));
        }
        runs.sort_by_key(|line| std::cmp::Reverse((line.run.started_at, line.run.id)));
        runs.truncate(self.limit as usize);
        out.show(&Listing { runs })?;
        Ok(Exit::Ok)
    }
}

impl Report for Listing {
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        if self.runs.is_empty() {
            return writeln!(out, "there are no runs yet; start one by `hexsync run --all`");
        }
        let headings = [
            "run", "name", "by", "started", "status", "found", "applied", "noop", "skipped", "parked", "time",
        ];
        let mut table = Table::new(headings).numbers(5..11);
        for Line { name, run } in &self.runs {
            let paint = match run.status {
                RunStatus::Success | RunStatus::NoChanges => Style::good,
                RunStatus::Failed => Style::bad,
                RunStatus::Running | RunStatus::Cancelled => Style::warn,
            };
            let status = run.status.as_str();
            let counts = &run.counts;
            let millis = run.duration_ms.and_then(|millis| u64::try_from(millis).ok());
            table.row([
                run.id.to_string().into(),
                name.clone().into(),
                run.action.as_str().into(),
                instant(run.started_at).into(),
                Cell::painted(status, paint(style, status)),
                thousands(counts.found).into(),
                thousands(counts.applied()).into(),
                thousands(counts.noop).into(),
                thousands(counts.skipped).into(),
                thousands(counts.parked).into(),
                millis
                    .map_or_else(|| "-".to_owned(), |millis| duration(Duration::from_millis(millis)))
                    .into(),
            ]);
        }
        table.write(out, style)?;
        for Line { run, .. } in &self.runs {
            if let Some(error) = &run.error {
                writeln!(out, "{}: {error}", run.id)?;
            }
            if let Some(degraded) = &run.degraded {
                writeln!(out, "{}: {degraded}", run.id)?;
            }
        }
        Ok(())
    }
}
