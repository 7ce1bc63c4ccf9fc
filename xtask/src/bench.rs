//! `cargo xtask bench`: the benchmark, with a PostgreSQL that syncs to disk as users' servers do.

use std::process::ExitCode;

use anyhow::Result;

use crate::process;
use crate::services::{Durability, Services, Want};
use crate::workspace::Workspace;

/// Where the benchmark finds its PostgreSQL. Set by this command; set by the caller, it is used
/// instead of a server of our own, for example one on the machine that matters.
const URL: &str = "HEXSYNC_BENCH_POSTGRES_URL";

/// What `cargo xtask bench` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Handed to the benchmark as they are.
    #[arg(last = true)]
    args: Vec<String>,
}

/// Builds the benchmark first, so that no server idles meanwhile, then runs it.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<ExitCode> {
    let bench = ["--release", "-p", "e2e", "--bin", "hexsync-bench"];
    process::run(workspace.cargo().arg("build").args(bench))?;

    let want =
        Want { durability: Durability::Full, postgres_url: URL, redis: false, nats: false, keep: false };
    let services = Services::start(workspace, &want)?;
    let Some(url) = services.postgres_url() else { anyhow::bail!("no PostgreSQL was started") };
    let mut command = workspace.cargo();
    command.arg("run").args(bench).args(["--", "--database-url", url]).args(&args.args).env(URL, url);
    let status = process::status(&mut command)?;
    process::check_interrupted()?;
    Ok(process::exit_code(status))
}
