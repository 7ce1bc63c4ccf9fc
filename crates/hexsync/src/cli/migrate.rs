//! `hexsync migrate`

use std::io::{self, Write};

use serde::Serialize;
use sync_wiring::core::StoreError;

use crate::app::{App, AppStore, Opening, StoreCommand};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Out, Report, Style};

/// Create the database's tables, or bring them up to this release.
#[derive(Debug, clap::Args)]
pub(crate) struct Migrate {}

#[derive(Serialize)]
struct Migrated {
    store: &'static str,
    /// Whether there was something to do.
    changed: bool,
}

impl Report for Migrated {
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        if self.changed {
            writeln!(out, "{} the {} database", style.good("migrated"), self.store)?;
            writeln!(out, "  next: run `hexsync subscriptions add`")
        } else {
            writeln!(out, "the {} database is up to date", self.store)
        }
    }
}

impl StoreCommand for Migrate {
    const OPENING: Opening = Opening::AsIs;

    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let store: &S = app.store();
        let changed = match AppStore::check_version(store).await {
            Ok(()) => false,
            Err(error @ (StoreError::TooNew { .. } | StoreError::Unavailable { .. })) => {
                return Err(error.into());
            }
            // Too old, or not telling tenants apart yet.
            Err(_) => {
                AppStore::migrate(store).await?;
                AppStore::check_version(store).await?;
                true
            }
        };
        out.show(&Migrated { store: S::NAME, changed })?;
        Ok(Exit::Ok)
    }
}
