//! `cargo xtask test`: every test, with PostgreSQL and Redis beside them.

use std::process::{Command, ExitCode, ExitStatus};
use std::time::Instant;

use anyhow::{Result, bail};
use cargo_metadata::Package;

use crate::process;
use crate::services::{Durability, POSTGRES_URL, Services, Want};
use crate::workspace::Workspace;

/// Its compile-fail cases run without features; with the workspace's they would compile every adapter once more.
const MESSAGES: &str = "entity-opportunity";

/// What `cargo xtask test` understands.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Only tests whose name contains one of these. Doctests are left out then.
    filters: Vec<String>,
    /// Only this package; may be given more than once.
    #[arg(short, long = "package", value_name = "NAME")]
    packages: Vec<String>,
}

/// Runs the tests; the exit code is the test runner's.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<ExitCode> {
    if let Some(name) = unknown_package(workspace, &args.packages) {
        bail!("there is no package `{name}` in this workspace");
    }
    let began = Instant::now();
    let want = Want {
        durability: Durability::Tests,
        postgres_url: POSTGRES_URL,
        redis: true,
        nats: true,
        keep: false,
    };
    let services = Services::start(workspace, &want)?;

    let mut summary = Vec::new();
    let mut failure = None;
    for (name, command) in plan(workspace, args) {
        let status = one(command, &services)?;
        summary.push(format!("{name} {}", if status.success() { "ok" } else { "FAILED" }));
        if !status.success() && failure.is_none() {
            failure = Some(process::exit_code(status));
        }
    }
    println!("cargo xtask test: {} in {:.0} s", summary.join(", "), began.elapsed().as_secs_f32());
    Ok(failure.unwrap_or(ExitCode::SUCCESS))
}

fn one(mut command: Command, services: &Services) -> Result<ExitStatus> {
    println!("+ {}", process::show(&command));
    let status = process::status(command.envs(services.env()).env("HEXSYNC_REQUIRE_SERVICES", "1"))?;
    process::check_interrupted()?;
    Ok(status)
}

/// The commands to run. nextest is faster and shows one failure per test, but a fresh machine has
/// only the toolchain, so it is never required.
fn plan(workspace: &Workspace, args: &Args) -> Vec<(&'static str, Command)> {
    let select = |command: &mut Command, packages: &[String]| {
        if packages.is_empty() {
            command.arg("--workspace");
        }
        command.args(packages.iter().flat_map(|name| ["-p", name.as_str()]));
        command.args(workspace.feature_args(packages));
    };
    if !process::succeeds(workspace.cargo().args(["nextest", "--version"])) {
        let mut tests = workspace.cargo();
        tests.args(["test", "--no-fail-fast"]);
        select(&mut tests, &args.packages);
        tests.arg("--").args(&args.filters);
        return vec![("tests and doctests", tests)];
    }

    let mut tests = workspace.cargo();
    tests.args(["nextest", "run"]);
    select(&mut tests, &args.packages);
    tests.args(&args.filters);
    let mut plan = vec![("tests", tests)];

    // nextest can't run doctests. Cargo refuses `--doc` for a package without a library.
    let documented: Vec<String> =
        args.packages.iter().filter(|name| has_doctests(workspace, name)).cloned().collect();
    if args.filters.is_empty() && (args.packages.is_empty() || !documented.is_empty()) {
        let mut doctests = workspace.cargo();
        doctests.args(["test", "--doc", "--no-fail-fast"]);
        select(&mut doctests, &documented);
        plan.push(("doctests", doctests));
    }
    if args.filters.is_empty()
        && (args.packages.is_empty() || args.packages.iter().any(|name| name == MESSAGES))
    {
        let mut messages = workspace.cargo();
        messages.args(["test", "-p", MESSAGES, "--test", "ui"]);
        plan.push(("compiler messages", messages));
    }
    plan
}

fn unknown_package<'a>(workspace: &Workspace, names: &'a [String]) -> Option<&'a String> {
    names.iter().find(|name| package(workspace, name).is_none())
}

fn has_doctests(workspace: &Workspace, name: &str) -> bool {
    package(workspace, name).is_some_and(|package| package.targets.iter().any(|target| target.doctest))
}

fn package<'a>(workspace: &'a Workspace, name: &str) -> Option<&'a Package> {
    workspace.packages().into_iter().find(|package| *package.name == name)
}
