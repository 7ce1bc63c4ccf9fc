//! `hexsync reconcile`

use sync_wiring::core::{Action, Brake};

use super::drift::Fields;
use super::round::{Task, carry_out};
use crate::app::{App, AppStore, Reading, Selection, StoreCommand};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Out;
use crate::signals;

/// Compare ids with the CRM and repair what polling can't see: fetch what is missing or stale here, delete what is
/// gone there.
///
/// A brake stops a comparison that would delete more than 20 records and more than 5 % of the rows: it is more
/// likely that the connection sees less than it should. Nothing is deleted then.
#[derive(Debug, clap::Args)]
pub(crate) struct Reconcile {
    #[command(flatten)]
    selection: Selection,
    /// Delete however many are gone: you looked at it and want it so.
    #[arg(long)]
    allow_deletes: bool,
}

impl StoreCommand for Reconcile {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let subscriptions = app.select(&self.selection).await?;
        let stop = signals::stop_token();
        let brake = if self.allow_deletes { Brake::OFF } else { Brake::default() };
        let task = Task {
            action: Action::Reconcile,
            reading: Reading::Differences(brake),
            noops: None,
            fields: Fields::Tracked,
        };
        let round = carry_out(app, &subscriptions, task, &stop, out).await;
        out.show(&round)?;
        Ok(round.exit())
    }
}
