//! The folder of one run, and the tidying up after runs that could not do it themselves.
//!
//! A run holds a lock on a file in its folder. Locks end with the process, so a folder whose lock
//! can be had belongs to a run that crashed. A server writes down its pid together with words from
//! its own command line; a leftover is stopped only if that pid still runs those words.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::account::Account;
use crate::process::POLL;

const LOCK: &str = "lock";
const KEPT: &str = "kept";

/// Where one run keeps data and logs.
pub(crate) struct RunFolder {
    path: PathBuf,
    keep: bool,
    _lock: File,
}

impl RunFolder {
    /// Removes what crashed runs left, then makes a folder below cargo's target directory, or below
    /// the system's temporary one if `account` can't get there.
    pub(crate) fn create(target: &Path, account: Option<Account>, keep: bool) -> Result<Self> {
        let preferred = target.join("services");
        fs::create_dir_all(&preferred).with_context(|| format!("creating {}", preferred.display()))?;
        let elsewhere =
            std::env::temp_dir().join(format!("hexsync-services-{}", rustix::process::geteuid().as_raw()));
        let base = if account.is_none_or(|account| account.reaches(&preferred)) {
            preferred.clone()
        } else {
            own_folder(&elsewhere)?;
            if !account.is_none_or(|account| account.reaches(&elsewhere)) {
                bail!(
                    "the user PostgreSQL runs as can enter neither {} nor {}; set TMPDIR to a folder that \
                     everybody can enter",
                    preferred.display(),
                    elsewhere.display()
                );
            }
            eprintln!(
                "note: the user PostgreSQL runs as can't enter {}, so its data goes to {}",
                preferred.display(),
                elsewhere.display()
            );
            elsewhere.clone()
        };
        for folder in [&preferred, &elsewhere] {
            if folder.exists() && is_ours(folder) {
                remove_leftovers(folder)?;
            }
        }
        Self::create_in(&base, keep)
    }

    fn create_in(base: &Path, keep: bool) -> Result<Self> {
        // While this is held nobody takes the new folder, not locked yet, for a leftover.
        let _guard = lock_base(base)?;
        let stamp = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
        let path = base.join(format!("run-{stamp:x}-{}", std::process::id()));
        let create = || -> std::io::Result<File> {
            DirBuilder::new().mode(0o755).create(&path)?;
            let lock = File::create(path.join(LOCK))?;
            lock.lock()?;
            Ok(lock)
        };
        let lock = create().with_context(|| format!("creating {}", path.display()))?;
        Ok(Self { path, keep, _lock: lock })
    }

    /// Where this run's files go.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Notes a server, so that a later run can stop it if this one can't.
    pub(crate) fn record(&self, name: &str, pid: u32, marker: &str) -> Result<()> {
        let file = self.path.join(format!("{name}.pid"));
        fs::write(&file, format!("{pid}\n{marker}\n")).with_context(|| format!("writing {}", file.display()))
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if self.keep {
            // Without the mark the next run would clear the folder away.
            let _ = fs::write(self.path.join(KEPT), "");
            eprintln!("kept: {}", self.path.display());
        } else if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("note: {} could not be removed: {error}", self.path.display());
        }
    }
}

fn remove_leftovers(base: &Path) -> Result<()> {
    let _guard = lock_base(base)?;
    for entry in fs::read_dir(base).with_context(|| format!("reading {}", base.display()))? {
        let folder = entry?.path();
        let is_run = folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("run-"));
        if !is_run || folder.join(KEPT).exists() || in_use(&folder)? {
            continue;
        }
        eprintln!("note: cleaning up after a run that crashed: {}", folder.display());
        for entry in fs::read_dir(&folder)? {
            let file = entry?.path();
            if file.extension().is_some_and(|extension| extension == "pid") {
                stop_recorded(&fs::read_to_string(&file)?);
            }
        }
        fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    Ok(())
}

/// Whether the run that made this folder still lives.
fn in_use(folder: &Path) -> Result<bool> {
    let Ok(lock) = File::open(folder.join(LOCK)) else { return Ok(false) };
    match lock.try_lock() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error).context("looking whether a run still lives"),
    }
}

