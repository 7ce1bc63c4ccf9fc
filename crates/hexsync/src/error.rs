//! What the program says when something can't be done: the chain of causes once, and the next step.

use std::fmt;

use sync_wiring::WiringError;
pub(crate) use sync_wiring::core::error_chain as chain;
use sync_wiring::core::{StoreError, SyncError};

use crate::config::{ConfigError, DatabaseUrlError, SecretError};
use crate::exit::Exit;

/// A command that could not be carried out.
#[derive(Debug)]
pub(crate) struct CliError {
    /// How the program ends.
    pub(crate) exit: Exit,
    /// What happened.
    error: anyhow::Error,
    /// What to do next, where the error does not say it already.
    next: Option<String>,
}

/// The form of an error with `--json`.
#[derive(serde::Serialize)]
struct Told<'a> {
    error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
    exit_code: u8,
}

impl CliError {
    /// A failure.
    pub(crate) fn new(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Failure, error: error.into(), next: None }
    }

    /// A failure in words.
    pub(crate) fn text(text: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Self::new(anyhow::Error::msg(text))
    }

    /// A command line that can't be meant.
    pub(crate) fn usage(text: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Self { exit: Exit::Usage, ..Self::text(text) }
    }

    /// With the next step.
    #[must_use]
    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// With another end.
    #[must_use]
    pub(crate) fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// What happened, and the next step, apart.
    pub(crate) fn parts(&self) -> (String, Option<String>) {
        (chain(self.error.as_ref()), self.next.clone())
    }

    /// Whether the reader of our output went away: nobody is left to be told.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.error.chain().any(|cause| {
            cause
                .downcast_ref::<std::io::Error>()
                .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
        })
    }

    /// One line of JSON.
    pub(crate) fn to_json(&self) -> String {
        let told = Told {
            error: chain(self.error.as_ref()),
            next: self.next.as_deref(),
            exit_code: self.exit.code(),
        };
        // Texts and a number always make JSON.
        serde_json::to_string(&told).unwrap_or_default()
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", chain(self.error.as_ref()))?;
        match &self.next {
            Some(next) => write!(f, "\n  next: {next}"),
            None => Ok(()),
        }
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        Self::new(error)
    }
}

impl From<serde_json::Error> for CliError {
    fn from(error: serde_json::Error) -> Self {
        // Writing JSON fails only where writing fails.
        Self::new(std::io::Error::from(error))
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        let missing = matches!(&error, ConfigError::Unreadable { source, .. }
            if source.kind() == std::io::ErrorKind::NotFound);
        let error = Self::new(error).exit(Exit::Usage);
        if missing {
            error.next("run `hexsync init` to write one, or name yours by --config or HEXSYNC_CONFIG")
        } else {
            error
        }
    }
}

impl From<SecretError> for CliError {
    fn from(error: SecretError) -> Self {
        Self::new(error).exit(Exit::Usage)
    }
}

impl From<DatabaseUrlError> for CliError {
    fn from(error: DatabaseUrlError) -> Self {
        Self::new(error).exit(Exit::Usage).next("correct [database] in the configuration")
    }
}

impl From<WiringError> for CliError {
    fn from(error: WiringError) -> Self {
        Self::new(error)
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let next = match &error {
            StoreError::TooOld { .. } => Some("run `hexsync migrate`"),
            StoreError::Unavailable { .. } | StoreError::Refused { .. } => {
                Some("check [database] in the configuration; `hexsync doctor` tells more")
            }
            StoreError::NotFound { what: "subscription", .. } => Some("see `hexsync subscriptions list`"),
            StoreError::MissingTenantId(_) => Some("name the tenant by --tenant"),
            _ => None,
        };
        let error = Self::new(error);
        match next {
            Some(next) => error.next(next),
            None => error,
        }
    }
}

impl From<SyncError> for CliError {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Store(error) => error.into(),
            SyncError::AlreadyRunning { .. } => Self::new(error)
                .exit(Exit::Busy)
                .next("wait for that run to end, or for its lease to run out"),
            SyncError::Paused => Self::new(error).next("run `hexsync subscriptions resume ID`"),
            error => Self::new(error),
        }
    }
}
