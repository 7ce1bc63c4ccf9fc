#![doc = include_str!("../README.md")]

mod mutate;
mod runner;
mod targets;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

/// Hostile input for every function that reads what comes from outside.
#[derive(Debug, Parser)]
struct Args {
    /// Only these targets; all by default.
    targets: Vec<String>,
    /// How long, in seconds, for all targets together.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Where the inputs begin: the same seed makes the same inputs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where a failing input is written.
    #[arg(long, default_value = "target/fuzz")]
    save: PathBuf,
    /// Only this input, from a file.
    #[arg(long)]
    input: Option<PathBuf>,
    /// Say which targets there are.
    #[arg(long)]
    list: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    if args.list {
        targets::ALL.iter().for_each(|target| println!("{:<22}{}", target.name, target.about));
        return Ok(ExitCode::SUCCESS);
    }
    let chosen: Vec<_> = targets::ALL
        .iter()
        .filter(|target| args.targets.is_empty() || args.targets.iter().any(|name| name == target.name))
        .collect();
    anyhow::ensure!(!chosen.is_empty(), "there is no such target; see --list");
    if let Some(path) = &args.input {
        let input = std::fs::read(path)?;
        chosen.iter().for_each(|target| (target.run)(&input));
        return Ok(ExitCode::SUCCESS);
    }
    let share = Duration::from_secs(args.seconds) / u32::try_from(chosen.len())?;
    let mut failed = false;
    for target in chosen {
        let outcome = runner::run(target, args.seed, share);
        println!("{:<22}{:>9} inputs  {}", target.name, outcome.inputs, outcome.verdict());
        if let Some(failure) = outcome.failure {
            failed = true;
            let path = failure.save(&args.save, target.name)?;
            println!("  {}\n  input: {}\n  saved: {}", failure.why, failure.shown(), path.display());
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
