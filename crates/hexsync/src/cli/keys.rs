//! `hexsync keys`

use std::io::{self, Write};

use serde::Serialize;
use sync_wiring::auth::{new_key, rotate};

use crate::app::{App, AppStore, StoreCommand};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Out, Report, Style, thousands};

/// The keys that tokens in the database are sealed under: make, check and change them.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Keys {
    /// Print a new key, as a line for what `[keys]` points to. Put it first, so that it seals from then on.
    New(New),
    /// Check that every connection's tokens can be opened, and say under which keys they are.
    Check,
    /// Seal all tokens anew under the active key. May be stopped and repeated. Afterwards older keys can go.
    Rotate,
}

/// A new key.
#[derive(Debug, clap::Args)]
pub(crate) struct New {
    /// What to call it; an id is never used again for another key. By default today's date.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
}

#[derive(Serialize)]
struct Made {
    id: String,
    line: String,
}

impl Report for Made {
    fn text(&self, out: &mut dyn Write, _: Style) -> io::Result<()> {
        writeln!(out, "{}", self.line)
    }
}

impl New {
    pub(crate) fn run(self, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let id = self.id.unwrap_or_else(|| chrono::Utc::now().format("%Y-%m-%d").to_string());
        let key = new_key().map_err(CliError::text)?;
        let line = format!("{id}:{}", *key);
        sync_wiring::auth::KeyRing::parse(&line, None).map_err(|error| CliError::usage(error.to_string()))?;
        out.show(&Made { id, line })?;
        Ok(Exit::Ok)
    }
}

#[derive(Serialize)]
struct Told {
    active: String,
    keys: Vec<String>,
    /// Connections whose tokens are under the active key.
    current: u64,
    /// Sealed anew just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    resealed: Option<u64>,
    /// Connections whose tokens are under an older key.
    older: u64,
    unreadable: Vec<Unreadable>,
}

#[derive(Serialize)]
struct Unreadable {
    connection: String,
    why: String,
}

impl Report for Told {
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        writeln!(out, "keys: {}; `{}` seals", self.keys.join(", "), self.active)?;
        if let Some(resealed) = self.resealed {
            writeln!(out, "sealed anew: {}", thousands(resealed))?;
        }
        writeln!(out, "under the active key: {}", thousands(self.current))?;
        if self.older > 0 {
            writeln!(out, "under older keys: {}; run `hexsync keys rotate`", thousands(self.older))?;
        }
        for Unreadable { connection, why } in &self.unreadable {
            writeln!(out, "{} {connection}: {why}", style.bad("can't be opened:"))?;
        }
        Ok(())
    }
}

impl StoreCommand for Keys {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let told = match self {
            Self::New(new) => return new.run(out),
            Self::Check => check(app).await?,
            Self::Rotate => {
                let vault = app.vault()?;
                let rotation = rotate(&**app.store(), &vault).await?;
                let unreadable = rotation.unreadable.into_iter();
                Told {
                    active: vault.keys().active_id().to_owned(),
                    keys: vault.keys().ids().map(str::to_owned).collect(),
                    current: rotation.current + rotation.resealed,
                    resealed: Some(rotation.resealed),
                    older: rotation.changed,
                    unreadable: unreadable
                        .map(|(key, why)| Unreadable { connection: key.to_string(), why })
                        .collect(),
                }
            }
        };
        let failed = !told.unreadable.is_empty();
        out.show(&told)?;
        Ok(if failed { Exit::Partial } else { Exit::Ok })
    }
}

/// Opens everything once, and changes nothing.
async fn check<S: AppStore>(app: &App<S>) -> Result<Told, CliError> {
    let vault = app.vault()?;
    let active = vault.keys().active_id().to_owned();
    let keys = vault.keys().ids().map(str::to_owned).collect();
    let mut told = Told { active, keys, current: 0, resealed: None, older: 0, unreadable: Vec::new() };
    for tenant in app.tenants() {
        let rows = app
            .transact(tenant.as_ref(), async |store, tx| store.connections(tx, tenant.as_ref()).await)
            .await?;
        for row in rows {
            let Some(sealed) = row.sealed else { continue };
            match vault.open(&row.key, sync_wiring::auth::Purpose::Tokens, &sealed.bytes) {
                Ok(_) if sealed.key_id == told.active => told.current += 1,
                Ok(_) => told.older += 1,
                Err(error) => {
                    let why = error.to_string();
                    told.unreadable.push(Unreadable { connection: row.key.to_string(), why });
                }
            }
        }
    }
    Ok(told)
}
