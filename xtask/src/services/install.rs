//! Installing missing servers where that needs no questions, and saying what to install elsewhere.

use std::process::Command;

use anyhow::{Result, bail};

use crate::process;

/// A server that a chore needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Postgres,
    Redis,
    Nats,
}

impl Backend {
    fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis",
            Self::Nats => "NATS",
        }
    }

    fn debian(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql",
            Self::Redis => "redis-server",
            Self::Nats => "nats-server",
        }
    }

    fn fedora(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql-server",
            Self::Redis => "valkey",
            Self::Nats => "nats-server",
        }
    }

    fn arch(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql",
            Self::Redis => "valkey",
            Self::Nats => "nats-server",
        }
    }

    fn homebrew(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql",
            Self::Redis => "redis",
            Self::Nats => "nats-server",
        }
    }
}

/// Debian's packages start a service when they are installed, unless this policy file says no. One
/// that is there already belongs to the machine and stays as it is.
const SCRIPT: &str = r#"
set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM HUP
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends "$@" >/dev/null
"#;

/// Installs what is missing if this is Debian or Ubuntu and we may; else fails with [`hint`].
pub(crate) fn ensure(missing: &[Backend]) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let Some(mut command) = as_root().filter(|_| process::on_path("apt-get")) else {
        bail!("{}", hint(missing));
    };
    let packages: Vec<_> = missing.iter().map(|backend| backend.debian()).collect();
    eprintln!("installing with apt-get: {}", packages.join(" "));
    command.args(["sh", "-c", SCRIPT, "sh"]).args(packages);
    if !process::status(&mut command)?.success() {
        process::check_interrupted()?;
        bail!("apt-get failed, see above\n{}", hint(missing));
    }
    Ok(())
}

/// A prefix that runs a command as root without asking for a password, if there is one.
fn as_root() -> Option<Command> {
    if rustix::process::geteuid().is_root() {
        return Some(Command::new("env"));
    }
    let passwordless = process::succeeds(Command::new("sudo").args(["-n", "true"]));
    passwordless.then(|| {
        let mut sudo = Command::new("sudo");
        sudo.arg("-n");
        sudo
    })
}

/// What to type on each system.
pub(crate) fn hint(missing: &[Backend]) -> String {
    let names = missing.iter().map(|backend| backend.name()).collect::<Vec<_>>().join(" and ");
    let packages =
        |of: fn(Backend) -> &'static str| missing.iter().map(|&one| of(one)).collect::<Vec<_>>().join(" ");
    format!(
        "{names} not found; install it and run this again:
  Debian, Ubuntu  sudo apt-get install --no-install-recommends {}
  Fedora          sudo dnf install {}
  Arch            sudo pacman -S {}
  macOS           brew install {}
or point HEXSYNC_TEST_POSTGRES_URL, HEXSYNC_TEST_REDIS_URL and HEXSYNC_TEST_NATS_URL at servers of yours,
or run `cargo test --workspace`, which skips the tests that need them",
        packages(Backend::debian),
        packages(Backend::fedora),
        packages(Backend::arch),
        packages(Backend::homebrew),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hint_names_only_what_is_missing() {
        let text = hint(&[Backend::Redis]);
        assert!(text.starts_with("Redis not found"), "{text}");
        assert!(text.contains("apt-get install --no-install-recommends redis-server\n"), "{text}");
        assert!(!text.contains("postgresql"), "{text}");
    }
}
