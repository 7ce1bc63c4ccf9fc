//! `hexsync items`

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use serde::Serialize;
use sync_wiring::core::{ChangedFields, ItemStatus, RecordedItem, RunId, Scope};
use uuid::Uuid;

use crate::app::{App, AppStore, StoreCommand, entity_of};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Cell, Out, Report, Style, Table, value};

/// How many items are read at a time.
const PAGE: u32 = 1_000;
/// How far back a run without items is looked for.
const RUNS: u32 = 1_000;

/// Show what a run did, record by record.
#[derive(Debug, clap::Args)]
pub(crate) struct Items {
    /// The run's id, as printed by `hexsync runs`.
    run: Uuid,
    /// Only those that failed.
    #[arg(long)]
    failed: bool,
    /// Only those after this number.
    #[arg(long, default_value_t = 0, value_name = "SEQ")]
    after: i64,
    /// At most this many.
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: usize,
}

/// An item as it is printed.
#[derive(Serialize)]
pub(super) struct Line {
    run: RunId,
    seq: i64,
    at: DateTime<Utc>,
    external_id: String,
    operation: &'static str,
    status: &'static str,
    local_id: Option<String>,
    title: Option<Box<str>>,
    pub(super) changed_fields: ChangedFields,
    error: Option<String>,
    reason: Option<String>,
}

impl From<RecordedItem> for Line {
    fn from(recorded: RecordedItem) -> Self {
        let item = recorded.item;
        Self {
            run: recorded.run,
            seq: item.seq,
            at: recorded.recorded_at,
            external_id: item.external_id.to_string(),
            operation: item.operation.as_str(),
            status: item.status.as_str(),
            local_id: item.local_id.map(|id| id.to_string()),
            title: item.title,
            changed_fields: item.changed_fields,
            error: item.error,
            reason: item.reason.map(String::from),
        }
    }
}

#[derive(Serialize)]
struct Listing {
    items: Vec<Line>,
    /// Whether there are more; go on by `--after` with the last number.
    more: bool,
}

impl StoreCommand for Items {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let run = RunId(self.run);
        for subscription in app.subscriptions().await? {
            let scope = app.scope(&subscription, entity_of(&subscription)?);
            let found = app
                .transact(scope.tenant.as_ref(), async |store, tx| store.items(tx, &scope, run, 0, 1).await)
                .await?;
            if found.is_empty() {
                let runs = app
                    .transact(scope.tenant.as_ref(), async |store, tx| store.runs(tx, &scope, RUNS).await)
                    .await?;
                if !runs.iter().any(|other| other.id == run) {
                    continue;
                }
            }
            let listing = self.read(app, &scope, run).await?;
            out.show(&listing)?;
            return Ok(Exit::Ok);
        }
        Err(CliError::text(format!("there is no run {run}")).next("see `hexsync runs`"))
    }
}

impl Items {
    async fn read<S: AppStore>(&self, app: &App<S>, scope: &Scope, run: RunId) -> Result<Listing, CliError> {
        let mut items: Vec<Line> = Vec::new();
        let mut after = self.after;
        loop {
            let page = app
                .transact(scope.tenant.as_ref(), async |store, tx| {
                    store.items(tx, scope, run, after, PAGE).await
                })
                .await?;
            let Some(last) = page.last() else { return Ok(Listing { items, more: false }) };
            after = last.item.seq;
            let wanted = |item: &RecordedItem| !self.failed || item.item.status == ItemStatus::Failed;
            items.extend(page.into_iter().filter(wanted).map(Line::from));
            if items.len() > self.limit {
                items.truncate(self.limit);
                return Ok(Listing { items, more: true });
            }
        }
    }
}

impl Report for Listing {
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        if self.items.is_empty() {
            return writeln!(out, "nothing was recorded");
        }
        let mut table = Table::new(["seq", "record", "operation", "status", "title", "what"]).numbers([0]);
        for item in &self.items {
            let paint = if item.status == "failed" { Style::bad } else { Style::dim };
            let what = match (&item.error, &item.reason) {
                (Some(error), _) => error.clone(),
                (None, Some(reason)) => reason.clone(),
                (None, None) => summary(&item.changed_fields),
            };
            table.row([
                item.seq.to_string().into(),
                item.external_id.clone().into(),
                item.operation.into(),
                Cell::painted(item.status, paint(style, item.status)),
                item.title.as_deref().unwrap_or("-").into(),
                what.into(),
            ]);
        }
        table.write(out, style)?;
        if let (true, Some(last)) = (self.more, self.items.last()) {
            writeln!(out, "there are more: --after {}", last.seq)?;
        }
        Ok(())
    }
}

/// The first changes of an item in one line.
fn summary(changed: &ChangedFields) -> String {
    let shown: Vec<String> = changed
        .iter()
        .take(3)
        .map(|change| format!("{}: {} → {}", change.field, value(&change.from), value(&change.to)))
        .collect();
    let more = changed.len().saturating_sub(shown.len());
    match more {
        0 => shown.join(", "),
        _ => format!("{}, {more} more", shown.join(", ")),
    }
}
