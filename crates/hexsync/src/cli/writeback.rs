//! `hexsync writeback`

use std::io::{self, Write};

use serde::Serialize;
use sync_wiring::core::{Action, Counts, EditOperation, Outgoing, RunId, RunStatus, Subscription, SyncError};

use crate::app::{App, AppStore, Order, Reading, Selection, StoreCommand, entity_of, label};
use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::output::{Out, Report, Style, Table, note, thousands, value};
use crate::signals;

/// Send changes that were made here to the CRM. Subscriptions of entities that only come from the CRM are left out.
///
/// Exit code 3 when some records could not be sent: they are tried again later, and listed by `hexsync items`.
#[derive(Debug, clap::Args)]
pub(crate) struct Writeback {
    #[command(flatten)]
    selection: Selection,
    /// Show what would be sent first, and send nothing.
    #[arg(long)]
    dry_run: bool,
}

impl StoreCommand for Writeback {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let subscriptions = app.select(&self.selection).await?;
        if self.dry_run {
            return plan(app, &subscriptions, out).await;
        }
        let stop = signals::stop_token();
        let mut round = Round::default();
        for subscription in &subscriptions {
            if stop.is_cancelled() {
                break;
            }
            let order = order(subscription, stop.clone());
            let Some(way) = app.outbound(&subscription.connection, entity_of(subscription)?).await? else {
                note(&format!("{}: comes from the CRM only, left out", label(subscription)));
                continue;
            };
            round.runs.push(Line::of(subscription, way.run(order).await));
        }
        out.show(&round)?;
        Ok(round.exit())
    }
}

fn order(subscription: &Subscription, cancel: tokio_util::sync::CancellationToken) -> Order {
    Order {
        subscription: subscription.clone(),
        action: Action::Writeback,
        reading: Reading::Nothing,
        cancel,
        observer: None,
    }
}

#[derive(Default, Serialize)]
struct Round {
    runs: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    name: String,
    /// Absent when no run could be opened.
    run: Option<RunId>,
    /// `refused` when no run could be opened.
    status: &'static str,
    counts: Counts,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// What it had to do without; what it did is right all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    degraded: Option<String>,
    #[serde(skip)]
    busy: bool,
}

impl Line {
    fn of(subscription: &Subscription, outcome: Result<sync_wiring::core::RunReport, SyncError>) -> Self {
        let name = label(subscription);
        match outcome {
            Ok(report) => Self {
                name,
                run: Some(report.run),
                status: report.status.as_str(),
                counts: report.counts,
                error: report.failure.map(|failure| failure.describe()),
                degraded: report.degraded,
                busy: false,
            },
            Err(error) => Self {
                name,
                run: None,
                status: "refused",
                counts: Counts::default(),
                error: Some(chain(&error)),
                degraded: None,
                busy: matches!(error, SyncError::AlreadyRunning { .. }),
            },
        }
    }
}

impl Round {
    fn exit(&self) -> Exit {
        let failed = |line: &Line| line.status == RunStatus::Failed.as_str() || line.status == "refused";
        if self.runs.iter().any(|line| line.busy) {
            Exit::Busy
        } else if self.runs.iter().any(|line| line.counts.parked > 0) {
            Exit::Partial
        } else if self.runs.iter().any(failed) {
            Exit::Failure
        } else {
            Exit::Ok
        }
    }
}

impl Report for Round {
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let mut table =
            Table::new(["name", "status", "created", "updated", "deleted", "waiting", "failed", "error"])
                .numbers([2, 3, 4, 5, 6]);
        for line in &self.runs {
            let counts = &line.counts;
            table.row([
                line.name.clone().into(),
                line.status.to_owned().into(),
                thousands(counts.created).into(),
                thousands(counts.updated).into(),
                thousands(counts.deleted).into(),
                thousands(counts.skipped).into(),
                thousands(counts.parked).into(),
                line.error.clone().unwrap_or_default().into(),
            ]);
        }
        table.write(out, style)?;
        for line in &self.runs {
            if let Some(degraded) = &line.degraded {
                writeln!(out, "{}: {degraded}", line.name)?;
            }
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct Plan {
    records: Vec<PlanLine>,
}

#[derive(Serialize)]
struct PlanLine {
    name: String,
    external_id: String,
    /// `create`, `update`, `delete`; absent when nothing would be sent.
    operation: Option<EditOperation>,
    fields: sync_wiring::core::ChangedFields,
    /// Fields that would wait for a person.
    held: Vec<String>,
    /// Fields in which the CRM's value would be taken.
    taken: Vec<String>,
}

async fn plan<S: AppStore>(
    app: &App<S>,
    subscriptions: &[Subscription],
    out: &mut Out<'_>,
) -> Result<Exit, CliError> {
    let mut records = Vec::new();
    for subscription in subscriptions {
        let order = order(subscription, tokio_util::sync::CancellationToken::new());
        let Some(way) = app.outbound(&subscription.connection, entity_of(subscription)?).await? else {
            continue;
        };
        let outgoing = way.preview(order).await.map_err(CliError::new)?;
        records.extend(outgoing.into_iter().map(|record| PlanLine::of(label(subscription), record)));
    }
    out.show(&Plan { records })?;
    Ok(Exit::Ok)
}

impl PlanLine {
    fn of(name: String, outgoing: Outgoing) -> Self {
        Self {
            name,
            external_id: outgoing.external_id.to_string(),
            operation: outgoing.operation,
            fields: outgoing.fields,
            held: outgoing.held,
            taken: outgoing.taken,
        }
    }
}

impl Report for Plan {
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        if self.records.is_empty() {
            return writeln!(out, "nothing waits to be sent");
        }
        for line in &self.records {
            let operation = line.operation.map_or("nothing to send", EditOperation::as_str);
            writeln!(out, "{} {}: {operation}", line.name, style.bold(&line.external_id))?;
            for change in line.fields.iter() {
                writeln!(out, "  {}: {} -> {}", change.field, value(&change.from), value(&change.to))?;
            }
            for field in &line.held {
                writeln!(out, "  {field}: a person decides")?;
            }
            for field in &line.taken {
                writeln!(out, "  {field}: the CRM's value is taken")?;
            }
        }
        Ok(())
    }
}
