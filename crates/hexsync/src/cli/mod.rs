//! The commands: each parses, calls, renders.

mod conflicts;
mod connect;
mod connections;
mod dead_letters;
mod demo;
mod doctor;
mod drift;
mod edit;
mod erase;
mod events;
mod fields;
mod history;
mod init;
mod items;
mod keys;
mod migrate;
mod plan;
mod reconcile;
mod round;
mod run;
mod runs;
mod sandbox;
mod serve;
mod subscriptions;
mod writeback;

use std::path::PathBuf;

use sync_wiring::core::TenantId;

use crate::app::{StoreCommand, with_store};
use crate::config::{Config, parse_duration};
use crate::error::CliError;
use crate::exit::{self, Exit};
use crate::output::Out;

/// Keeps your own tables in step with your customers' CRMs.
#[derive(Debug, clap::Parser)]
#[command(name = "hexsync", version, after_help = exit::HELP, propagate_version = true)]
pub(crate) struct Cli {
    /// The configuration.
    #[arg(long, global = true, env = "HEXSYNC_CONFIG", default_value = "hexsync.toml", value_name = "FILE")]
    config: PathBuf,
    /// Only this tenant; where tenants are told apart, all of the configuration otherwise.
    #[arg(long, global = true, value_name = "ID")]
    tenant: Option<String>,
    /// One line of JSON on standard output instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// No progress on standard error.
    #[arg(long, global = true)]
    pub(crate) quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Demo(demo::Demo),
    Init(init::Init),
    Migrate(migrate::Migrate),
    #[command(subcommand)]
    Subscriptions(subscriptions::Subscriptions),
    Connections(connections::Connections),
    #[command(subcommand)]
    Keys(keys::Keys),
    Run(run::Run),
    Writeback(writeback::Writeback),
    #[command(subcommand)]
    Conflicts(conflicts::Conflicts),
    Edit(edit::Edit),
    Plan(plan::Plan),
    Reconcile(reconcile::Reconcile),
    Runs(runs::Runs),
    Items(items::Items),
    Fields(fields::Fields),
    History(history::History),
    #[command(subcommand)]
    DeadLetters(dead_letters::DeadLetters),
    #[command(subcommand)]
    Erase(erase::Erase),
    #[command(subcommand)]
    Events(events::Events),
    Doctor(doctor::Doctor),
    Sandbox(sandbox::Sandbox),
    Serve(serve::Serve),
}

impl Cli {
    /// Carries out the command.
    ///
    /// # Errors
    /// [`CliError`], with the exit code and what to do next.
    pub(crate) async fn run(self, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let Self { config, tenant, command, .. } = self;
        let there = Place { config, tenant: tenant.map(TenantId::from) };
        match command {
            Command::Demo(command) => command.run(out).await,
            Command::Init(command) => command.run(&there.config, out),
            Command::Sandbox(command) => command.run(out).await,
            Command::Doctor(command) => command.run(&there.config, there.tenant, out).await,
            Command::Migrate(command) => there.on(command, out).await,
            Command::Subscriptions(command) => there.on(command, out).await,
            Command::Connections(command) => there.on(command, out).await,
            Command::Keys(keys::Keys::New(command)) => command.run(out),
            Command::Keys(command) => there.on(command, out).await,
            Command::Run(command) => there.on(command, out).await,
            Command::Writeback(command) => there.on(command, out).await,
            Command::Conflicts(command) => there.on(command, out).await,
            Command::Edit(command) => there.on(command, out).await,
            Command::Plan(command) => there.on(command, out).await,
            Command::Reconcile(command) => there.on(command, out).await,
            Command::Runs(command) => there.on(command, out).await,
            Command::Items(command) => there.on(command, out).await,
            Command::Fields(command) => there.on(command, out).await,
            Command::History(command) => there.on(command, out).await,
            Command::DeadLetters(command) => there.on(command, out).await,
            Command::Serve(command) => there.on(command, out).await,
            Command::Events(command) => there.on(command, out).await,
            Command::Erase(command) => there.on(command, out).await,
        }
    }
}

/// Where a command works.
struct Place {
    config: PathBuf,
    tenant: Option<TenantId>,
}

impl Place {
    async fn on<C: StoreCommand>(self, command: C, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let config = Config::load(&self.config)?;
        if self.tenant.is_some() && !config.engine.multi_tenant {
            let error = CliError::usage("--tenant is given, but tenants are not told apart");
            return Err(error.next("set multi_tenant = true in [engine], or leave --tenant out"));
        }
        // Boxed, because the futures of all commands on all stores together would be large.
        Box::pin(with_store(config, self.tenant, command, out)).await
    }
}

/// A length of time on the command line.
fn duration(text: &str) -> Result<std::time::Duration, String> {
    parse_duration(text)
}
