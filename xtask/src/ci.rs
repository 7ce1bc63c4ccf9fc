//! `cargo xtask ci`: exactly what CI runs.
//!
//! Cheap checks come first. clippy, rustdoc and the single features share what `cargo check` makes
//! of the dependencies; the tests need real code, so the workspace is compiled twice in all.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::workspace::Workspace;
use crate::{codegen, deny, fuzz, layers, process, test, tidy};

/// What `cargo xtask ci` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run the steps after a failing one as well.
    #[arg(long)]
    keep_going: bool,
}

type Step = (&'static str, fn(&Workspace) -> Result<()>);

const STEPS: &[Step] = &[
    ("fmt", fmt),
    ("check-layers", layers::run),
    ("tidy", tidy::run),
    ("codegen", |workspace| codegen::check(&workspace.root)),
    ("readme", readme),
    ("deny", deny::check),
    ("clippy", clippy),
    ("features", features),
    ("doc", doc),
    ("test", tests),
    ("fuzz", fuzz::briefly),
];

/// What a newcomer types first, so the README has to show it: words of one line, and what they are.
const README_COMMANDS: &[(&[&str], &str)] = &[
    (&["cargo xtask test"], "the tests: `cargo xtask test`"),
    (&["cargo run", "demo"], "the demo: `cargo run … demo`"),
];

/// Runs the steps; the exit code is a failure if one of them failed.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<ExitCode> {
    let mut report = Vec::new();
    let mut failed = false;
    for (name, step) in STEPS {
        println!("\n==> {name}");
        let began = Instant::now();
        let result = step(workspace);
        process::check_interrupted()?;
        report.push(line(name, &result, began.elapsed()));
        if let Err(error) = result {
            eprintln!("error: {error:#}");
            failed = true;
            if !args.keep_going {
                break;
            }
        }
    }
    println!("\ncargo xtask ci");
    for line in &report {
        println!("  {line}");
    }
    let left = STEPS.len() - report.len();
    match (failed, left) {
        (false, _) => println!("all steps passed"),
        (true, 0) => println!("FAILED"),
        (true, left) => println!("FAILED; {left} steps not run (--keep-going runs them)"),
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn line(name: &str, result: &Result<()>, took: Duration) -> String {
    let seconds = took.as_secs_f32();
    match result {
        Ok(()) => format!("{name:<14}{seconds:>7.1} s  ok"),
        Err(_) => format!("{name:<14}{seconds:>7.1} s  FAILED"),
    }
}

fn shown(command: &mut Command) -> Result<()> {
    println!("+ {}", process::show(command));
    process::run(command)
}

fn fmt(workspace: &Workspace) -> Result<()> {
    shown(workspace.cargo().args(["fmt", "--all", "--check"]))
}

fn readme(workspace: &Workspace) -> Result<()> {
    let text = std::fs::read_to_string(workspace.root.join("README.md")).unwrap_or_default();
    let shows = |words: &[&str]| text.lines().any(|line| words.iter().all(|word| line.contains(word)));
    let missing: Vec<_> =
        README_COMMANDS.iter().filter(|(words, _)| !shows(words)).map(|(_, what)| *what).collect();
    if !missing.is_empty() {
        bail!("README.md does not show {}", missing.join(", nor "));
    }
    Ok(())
}

fn clippy(workspace: &Workspace) -> Result<()> {
    let mut command = workspace.cargo();
    command.args(["clippy", "--workspace", "--all-targets"]).args(workspace.feature_args(&[]));
    shown(command.args(["--", "-D", "warnings"]))
}

/// Each feature of the wiring must compile by itself, and so must none at all.
///
/// clippy for that one package instead of a plain check: it costs the same, and an import that only
/// another feature uses is an error rather than a line nobody reads.
fn features(workspace: &Workspace) -> Result<()> {
    let packages = workspace.packages();
    let Some(wiring) = packages.into_iter().find(|package| *package.name == "sync-wiring") else {
        bail!("there is no crate sync-wiring any more; say in xtask/src/ci.rs whose features to check");
    };
    let mut alone = vec![""];
    let public = |name: &&str| *name != "default" && !name.starts_with('_');
    alone.extend(wiring.features.keys().map(String::as_str).filter(public));
    for feature in alone {
        let mut command = workspace.cargo();
        command.args(["clippy", "-p", "sync-wiring", "--no-deps", "--no-default-features"]);
        shown(command.args(["--features", feature, "--", "-D", "warnings"]))?;
    }
    Ok(())
}

fn doc(workspace: &Workspace) -> Result<()> {
    let mut command = workspace.cargo();
    command.args(["doc", "--workspace", "--no-deps"]).args(workspace.feature_args(&[]));
    shown(command.env("RUSTDOCFLAGS", "-D warnings"))
}

fn tests(workspace: &Workspace) -> Result<()> {
    if test::run(workspace, &test::Args::default())? == ExitCode::SUCCESS {
        return Ok(());
    }
    bail!("`cargo xtask test` failed")
}

#[cfg(test)]
mod tests_of_the_report {
    use super::*;

    #[test]
    fn lines_say_how_a_step_ended_and_how_long_it_took() {
        assert_eq!(line("deny", &Ok(()), Duration::from_millis(1540)), "deny              1.5 s  ok");
        let failed = line("deny", &Err(anyhow::anyhow!("no")), Duration::from_millis(40));
        assert_eq!(failed, "deny              0.0 s  FAILED");
    }
}
