//! `hexsync dead-letters`

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use serde::Serialize;
use sync_wiring::core::{
    Action, DeadLetter, DeadLetterFilter, ExternalId, ParkedPayload, RunId, Subscription,
};
use uuid::Uuid;

use super::drift::Fields;
use super::round::{Round, Task, carry_out};
use crate::app::{App, AppStore, Reading, StoreCommand, by_id, entity_of, label};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Out, Report, Style, Table, instant, note, thousands};
use crate::signals;

/// Records that could not be applied: list them, or try them again.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum DeadLetters {
    /// List records that were set aside, oldest first.
    List(List),
    /// Try them again now, instead of when their time has come. Reads nothing new. Exit code 3 when some failed
    /// again.
    Replay(Replay),
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    filter: Filter,
    /// At most this many of each subscription.
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: u32,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    filter: Filter,
}

#[derive(Debug, clap::Args)]
struct Filter {
    /// Only of this subscription: its id, its beginning or end, or CONNECTION/ENTITY.
    subscription: Option<String>,
    /// Only of this record, by its id in the CRM.
    #[arg(long, value_name = "EXTERNAL_ID")]
    record: Option<String>,
    /// Only of this kind of failure, as listed.
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// Only those that failed last in this run.
    #[arg(long, value_name = "RUN")]
    run: Option<Uuid>,
}

impl Filter {
    fn letters(&self) -> DeadLetterFilter {
        DeadLetterFilter {
            external_id: self.record.as_deref().map(ExternalId::from),
            error_class: self.class.clone(),
            run: self.run.map(RunId),
        }
    }

    async fn subscriptions<S: AppStore>(&self, app: &App<S>) -> Result<Vec<Subscription>, CliError> {
        let all = app.subscriptions().await?;
        match &self.subscription {
            Some(id) => Ok(vec![by_id(&all, id)?.clone()]),
            None => Ok(all),
        }
    }
}

impl StoreCommand for DeadLetters {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        match self {
            Self::List(list) => list.run(app, out).await,
            Self::Replay(replay) => replay.run(app, out).await,
        }
    }
}

#[derive(Serialize)]
struct Listing {
    dead_letters: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    name: String,
    external_id: ExternalId,
    /// `upsert`, `delete` or `unreadable`.
    payload: &'static str,
    error_class: String,
    error: String,
    attempts: u32,
    run: RunId,
    parked_at: DateTime<Utc>,
    next_attempt_at: DateTime<Utc>,
}

impl Line {
    fn of(subscription: &Subscription, letter: DeadLetter) -> Self {
        Self {
            name: label(subscription),
            external_id: letter.external_id,
            payload: match letter.payload {
                ParkedPayload::Upsert { .. } => "upsert",
                ParkedPayload::Delete { .. } => "delete",
                ParkedPayload::Unreadable { .. } => "unreadable",
            },
            error_class: letter.error_class,
            error: letter.error,
            attempts: letter.attempts,
            run: letter.run,
            parked_at: letter.parked_at,
            next_attempt_at: letter.next_attempt_at,
        }
    }
}

impl List {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let filter = self.filter.letters();
        let mut dead_letters = Vec::new();
        for subscription in self.filter.subscriptions(app).await? {
            let scope = app.scope(&subscription, entity_of(&subscription)?);
            let letters = app
                .transact(scope.tenant.as_ref(), async |store, tx| {
                    store.list(tx, &scope, &filter, self.limit).await
                })
                .await?;
            dead_letters.extend(letters.into_iter().map(|letter| Line::of(&subscription, letter)));
        }
        out.show(&Listing { dead_letters })?;
        Ok(Exit::Ok)
    }
}

impl Report for Listing {
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        if self.dead_letters.is_empty() {
            return writeln!(out, "nothing is set aside");
        }
        let mut table =
            Table::new(["name", "record", "class", "tries", "since", "next try", "error"]).numbers([3]);
        for letter in &self.dead_letters {
            table.row([
                letter.name.clone().into(),
                letter.external_id.to_string().into(),
                letter.error_class.clone().into(),
                letter.attempts.to_string().into(),
                instant(letter.parked_at).into(),
                instant(letter.next_attempt_at).into(),
                letter.error.clone().into(),
            ]);
        }
        table.write(out, style)?;
        writeln!(out, "try them again now by `hexsync dead-letters replay`")
    }
}

impl Replay {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let filter = self.filter.letters();
        let stop = signals::stop_token();
        let task =
            Task { action: Action::Replay, reading: Reading::Nothing, noops: None, fields: Fields::Ignored };
        let mut round = Round::default();
        for subscription in self.filter.subscriptions(app).await? {
            let scope = app.scope(&subscription, entity_of(&subscription)?);
            let now = Utc::now();
            let n_due = app
                .transact(scope.tenant.as_ref(), async |store, tx| {
                    store.make_due(tx, &scope, &filter, now).await
                })
                .await?;
            if n_due == 0 {
                continue;
            }
            note(&format!("{}: trying {} records again", label(&subscription), thousands(n_due)));
            // A run takes so many at most; those that fail again are not due any more.
            let per_run = u64::from(app.config.engine.retries_per_run.max(1));
            for _ in 0..n_due.div_ceil(per_run) {
                let more = carry_out(app, std::slice::from_ref(&subscription), task, &stop, out).await;
                round.absorb(more);
            }
        }
        if round.runs.is_empty() {
            return Err(
                CliError::text("nothing that is set aside fits").next("see `hexsync dead-letters list`")
            );
        }
        out.show(&round)?;
        Ok(round.exit_of_replay())
    }
}
