//! `hexsync plan`

use std::io::{self, Write};

use serde::Serialize;
use sync_wiring::core::{
    Action, ChangedFields, Counts, ExternalId, ItemStatus, Operation, PreviewItem, RunFailure, Subscription,
    SubscriptionId,
};
use sync_wiring::salesforce::SalesforceClient;
use tokio_util::sync::CancellationToken;

use crate::app::{App, AppStore, Order, Reading, Selection, StoreCommand, entity_of, label, mapped};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Out, Report, Style, Table, thousands, value};

/// Tell what a run would write, and what it would cost in API calls, without writing.
///
/// It reads what the run would read. Records that only the database would refuse, and parked ones, are not
/// foreseen.
#[derive(Debug, clap::Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    selection: Selection,
    /// As for a run that reads everything.
    #[arg(long)]
    full: bool,
    /// Show this many changes of each subscription.
    #[arg(long, default_value_t = 10, value_name = "N")]
    show: usize,
    /// End with exit code 2 when there are changes.
    #[arg(long)]
    check: bool,
}

#[derive(Serialize)]
struct Plans {
    plans: Vec<Planned>,
}

#[derive(Serialize)]
struct Planned {
    subscription: SubscriptionId,
    name: String,
    counts: Counts,
    /// What reading took; a run takes as many. Calls of other tools in the meantime are included. Absent when
    /// Salesforce does not say.
    api_calls: Option<u64>,
    /// What is left of the day's calls, after the reserve for other tools.
    api_calls_left: Option<u64>,
    changes: Vec<Change>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct Change {
    external_id: ExternalId,
    operation: Operation,
    status: ItemStatus,
    title: Option<Box<str>>,
    changed_fields: ChangedFields,
}

impl From<PreviewItem> for Change {
    fn from(item: PreviewItem) -> Self {
        let PreviewItem { external_id, operation, status, changed_fields, title } = item;
        Self { external_id, operation, status, title, changed_fields }
    }
}

impl StoreCommand for Plan {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let subscriptions = app.select(&self.selection).await?;
        let mut plans = Vec::new();
        for subscription in &subscriptions {
            let task = out.progress().task(format!("plan {}", label(subscription)), None);
            task.say(0, "reading");
            plans.push(self.one(app, subscription).await?);
            drop(task);
        }
        let n_failed = plans.iter().filter(|plan| plan.error.is_some()).count();
        let changes = plans.iter().any(|plan| plan.counts.applied() + plan.counts.parked > 0);
        let exit = match (n_failed, plans.len()) {
            (0, _) if self.check && changes => Exit::Changes,
            (0, _) => Exit::Ok,
            (failed, all) if failed == all => Exit::Failure,
            _ => Exit::Partial,
        };
        out.show(&Plans { plans })?;
        Ok(exit)
    }
}

impl Plan {
    async fn one<S: AppStore>(&self, app: &App<S>, subscription: &Subscription) -> Result<Planned, CliError> {
        let entity = entity_of(subscription)?;
        let client = app.client(&subscription.connection).await?;
        let mut planned = Planned {
            subscription: subscription.id,
            name: label(subscription),
            counts: Counts::default(),
            api_calls: None,
            api_calls_left: None,
            changes: Vec::new(),
            error: None,
        };
        // Calls are counted from an answer on; this one is no part of the run.
        if let Some(mapped) = mapped(entity)
            && let Err(error) = client.describe(mapped.object).await
        {
            planned.error = Some(RunFailure::from(error).describe());
            return Ok(planned);
        }
        let before = used(&client);
        let feed = app.feed(&subscription.connection, entity, None).await?;
        let order = Order {
            subscription: subscription.clone(),
            action: Action::Manual,
            reading: if self.full { Reading::Full } else { Reading::Delta },
            cancel: CancellationToken::new(),
            observer: None,
        };
        let preview = feed.preview(order, self.show).await?;
        planned.api_calls = before.zip(used(&client)).map(|(before, after)| after.saturating_sub(before));
        planned.api_calls_left = client.budget().snapshot().left;
        planned.counts = preview.counts;
        planned.changes = preview.items.into_iter().map(Change::from).collect();
        planned.error = preview.failure.as_ref().map(RunFailure::describe);
        Ok(planned)
    }
}

fn used(client: &SalesforceClient) -> Option<u64> {
    client.budget().snapshot().usage.map(|usage| usage.used)
}

impl Report for Plans {
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let headings = [
            "name",
            "found",
            "create",
            "update",
            "delete",
            "restore",
            "noop",
            "skip",
            "fail",
            "API calls",
            "left",
        ];
        let mut table = Table::new(headings).numbers(1..11);
        let known = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), thousands);
        for plan in &self.plans {
            let counts = &plan.counts;
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
            let cells = numbers.into_iter().map(|number| thousands(number).into());
            let costs = [known(plan.api_calls).into(), known(plan.api_calls_left).into()];
            table.row([plan.name.clone().into()].into_iter().chain(cells).chain(costs));
        }
        table.write(out, style)?;
        for plan in &self.plans {
            if !plan.changes.is_empty() {
                writeln!(out, "\n{}", style.bold(&plan.name))?;
            }
            for change in &plan.changes {
                let title = change.title.as_deref().unwrap_or("");
                writeln!(out, "  {} {} {title}", change.operation.as_str(), change.external_id)?;
                for field in change.changed_fields.iter() {
                    writeln!(out, "    {}: {} → {}", field.field, value(&field.from), value(&field.to))?;
                }
            }
            let shown = plan.changes.len() as u64;
            let all = plan.counts.applied() + plan.counts.parked;
            if shown > 0 && all > shown {
                writeln!(out, "  … and {} more", thousands(all - shown))?;
            }
        }
        for plan in &self.plans {
            if let Some(error) = &plan.error {
                writeln!(out, "{}: {error}", plan.name)?;
            }
        }
        writeln!(out, "nothing was written")
    }
}
