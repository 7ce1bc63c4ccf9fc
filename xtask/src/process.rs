//! Commands that can be interrupted, and the programs they need.
//!
//! Servers are stopped by `Drop`, which a default signal handler would skip. So signals only raise
//! a flag here, every wait looks at it, and the program ends by returning.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// How often a wait looks at the child and at the flag.
pub(crate) const POLL: Duration = Duration::from_millis(25);
/// How long a child may take to end by itself after Ctrl-C, which the terminal sends to it as well.
const OWN_ACCORD: Duration = Duration::from_secs(5);
/// How long a child may take after it was told to end, before it is killed.
const GRACE: Duration = Duration::from_secs(12);

static SIGNAL: OnceLock<Arc<AtomicUsize>> = OnceLock::new();

/// From here on Ctrl-C, a hang-up and a polite kill are only noted.
pub(crate) fn catch_signals() -> Result<()> {
    let flag = SIGNAL.get_or_init(Arc::default);
    for (signal, number) in [(SIGINT, 2), (SIGTERM, 15), (SIGHUP, 1)] {
        signal_hook::flag::register_usize(signal, Arc::clone(flag), number)
            .with_context(|| format!("catching signal {number}"))?;
    }
    Ok(())
}

/// The number of the signal that asked this program to end, if one did.
pub(crate) fn interrupted() -> Option<u8> {
    let number = SIGNAL.get()?.load(Ordering::SeqCst);
    u8::try_from(number).ok().filter(|&number| number != 0)
}

/// Fails when this program was asked to end.
pub(crate) fn check_interrupted() -> Result<()> {
    match interrupted() {
        Some(number) => bail!("interrupted by signal {number}"),
        None => Ok(()),
    }
}

/// Runs a command to its end with this program's own input and output.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus> {
    check_interrupted()?;
    let mut child = command.spawn().with_context(|| format!("starting `{}`", show(command)))?;
    let mut noticed: Option<Instant> = None;
    let mut told = false;
    loop {
        if let Some(status) = child.try_wait().with_context(|| format!("waiting for `{}`", show(command)))? {
            return Ok(status);
        }
        if let Some(number) = interrupted() {
            let since = noticed.get_or_insert_with(Instant::now).elapsed();
            let own_accord = if number == 2 { OWN_ACCORD } else { Duration::ZERO };
            if since >= own_accord + GRACE {
                // Already gone is as good; the next turn of the loop collects it.
                let _ = child.kill();
            } else if since >= own_accord && !told {
                // Once only: a second signal makes test runners kill without cleaning up.
                let _ = kill_process(Pid::from_child(&child), Signal::TERM);
                told = true;
            }
        }
        std::thread::sleep(POLL);
    }
}

/// Runs a command that has to succeed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = status(command)?;
    check_interrupted()?;
    if !status.success() {
        bail!("`{}` failed with {status}", show(command));
    }
    Ok(())
}

/// Runs a command that has to succeed and stays silent unless it fails.
pub(crate) fn run_quietly(command: &mut Command) -> Result<()> {
    check_interrupted()?;
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("starting `{}`", show(command)))?;
    check_interrupted()?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!("`{}` failed with {}:\n{}", show(command), output.status, String::from_utf8_lossy(&said));
    }
    Ok(())
}

/// Whether a command can be started and succeeds; what it prints is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Asks a server to end with its own signal, then insists.
pub(crate) fn stop(child: &mut Child, signal: Signal, patience: Duration) {
    // An error means that the process is gone, which is what is wanted.
    let _ = kill_process(Pid::from_child(child), signal);
    let since = Instant::now();
    while since.elapsed() < patience {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(POLL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// The exit code that says what a child's status said.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    match status.code().map(u8::try_from) {
        Some(Ok(code)) => ExitCode::from(code),
        _ => ExitCode::FAILURE,
    }
}

/// A command as a person would type it: programs by name, wherever they are.
pub(crate) fn show(command: &Command) -> String {
    let program = command.get_program();
    let name = Path::new(program).file_name().unwrap_or(program);
    let words = std::iter::once(name).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// The folders of `PATH`.
pub(crate) fn path_folders() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// The first of `folders` that holds all `programs`.
pub(crate) fn folder_with(folders: &[PathBuf], programs: &[&str]) -> Option<PathBuf> {
    let holds_all = |folder: &&PathBuf| programs.iter().all(|program| is_program(&folder.join(program)));
    folders.iter().find(holds_all).cloned()
}

/// Whether a program of this name is on `PATH`.
pub(crate) fn on_path(program: &str) -> bool {
    folder_with(&path_folders(), &[program]).is_some()
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_command_reports_its_line_and_output() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo went wrong; exit 3"]);
        let text = run_quietly(&mut command).unwrap_err().to_string();
        assert!(text.contains("sh -c"), "{text}");
        assert!(text.contains("went wrong"), "{text}");
    }

    #[test]
    fn stubborn_child_is_killed() {
        let mut child =
            Command::new("sh").args(["-c", "trap '' INT; while :; do sleep 0.01; done"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(100));
        stop(&mut child, Signal::INT, Duration::from_millis(200));
        let status = child.try_wait().unwrap().expect("the child has ended");
        assert!(!status.success());
    }

    #[test]
    fn folder_must_hold_every_program() {
        let folders = [PathBuf::from("/nonexistent"), PathBuf::from("/bin"), PathBuf::from("/usr/bin")];
        assert!(folder_with(&folders, &["sh", "cat"]).is_some());
        assert_eq!(folder_with(&folders, &["sh", "no-such-program-here"]), None);
    }
}
