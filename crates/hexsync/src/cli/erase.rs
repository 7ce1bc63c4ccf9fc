//! `hexsync erase`

use std::io::{self, BufRead, IsTerminal, Write};

use serde::Serialize;
use sync_wiring::core::{TableRows, TenantId, count_tenant, erase_tenant};

use crate::app::{App, AppStore, StoreCommand};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Out, Report, Style, Table, note, thousands};

/// Rows that are removed in one transaction.
const STEP: u32 = 5_000;

/// Remove everything that is kept for somebody.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Erase {
    /// Remove every row of one tenant, from every table: records, history, what is parked, queued and connected. Stop
    /// what works for it first. Interrupted, it goes on when it is run again.
    Tenant(Tenant),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Tenant {
    /// The tenant.
    id: String,
    /// Only count what would be removed.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
struct Erased {
    tenant: TenantId,
    /// Whether the rows were removed, not only counted.
    erased: bool,
    rows: u64,
    tables: Vec<TableRows>,
}

impl Erased {
    fn new(tenant: TenantId, erased: bool, tables: Vec<TableRows>) -> Self {
        Self { tenant, erased, rows: tables.iter().map(|table| table.rows).sum(), tables }
    }
}

impl Report for Erased {
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        if self.tables.is_empty() {
            return writeln!(out, "nothing is kept for {}", self.tenant);
        }
        let mut table = Table::new(["table", "rows"]).numbers([1]);
        for rows in &self.tables {
            table.row([rows.table.clone().into(), thousands(rows.rows).into()]);
        }
        table.write(out, style)?;
        let total = thousands(self.rows);
        if self.erased {
            writeln!(out, "{} {total} rows of {}", style.good("erased"), self.tenant)?;
            writeln!(out, "  fingerprints in Redis expire by themselves; backups are yours to rotate")
        } else {
            writeln!(out, "{total} rows of {} would be erased", self.tenant)
        }
    }
}

impl StoreCommand for Erase {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let Self::Tenant(command) = self;
        command.run(app, out).await
    }
}

impl Tenant {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        if !app.config.engine.multi_tenant {
            let error = CliError::usage("tenants are not told apart, so there is none to erase");
            return Err(error.next("set multi_tenant = true in [engine]"));
        }
        let store: &S = app.store();
        let tenant = TenantId::from(self.id.as_str());
        let counted = count_tenant(store, &tenant).await?;
        if self.dry_run || counted.is_empty() {
            out.show(&Erased::new(tenant, false, counted))?;
            return Ok(Exit::Ok);
        }
        let all: u64 = counted.iter().map(|table| table.rows).sum();
        if !self.yes && !confirmed(&self.id, all)? {
            return Err(CliError::usage("nothing was erased").next("type the tenant's id, or pass --yes"));
        }
        let task = out.progress().task(format!("erasing {tenant}"), Some(all));
        let mut gone = 0;
        let erased = erase_tenant(store, &tenant, STEP, |step| {
            gone += step.iter().map(|table| table.rows).sum::<u64>();
            task.say(gone, format!("{} of {} rows", thousands(gone), thousands(all)));
        })
        .await?;
        task.finish(&format!("{} rows", thousands(gone)));
        out.show(&Erased::new(tenant, true, erased))?;
        Ok(Exit::Ok)
    }
}

/// Asks for the tenant's id, where somebody is there to type it.
fn confirmed(id: &str, rows: u64) -> io::Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    note(&format!("{} rows of {id} will be gone for good; type the tenant's id to go on:", thousands(rows)));
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']) == id)
}
