//! Runs of several subscriptions, one after the other, and what is said of them.

use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;
use sync_wiring::core::{
    Action, Counts, NoopPolicy, RunFailure, RunId, RunObserver, RunReport, RunStatus, Subscription,
    SubscriptionId, SyncError,
};
use tokio_util::sync::CancellationToken;

use super::drift::{self, FieldLine, Fields};
use crate::app::{App, AppStore, Order, Reading, entity_of, label};
use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::output::{Out, Report, Style, Table, duration, thousands};

/// What every run of the round is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Task {
    /// What set it off.
    pub(crate) action: Action,
    /// What is read.
    pub(crate) reading: Reading,
    /// What is recorded of noops, if not what the configuration says.
    pub(crate) noops: Option<NoopPolicy>,
    /// What is done about custom fields.
    pub(crate) fields: Fields,
}

/// What became of the runs.
#[derive(Default, Serialize)]
pub(crate) struct Round {
    pub(crate) runs: Vec<Line>,
    /// What changed in custom fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) drift: Vec<FieldLine>,
    /// Whether it was ended by a signal.
    pub(crate) interrupted: bool,
}

/// What became of one.
#[derive(Serialize)]
pub(crate) struct Line {
    pub(crate) subscription: SubscriptionId,
    pub(crate) name: String,
    /// Absent when no run could be opened.
    pub(crate) run: Option<RunId>,
    /// `running` never; `refused` when no run could be opened.
    pub(crate) status: &'static str,
    pub(crate) counts: Counts,
    pub(crate) duration_ms: u128,
    /// The custom fields of a backfill.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) fields: Vec<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// What it had to do without; what it did is right all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) degraded: Option<String>,
    #[serde(skip)]
    end: Exit,
}

/// Runs the subscriptions in order. One that fails does not stop the others.
pub(crate) async fn carry_out<S: AppStore>(
    app: &App<S>,
    subscriptions: &[Subscription],
    task: Task,
    stop: &CancellationToken,
    out: &Out<'_>,
) -> Round {
    let mut round = Round::default();
    for subscription in subscriptions {
        if stop.is_cancelled() {
            break;
        }
        if let Some(halt) = app.halted(subscription).await {
            round.runs.push(Line::skipped(subscription, label(subscription), halt));
            continue;
        }
        round.drift.extend(drift::track(app, subscription, task.fields).await);
        let line = one(app, subscription, task, stop, out).await;
        let backfill = drift::backfill(app, subscription, (task, &line), stop, out).await;
        round.runs.extend([line].into_iter().chain(backfill));
    }
    round.interrupted = stop.is_cancelled();
    round
}

async fn one<S: AppStore>(
    app: &App<S>,
    subscription: &Subscription,
    task: Task,
    stop: &CancellationToken,
    out: &Out<'_>,
) -> Line {
    let name = label(subscription);
    let progress = out.progress().task(name.clone(), None);
    let observer = Arc::clone(&progress) as Arc<dyn RunObserver>;
    let outcome = async {
        let feed = app.feed(&subscription.connection, entity_of(subscription)?, task.noops).await?;
        let order = Order {
            subscription: subscription.clone(),
            action: task.action,
            reading: task.reading,
            cancel: stop.clone(),
            observer: Some(observer),
        };
        Ok::<_, CliError>(feed.run(order).await)
    };
    let line = match outcome.await {
        Ok(Ok(report)) => Line::of_report(subscription, name, &report),
        Ok(Err(error)) => Line::of_refusal(subscription, name, error),
        Err(error) => {
            let (text, next) = error.parts();
            let text = next.map_or(text.clone(), |next| format!("{text}; {next}"));
            Line::refused(subscription, name, text, error.exit)
        }
    };
    progress.finish(&line.sentence());
    line
}

impl Line {
    pub(super) fn of_report(subscription: &Subscription, name: String, report: &RunReport) -> Self {
        let end = match (&report.failure, report.status) {
            (Some(RunFailure::Cancelled), _) => Exit::Interrupted,
            // The API budget is spent: what was read is applied, the rest waits.
            (_, RunStatus::Cancelled) => Exit::Partial,
            (_, RunStatus::Failed) => Exit::Failure,
            _ if report.counts.parked > 0 => Exit::Partial,
            _ => Exit::Ok,
        };
        Self {
            subscription: subscription.id,
            name,
            run: Some(report.run),
            status: report.status.as_str(),
            counts: report.counts,
            duration_ms: report.duration.as_millis(),
            fields: Vec::new(),
            error: report.failure.as_ref().map(RunFailure::describe),
            degraded: report.degraded.clone(),
            end,
        }
    }

