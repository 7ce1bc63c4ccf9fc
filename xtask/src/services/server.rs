//! One server process: started in a process group of its own, stopped on drop.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;

use super::run_folder::RunFolder;
use crate::process;

/// How long a server may take to answer; a cold disk under a busy build is slow.
const START: Duration = Duration::from_secs(60);
/// How long it may take to stop before it is killed.
const STOP: Duration = Duration::from_secs(10);
/// Somebody else may take a free port between our looking and the server's binding.
const TRIES: usize = 3;

/// A running server.
pub(crate) struct Server {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts a server on a free port and waits until `ready` says so.
    ///
    /// `command` gets the port and gives the command with the words by which the process can be
    /// known later.
    pub(crate) fn start(
        name: &'static str,
        folder: &RunFolder,
        command: impl Fn(u16) -> (Command, String),
        ready: impl Fn(u16) -> bool,
    ) -> Result<(Self, u16)> {
        for attempt in 1.. {
            let port = free_port()?;
            let (command, marker) = command(port);
            let mut server = Self::spawn(name, folder, command, &marker)?;
            if server.wait(|| ready(port))? {
                return Ok((server, port));
            }
            if attempt == TRIES {
                bail!("{name} did not start:\n{}", server.log_tail());
            }
        }
        unreachable!("the loop above ends by returning")
    }

    fn spawn(name: &'static str, folder: &RunFolder, mut command: Command, marker: &str) -> Result<Self> {
        let log = folder.path().join(format!("{name}.log"));
        let out = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        let err = out.try_clone().context("sharing a log file")?;
        // Its own group: Ctrl-C must reach the tests first, and the servers only through us.
        command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0);
        let child = command.spawn().with_context(|| format!("starting `{}`", process::show(&command)))?;
        // From here on a failure stops the child by dropping this value.
        let server = Self { name, child, log };
        folder.record(name, server.child.id(), marker)?;
        Ok(server)
    }

    /// Whether the server got ready; `false` when it ended instead.
    fn wait(&mut self, ready: impl Fn() -> bool) -> Result<bool> {
        let since = Instant::now();
        while since.elapsed() < START {
            process::check_interrupted()?;
            if self.exited()?.is_some() {
                return Ok(false);
            }
            if ready() {
                return Ok(true);
            }
            std::thread::sleep(process::POLL);
        }
        bail!("{} did not answer within {} s:\n{}", self.name, START.as_secs(), self.log_tail())
    }

    /// The program's name.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// How the server ended, if it did.
    pub(crate) fn exited(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("watching {}", self.name))
    }

    /// The end of what the server said.
    pub(crate) fn log_tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGINT is a fast shutdown for PostgreSQL and a normal one for Redis.
        process::stop(&mut self.child, Signal::INT, STOP);
    }
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(listener.local_addr()?.port())
}
