//! `hexsync history`

use std::collections::BTreeMap;
use std::io::{self, Write};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde::Serialize;
use sync_wiring::core::history::fold;
use sync_wiring::core::{
    ChangedFields, ConnectionId, ExternalId, FieldValue, Operation, RecordedItem, RunId, TenantId,
};

use crate::app::{App, AppStore, StoreCommand};
use crate::error::CliError;
use crate::exit::Exit;
use crate::generated::Entity;
use crate::output::{Out, Report, Style, instant, value};

/// Tell a record's history: every change from what to what, and what it was in the end or at a time.
#[derive(Debug, clap::Args)]
pub(crate) struct History {
    /// Which entity.
    entity: Entity,
    /// The record's id in the CRM.
    external_id: String,
    /// As of this instant (2026-05-01T12:00:00Z) or day (2026-05-01: its beginning, UTC).
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<DateTime<Utc>>,
    /// Only through this connection.
    #[arg(long, value_name = "ID")]
    connection: Option<String>,
}

fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.to_utc());
    }
    text.parse::<NaiveDate>()
        .map(|day| day.and_time(NaiveTime::MIN).and_utc())
        .map_err(|_| "write an instant (2026-05-01T12:00:00Z) or a day (2026-05-01)".to_owned())
}

#[derive(Serialize)]
struct Histories {
    records: Vec<Record>,
}

#[derive(Serialize)]
struct Record {
    entity: &'static str,
    external_id: ExternalId,
    connection: ConnectionId,
    tenant: Option<TenantId>,
    steps: Vec<Step>,
    state: State,
}

#[derive(Serialize)]
struct Step {
    at: DateTime<Utc>,
    run: RunId,
    operation: Operation,
    title: Option<Box<str>>,
    reason: Option<String>,
    changed_fields: ChangedFields,
}

#[derive(Serialize)]
struct State {
    deleted: bool,
    fields: BTreeMap<String, FieldValue>,
}

impl StoreCommand for History {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let external_id = ExternalId::from(self.external_id.as_str());
        let mut seen: Vec<(Option<TenantId>, ConnectionId)> = Vec::new();
        let mut records = Vec::new();
        for subscription in app.subscriptions().await? {
            let key = (subscription.tenant.clone(), subscription.connection.clone());
            let wanted = self.connection.as_ref().is_none_or(|id| id == subscription.connection.as_str());
            if subscription.domain != self.entity.name() || !wanted || seen.contains(&key) {
                continue;
            }
            let scope = app.scope(&subscription, self.entity);
            let items = app
                .transact(scope.tenant.as_ref(), async |store, tx| {
                    store.history(tx, &scope, &external_id).await
                })
                .await?;
            records.extend(self.record(&external_id, &key, items));
            seen.push(key);
        }
        if records.is_empty() {
            let when = self.at.map(|at| format!(" at {}", instant(at))).unwrap_or_default();
            let text = format!("nothing was ever recorded of {} {external_id}{when}", self.entity.name());
            return Err(
                CliError::text(text).next("check the id; ids of 15 and of 18 characters are different here")
            );
        }
        out.show(&Histories { records })?;
        Ok(Exit::Ok)
    }
}

impl History {
    fn record(
        &self,
        external_id: &ExternalId,
        (tenant, connection): &(Option<TenantId>, ConnectionId),
        items: Vec<RecordedItem>,
    ) -> Option<Record> {
        let folded = fold(&items, self.at)?;
        let until = |item: &RecordedItem| self.at.is_none_or(|at| item.recorded_at <= at);
        Some(Record {
            entity: self.entity.name(),
            external_id: external_id.clone(),
            connection: connection.clone(),
            tenant: tenant.clone(),
            steps: items.into_iter().filter(until).map(Step::from).collect(),
            state: State { deleted: folded.deleted, fields: folded.fields },
        })
    }
}

impl From<RecordedItem> for Step {
    fn from(recorded: RecordedItem) -> Self {
        Self {
            at: recorded.recorded_at,
            run: recorded.run,
            operation: recorded.item.operation,
            title: recorded.item.title,
            reason: recorded.item.reason.map(String::from),
            changed_fields: recorded.item.changed_fields,
        }
    }
}

impl Report for Histories {
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        for record in &self.records {
            let tenant = record.tenant.as_ref().map(|tenant| format!("{tenant}/")).unwrap_or_default();
            let heading =
                format!("{} {} at {tenant}{}", record.entity, record.external_id, record.connection);
            writeln!(out, "{}", style.bold(&heading))?;
            for step in &record.steps {
                let reason = step.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
                let run = style.dim(&format!("run {}", step.run));
                writeln!(out, "{}  {}{reason}  {run}", instant(step.at), step.operation.as_str())?;
                for change in step.changed_fields.iter() {
                    writeln!(out, "    {}: {} → {}", change.field, value(&change.from), value(&change.to))?;
                }
            }
            writeln!(out, "{}", if record.state.deleted { "deleted; it was:" } else { "it is:" })?;
            for (field, held) in &record.state.fields {
                writeln!(out, "    {field}: {}", value(held))?;
            }
        }
        Ok(())
    }
}