/// Stops the server that `record` describes, if that pid is still that server.
fn stop_recorded(record: &str) {
    let Some((pid, marker)) = record.split_once('\n') else { return };
    let (Ok(pid), marker) = (pid.trim().parse::<i32>(), marker.trim()) else { return };
    let Some(handle) = Pid::from_raw(pid).filter(|_| pid > 1) else { return };
    let is_ours = || !marker.is_empty() && command_line(pid).is_some_and(|line| line.contains(marker));
    for signal in [Signal::INT, Signal::KILL] {
        if !is_ours() {
            return;
        }
        // Gone in the meantime is as good.
        let _ = kill_process(handle, signal);
        let since = Instant::now();
        while is_ours() && since.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(POLL);
        }
    }
}

/// What a process runs: from `/proc` where there is one, else from `ps`.
fn command_line(pid: i32) -> Option<String> {
    let bytes = if Path::new("/proc/self/cmdline").exists() {
        fs::read(format!("/proc/{pid}/cmdline")).ok()?
    } else {
        Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output().ok()?.stdout
    };
    Some(String::from_utf8_lossy(&bytes).replace('\0', " "))
}

fn lock_base(base: &Path) -> Result<File> {
    let file = base.join(LOCK);
    let lock = File::create(&file).with_context(|| format!("opening {}", file.display()))?;
    lock.lock().with_context(|| format!("locking {}", file.display()))?;
    Ok(lock)
}

/// Makes a folder at a name that anyone can guess, and refuses one that somebody else made.
fn own_folder(folder: &Path) -> Result<()> {
    if !folder.exists() {
        let made = DirBuilder::new().mode(0o755).create(folder);
        made.with_context(|| format!("creating {}", folder.display()))?;
    }
    if !is_ours(folder) {
        bail!("{} belongs to somebody else; remove it or set TMPDIR", folder.display());
    }
    Ok(())
}

fn is_ours(folder: &Path) -> bool {
    let ours = rustix::process::geteuid().as_raw();
    fs::symlink_metadata(folder).is_ok_and(|meta| meta.is_dir() && meta.uid() == ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("hexsync-xtask-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn live_run_is_left_alone_and_removed_at_its_end() {
        let base = Scratch::new("live");
        let run = RunFolder::create_in(&base.0, false).unwrap();
        let path = run.path().to_owned();
        remove_leftovers(&base.0).unwrap();
        assert!(path.exists(), "a run that holds its lock must not be cleaned");
        drop(run);
        assert!(!path.exists());
    }

    #[test]
    fn kept_folder_survives_its_run_and_the_next_clean_up() {
        let base = Scratch::new("kept");
        let run = RunFolder::create_in(&base.0, true).unwrap();
        let path = run.path().to_owned();
        drop(run);
        remove_leftovers(&base.0).unwrap();
        assert!(path.exists());
    }

    #[test]
    fn leftover_server_is_stopped_by_pid_and_its_folder_removed() {
        let base = Scratch::new("leftover");
        let folder = base.0.join("run-crashed");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(LOCK), "").unwrap();
        let marker = folder.display().to_string();
        let mut orphan =
            Command::new("sh").args(["-c", "while :; do sleep 0.05; done", &marker]).spawn().unwrap();
        fs::write(folder.join("orphan.pid"), format!("{}\n{marker}\n", orphan.id())).unwrap();
        // A process just started shows no command line for an instant.
        let pid = i32::try_from(orphan.id()).unwrap();
        while !command_line(pid).is_some_and(|line| line.contains(&marker)) {
            std::thread::sleep(POLL);
        }
        // A dead child stays visible until it is collected, as a true orphan's parent would do.
        let collector = std::thread::spawn(move || orphan.wait().unwrap());
        remove_leftovers(&base.0).unwrap();
        assert!(!collector.join().unwrap().success());
        assert!(!folder.exists());
    }

    #[test]
    fn recorded_pid_that_runs_something_else_is_not_touched() {
        let mut stranger = Command::new("sleep").arg("30").spawn().unwrap();
        stop_recorded(&format!("{}\n/some/other/run\n", stranger.id()));
        assert!(stranger.try_wait().unwrap().is_none(), "the stranger must still run");
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
}
