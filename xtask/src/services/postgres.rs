//! A PostgreSQL of our own.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::account::Account;
use super::run_folder::RunFolder;
use super::server::Server;
use crate::process;

/// How hard the server tries to keep what it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Nothing is synced to disk: tests kill clients, never the machine.
    Tests,
    /// PostgreSQL's defaults, so that measured numbers mean something.
    Full,
}

/// The programs of one installation.
pub(crate) struct Programs {
    initdb: PathBuf,
    postgres: PathBuf,
}

/// Looks on `PATH` and where packages put the server, newest version first.
pub(crate) fn find() -> Option<Programs> {
    let mut folders = process::path_folders();
    for (base, start, end) in [
        ("/usr/lib/postgresql", "", "bin"), // Debian, one folder per version
        ("/usr", "pgsql-", "bin"),          // packages of the PostgreSQL project for Fedora and kin
        ("/opt/homebrew/opt", "postgresql", "bin"),
        ("/usr/local/opt", "postgresql", "bin"),
    ] {
        folders.extend(versions(Path::new(base), start).into_iter().map(|folder| folder.join(end)));
    }
    folders.extend(["/usr/local/bin", "/usr/local/pgsql/bin", "/opt/homebrew/bin"].map(PathBuf::from));
    let folder = process::folder_with(&folders, &["initdb", "postgres"])?;
    Some(Programs { initdb: folder.join("initdb"), postgres: folder.join("postgres") })
}

/// Creates a cluster and starts it; gives its URL.
pub(crate) fn start(
    programs: &Programs,
    folder: &RunFolder,
    account: Option<Account>,
    durability: Durability,
) -> Result<(Server, String)> {
    let data = folder.path().join("postgres");
    DirBuilder::new().mode(0o700).create(&data).with_context(|| format!("creating {}", data.display()))?;
    if let Some(account) = account {
        account.own(&data)?;
    }

    // Trust is safe enough: loopback only, throw-away data.
    let mut initdb = command(&programs.initdb, folder, account);
    initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
    process::run_quietly(initdb.arg("--pgdata").arg(&data))?;

    let (server, port) = Server::start(
        "postgres",
        folder,
        |port| {
            let mut postgres = command(&programs.postgres, folder, account);
            postgres.arg("-D").arg(&data);
            for setting in settings(port, durability) {
                postgres.arg("-c").arg(setting);
            }
            (postgres, data.display().to_string())
        },
        |_| is_ready(&data),
    )?;
    Ok((server, format!("postgres://postgres@127.0.0.1:{port}/postgres")))
}

fn settings(port: u16, durability: Durability) -> Vec<String> {
    let mut settings = vec![
        format!("port={port}"),
        "listen_addresses=127.0.0.1".into(),
        // No socket: its path must stay below 108 bytes, which a target directory can exceed.
        "unix_socket_directories=".into(),
        // Each test has a pool of its own.
        "max_connections=200".into(),
    ];
    if durability == Durability::Tests {
        settings.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"].map(String::from));
    }
    settings
}

/// A command as the right user, in a folder that user can enter, and without the caller's `PG*`
/// variables, which would redirect it.
fn command(program: &Path, folder: &RunFolder, account: Option<Account>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder.path()).env("LC_ALL", "C");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            command.env_remove(name);
        }
    }
    if let Some(account) = account {
        account.apply(&mut command);
    }
    command
}

/// The server itself writes `ready` into the eighth line of its pid file; `pg_ctl` waits for that too.
fn is_ready(data: &Path) -> bool {
    let text = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    text.lines().nth(7).is_some_and(|line| line.trim() == "ready")
}

/// The folders in `base` whose names start with `start`, highest version first.
fn versions(base: &Path, start: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(base).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(start))
        .map(|entry| (version(&entry.file_name().to_string_lossy()), entry.path()))
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, path)| path).collect()
}

fn version(name: &str) -> u32 {
    let digits: String =
        name.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(version("16") > version("9.6"));
        assert!(version("postgresql@17") > version("postgresql@9"));
        assert_eq!(version("postgresql"), 0);
    }

    #[test]
    fn bench_server_keeps_default_durability() {
        assert!(settings(1, Durability::Tests).contains(&"fsync=off".to_owned()));
        let full = settings(1, Durability::Full);
        for name in ["fsync", "synchronous_commit", "full_page_writes"] {
            assert!(!full.iter().any(|setting| setting.starts_with(name)), "{name} must not be set");
        }
    }
}
