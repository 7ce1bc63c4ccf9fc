//! `cargo xtask`: the chores of the workspace, in Rust, so that a machine with only the toolchain can do them.
//!
//! `cargo xtask ci` is exactly what CI runs. Everything else is a part of it, or helps to make it pass.

mod bench;
mod ci;
mod codegen;
mod deny;
mod fuzz;
mod layers;
mod process;
mod scaffold;
mod services;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Chores of the Hexsync workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start throw-away PostgreSQL and Redis servers, print their URLs, stop them on Ctrl-C.
    Services(services::Args),
    /// Run the tests with PostgreSQL and Redis beside them.
    Test(test::Args),
    /// Run everything that CI runs, in its order.
    Ci(ci::Args),
    /// Write what follows from the entities' YAML files.
    Codegen(codegen::Args),
    /// Make a crate for a new entity, provider or store.
    #[command(subcommand)]
    New(scaffold::New),
    /// Check which crate depends on which.
    CheckLayers,
    /// Check the rules of the house: sizes, manifests, paired test ids and the like.
    Tidy,
    /// Feed hostile input to everything that reads what comes from outside.
    Fuzz(fuzz::Args),
    /// Run the benchmark against a PostgreSQL with default durability.
    Bench(bench::Args),
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            let signal = process::interrupted();
            match signal {
                Some(_) => eprintln!("interrupted, everything that was started is stopped"),
                None => eprintln!("error: {error:#}"),
            }
            ExitCode::from(signal.map_or(1, |signal| 128 + signal))
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    process::catch_signals()?;
    if let Command::Codegen(args) = &cli.command {
        codegen::run(&workspace::root()?, args)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Command::New(new) = &cli.command {
        scaffold::run(&workspace::root()?, new)?;
        return Ok(ExitCode::SUCCESS);
    }
    let workspace = Workspace::load()?;
    match cli.command {
        Command::Services(args) => services::foreground(&workspace, &args)?,
        Command::Test(args) => return test::run(&workspace, &args),
        Command::Ci(args) => return ci::run(&workspace, &args),
        // Done above, without what cargo knows.
        Command::Codegen(_) | Command::New(_) => {}
        Command::CheckLayers => layers::run(&workspace)?,
        Command::Tidy => tidy::run(&workspace)?,
        Command::Fuzz(args) => fuzz::run(&workspace, &args)?,
        Command::Bench(args) => return bench::run(&workspace, &args),
    }
    Ok(ExitCode::SUCCESS)
}
