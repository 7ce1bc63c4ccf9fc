//! `hexsync conflicts`

use std::io::{self, Write};

use chrono::Utc;
use serde::Serialize;
use sync_wiring::core::{Choice, Conflict, ConflictId, Scope, StoreError, UserId};

use crate::app::{App, AppStore, Selection, StoreCommand, entity_of, label};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Out, Report, Style, Table, instant, value};

/// Fields that were changed on both sides, and other questions that only a person can decide.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Conflicts {
    /// List what is open or decided and not yet carried out, oldest first.
    List(List),
    /// Take a side. The next `hexsync writeback` carries it out, if the CRM still holds what was decided upon.
    Resolve(Resolve),
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    selection: Selection,
    /// At most this many of each subscription.
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: u32,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Resolve {
    /// The conflict's id as listed, or its beginning or end.
    id: String,
    /// Whose value counts.
    #[arg(long, value_parser = side, value_name = "local|remote")]
    keep: Choice,
    /// Who decides.
    #[arg(long, default_value = "operator", value_name = "NAME")]
    user: String,
}

fn side(word: &str) -> Result<Choice, String> {
    Choice::parse(word).ok_or_else(|| "allowed: local, remote".to_owned())
}

impl StoreCommand for Conflicts {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        match self {
            Self::List(list) => list.run(app, out).await,
            Self::Resolve(resolve) => resolve.run(app, out).await,
        }
    }
}

#[derive(Serialize)]
struct Listing {
    conflicts: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    name: String,
    #[serde(flatten)]
    conflict: Conflict,
}

/// The open questions of the selected subscriptions, each with where it is.
async fn open<S: AppStore>(
    app: &App<S>,
    selection: &Selection,
    limit: u32,
) -> Result<Vec<(String, Scope, Conflict)>, CliError> {
    let everything = Selection { all: true, ..Selection::default() };
    let subscriptions = app.select(if selection.is_empty() { &everything } else { selection }).await?;
    let mut found: Vec<(String, Scope, Conflict)> = Vec::new();
    for subscription in subscriptions {
        let scope = app.scope(&subscription, entity_of(&subscription)?);
        let conflicts = app
            .transact(scope.tenant.as_ref(), async |store, tx| store.list_conflicts(tx, &scope, limit).await)
            .await?;
        for conflict in conflicts {
            // Subscriptions of one connection and entity share their questions.
            if !found.iter().any(|(_, _, known)| known.id == conflict.id) {
                found.push((label(&subscription), scope.clone(), conflict));
            }
        }
    }
    Ok(found)
}

impl List {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let open = open(app, &self.selection, self.limit).await?;
        let conflicts = open.into_iter().map(|(name, _, conflict)| Line { name, conflict }).collect();
        out.show(&Listing { conflicts })?;
        Ok(Exit::Ok)
    }
}

impl Report for Listing {
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        if self.conflicts.is_empty() {
            return writeln!(out, "both sides agree, or can be brought to by themselves");
        }
        let mut table =
            Table::new(["id", "name", "record", "field", "kind", "was", "here", "there", "since", "decided"]);
        for Line { name, conflict } in &self.conflicts {
            table.row([
                conflict.id.0.to_string().into(),
                name.clone().into(),
                conflict.external_id.to_string().into(),
                conflict.field.clone().unwrap_or_default().into(),
                conflict.kind.as_str().to_owned().into(),
                value(&conflict.base).into(),
                value(&conflict.local).into(),
                value(&conflict.remote).into(),
                instant(conflict.opened_at).into(),
                conflict.choice.map(Choice::as_str).unwrap_or_default().to_owned().into(),
            ]);
        }
        table.write(out, style)?;
        writeln!(out, "take a side by `hexsync conflicts resolve ID --keep local|remote`")
    }
}

#[derive(Serialize)]
struct Resolved {
    id: ConflictId,
    external_id: String,
    choice: Choice,
}

impl Resolve {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let open = open(app, &Selection::default(), 10_000).await?;
        let named = |id: &ConflictId| {
            let text = id.0.to_string();
            text.starts_with(&self.id) || text.ends_with(&self.id)
        };
        let mut fitting = open.iter().filter(|(_, _, conflict)| named(&conflict.id));
        let (Some((_, scope, conflict)), None) = (fitting.next(), fitting.next()) else {
            let error = CliError::usage(format!("`{}` names no open conflict, or several", self.id));
            return Err(error.next("see `hexsync conflicts list`"));
        };
        let (now, user) = (Utc::now(), UserId::from(self.user.as_str()));
        app.transact(scope.tenant.as_ref(), async |store, tx| {
            store.decide_conflict(tx, scope, conflict.id, self.keep, &user, now).await?;
            let records = std::slice::from_ref(&conflict.external_id);
            store.make_edits_due(tx, scope, records, now).await?;
            Ok::<_, StoreError>(())
        })
        .await?;
        out.show(&Resolved {
            id: conflict.id,
            external_id: conflict.external_id.to_string(),
            choice: self.keep,
        })?;
        Ok(Exit::Ok)
    }
}

impl Report for Resolved {
    fn text(&self, out: &mut dyn Write, _style: Style) -> io::Result<()> {
        writeln!(
            out,
            "{}: {} counts; carried out by the next `hexsync writeback`",
            self.external_id,
            self.choice.as_str()
        )
    }
}
