//! How the program ends, for scripts.

use std::process::ExitCode;

/// The exit codes; documented in the README and in `hexsync --help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Ok,
    /// It failed; nothing or not everything was done.
    Failure,
    /// The command line or the configuration is wrong; nothing was done.
    Usage,
    /// `plan --check`: there are changes.
    Changes,
    /// Done but for a part: records were parked, or some of several subscriptions failed.
    Partial,
    /// Another process is syncing the same subscription.
    Busy,
    /// Ended early by Ctrl-C or SIGTERM.
    Interrupted,
}

impl Exit {
    /// The number that the shell sees.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failure => 1,
            Self::Usage | Self::Changes => 2,
            Self::Partial => 3,
            Self::Busy => 4,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What `hexsync --help` says of them.
pub(crate) const HELP: &str = "\
Exit codes:
  0    done
  1    failed
  2    wrong command line or configuration; with `plan --check`: there are changes
  3    done in part: records were parked, or some of several subscriptions failed
  4    another process is syncing the same subscription
  130  ended early by Ctrl-C or SIGTERM; the next run resumes";
