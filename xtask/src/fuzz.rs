//! `cargo xtask fuzz`: hostile input, for a fixed time and from a fixed seed.

use anyhow::Result;

use crate::process;
use crate::workspace::Workspace;

/// What `cargo xtask fuzz` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long, in seconds, for all targets together.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Where the inputs begin: the same seed makes the same inputs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only these targets; all by default.
    targets: Vec<String>,
}

/// Builds the feeder like the tests and runs it; fails when an input shows a mistake.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let mut command = workspace.cargo();
    command.args(["run", "--quiet", "-p", "fuzz", "--"]);
    command.args(["--seconds", &args.seconds.to_string(), "--seed", &args.seed.to_string()]);
    command.arg("--save").arg(workspace.target.join("fuzz")).args(&args.targets);
    println!("+ {}", process::show(&command));
    process::run(&mut command)
}

/// What CI runs: as long as a commit can wait for.
pub(crate) fn briefly(workspace: &Workspace) -> Result<()> {
    run(workspace, &Args { seconds: 10, seed: 1, targets: Vec::new() })
}