    pub(super) fn of_refusal(subscription: &Subscription, name: String, error: SyncError) -> Self {
        let text = chain(&error);
        let exit = CliError::from(error).exit;
        Self::refused(subscription, name, text, exit)
    }

    /// Not run, because its connection can't be used; nothing was called and nothing failed.
    fn skipped(subscription: &Subscription, name: String, why: String) -> Self {
        Self { status: "skipped", ..Self::refused(subscription, name, why, Exit::Partial) }
    }

    pub(super) fn refused(subscription: &Subscription, name: String, error: String, end: Exit) -> Self {
        Self {
            subscription: subscription.id,
            name,
            run: None,
            status: "refused",
            counts: Counts::default(),
            duration_ms: 0,
            fields: Vec::new(),
            error: Some(error),
            degraded: None,
            end,
        }
    }

    pub(super) fn sentence(&self) -> String {
        let counts = &self.counts;
        let mut text = format!(
            "{}, {} found, {} applied in {}",
            self.status,
            thousands(counts.found),
            thousands(counts.applied()),
            self.time()
        );
        if counts.parked > 0 {
            text.push_str(&format!(", {} parked", thousands(counts.parked)));
        }
        text
    }

    fn time(&self) -> String {
        duration(std::time::Duration::from_millis(u64::try_from(self.duration_ms).unwrap_or(u64::MAX)))
    }
}

impl Round {
    /// Adds what became of further runs.
    pub(crate) fn absorb(&mut self, more: Self) {
        self.runs.extend(more.runs);
        self.drift.extend(more.drift);
        self.interrupted |= more.interrupted;
    }

    /// How the program ends after a replay: a run in which all failed again is no failure of the program.
    pub(crate) fn exit_of_replay(&self) -> Exit {
        match self.exit() {
            Exit::Failure if self.runs.iter().all(|run| run.counts.all_failed()) => Exit::Partial,
            exit => exit,
        }
    }

    /// How the program ends after it.
    pub(crate) fn exit(&self) -> Exit {
        if self.interrupted || self.runs.iter().any(|run| run.end == Exit::Interrupted) {
            return Exit::Interrupted;
        }
        let Some(first) = self.runs.first() else { return Exit::Ok };
        if self.runs.iter().all(|run| run.end == first.end) { first.end } else { Exit::Partial }
    }
}

impl Report for Round {
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let mut table = Table::new([
            "name", "status", "found", "created", "updated", "deleted", "restored", "noop", "skipped",
            "parked", "time",
        ])
        .numbers(2..11);
        for run in &self.runs {
            let counts = &run.counts;
            let numbers = [
                counts.found,
                counts.created,
                counts.updated,
                counts.deleted,
                counts.restored,
                counts.noop,
                counts.skipped,
                counts.parked,
            ];
            let paint = match run.end {
                Exit::Ok => Style::good,
                Exit::Partial | Exit::Interrupted => Style::warn,
                _ => Style::bad,
            };
            let status = crate::output::Cell::painted(run.status, paint(style, run.status));
            let numbers = numbers.into_iter().map(|number| thousands(number).into());
            table
                .row([run.name.clone().into(), status].into_iter().chain(numbers).chain([run.time().into()]));
        }
        table.write(out, style)?;
        for FieldLine { of, drift } in &self.drift {
            writeln!(out, "{of}: {drift}")?;
        }
        for run in &self.runs {
            if let Some(error) = &run.error {
                writeln!(out, "{}: {error}", run.name)?;
            }
            if let Some(degraded) = &run.degraded {
                writeln!(out, "{}: {degraded}", run.name)?;
            }
        }
        let parked: u64 = self.runs.iter().map(|run| run.counts.parked).sum();
        if parked > 0 {
            writeln!(
                out,
                "{} records were set aside and will be tried again; see `hexsync dead-letters list`",
                thousands(parked)
            )?;
        }
        Ok(())
    }
}
