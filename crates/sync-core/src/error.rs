//! One error enum per port boundary. Variants say what to do next; the engine asks [`SourceError::retry`]
//! and [`SinkError::fault`] and never matches a provider's or a database's code.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::{ExternalId, HolderId, MissingTenantId};

/// An error from outside, kept as a cause.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What a caller can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Try again soon, with backoff.
    Soon,
    /// Try again after this time.
    After(Duration),
    /// Trying again changes nothing.
    Never,
}

/// A source could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A passing fault; the provider already retried within its bounds.
    #[error("{call} failed for now; the next run resumes from the cursor")]
    Transient {
        /// What was attempted.
        call: &'static str,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// The provider asked to slow down for longer than a call may wait.
    #[error("{call} is throttled for {retry_after:?}")]
    Throttled {
        /// What was attempted.
        call: &'static str,
        /// How long to wait.
        retry_after: Duration,
    },
    /// The API budget of the CRM account is spent down to the reserve kept for the customer's other tools.
    #[error(
        "the API budget is spent ({used} of {max} calls, the rest is kept in reserve); the run resumes when calls free up"
    )]
    BudgetSpent {
        /// Calls used in the provider's window.
        used: u64,
        /// Calls allowed in it.
        max: u64,
    },
    /// The grant is dead or lacks rights: somebody has to connect again.
    #[error("{call} is not authorised: {reason}; reconnect the account")]
    Unauthorised {
        /// What was attempted.
        call: &'static str,
        /// The provider's reason, without secrets.
        reason: String,
    },
    /// The provider refuses this call for good.
    #[error("{call} was refused ({code}): {reason}")]
    Permanent {
        /// What was attempted.
        call: &'static str,
        /// The provider's code.
        code: String,
        /// The provider's words.
        reason: String,
    },
    /// The stored cursor is not one of this source's.
    #[error("the stored cursor can't be read by {source_label}: {reason}; run a full sync to start over")]
    BadCursor {
        /// Which source.
        source_label: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A sweep would delete more than it may (R20).
    #[error(
        "the comparison would delete {ghosts} of {local} local records, more than the brake allows ({limit}); nothing was deleted; check the connection's visibility, then allow it explicitly"
    )]
    Braked {
        /// Local records missing upstream.
        ghosts: u64,
        /// Local records in all.
        local: u64,
        /// The most that may go.
        limit: u64,
    },
    /// A listing ended before it was complete (R20).
    #[error("the listing of ids is incomplete after {listed} ids; nothing was deleted, run it again")]
    IncompleteListing {
        /// Ids that arrived.
        listed: u64,
        /// Ids announced, where the listing got that far.
        expected: Option<u64>,
    },
    /// The application's own store, read by the source, failed.
    #[error("reading local rows failed")]
    Store(#[from] StoreError),
}

impl SourceError {
    /// What the engine can do about it.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Transient { .. } => Retry::Soon,
            Self::Throttled { retry_after, .. } => Retry::After(*retry_after),
            Self::Store(store) => store.retry(),
            _ => Retry::Never,
        }
    }
}

/// A store could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database can't be reached or gave up for now.
    #[error("the database is unavailable while {during}")]
    Unavailable {
        /// What was attempted.
        during: &'static str,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// The lease was lost to another holder; nothing of this transaction may be committed (R12).
    #[error("the lease was lost to another process; this run stops without committing")]
    Fenced,
    /// A stored row can't be read back.
    #[error("{table}.{column} of row {row} can't be read: {reason}")]
    Corrupt {
        /// Which table.
        table: &'static str,
        /// Which column.
        column: &'static str,
        /// Which row.
        row: String,
        /// What is wrong.
        reason: String,
    },
    /// The database was migrated by a newer release.
    #[error(
        "the database is at migration {found}, this release knows up to {supported}; upgrade the program"
    )]
    TooNew {
        /// The newest migration applied.
        found: i64,
        /// The newest this release knows.
        supported: i64,
    },
    /// The database lacks migrations.
    #[error("the database is at migration {found}, {required} is required; run the migrations first")]
    TooOld {
        /// The newest migration applied, 0 for none.
        found: i64,
        /// The newest this release knows.
        required: i64,
    },
    /// The database refuses for good: full disk, missing right, broken schema.
    #[error("the database refused while {during}")]
    Refused {
        /// What was attempted.
        during: &'static str,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// What was named does not exist.
    #[error("there is no {what} {id}")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// Tenants are told apart, and none was given.
    #[error(transparent)]
    MissingTenantId(#[from] MissingTenantId),
}

impl StoreError {
    /// What the engine can do about it.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        match self {
            Self::Unavailable { .. } => Retry::Soon,
            _ => Retry::Never,
        }
    }
}

/// A sink could not write.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// A record is at fault. Its neighbours can still be written.
    #[error("{reason}")]
    Record {
        /// Which record, when the sink knows; the engine searches otherwise.
        external_id: Option<ExternalId>,
        /// A short name for the kind of failure: `text`, `number`, `constraint`, `missing_parent`, ….
        class: &'static str,
        /// Why, in words, without field values.
        reason: String,
    },
    /// The store is at fault, whatever the record.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who is to blame for a failed write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// One of the records.
    Record,
    /// The store.
    Store,
}

impl SinkError {
    /// Who is to blame.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Record { .. } => Fault::Record,
            Self::Store(_) => Fault::Store,
        }
    }
}

/// An error with its causes in one line, as it is kept in the audit and shown. A cause that its effect has quoted already
/// is not repeated.
#[must_use]
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

/// A fingerprint store could not answer.
#[derive(Debug, thiserror::Error)]
#[error("the fingerprint store is unavailable")]
pub struct LoopbackError(#[source] pub BoxError);

/// A run could not be carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// Tenants are told apart, and the request has none (R1). No run was opened.
    #[error(transparent)]
    MissingTenantId(#[from] MissingTenantId),
    /// The request's tenant is not the subscription's.
    #[error("the subscription belongs to another tenant than the request")]
    WrongTenant,
    /// The subscription's entity is not this engine's.
    #[error("the subscription is for `{found}`, this engine syncs `{expected}`")]
    WrongEntity {
        /// The engine's entity.
        expected: &'static str,
        /// The subscription's.
        found: String,
    },
    /// Another run of the subscription holds the lease (R12). No run was opened.
    #[error("the subscription is being synced by {holder}, its lease runs until {until}")]
    AlreadyRunning {
        /// Who holds it.
        holder: HolderId,
        /// Until when, unless renewed.
        until: DateTime<Utc>,
    },
    /// The subscription is paused. No run was opened.
    #[error("the subscription is paused; resume it first")]
    Paused,
    /// No run could be opened or closed in the store.
    #[error("the run could not be recorded")]
    Store(#[from] StoreError),
    /// What was asked needs an adapter that was not given.
    #[error("{0}")]
    Unsupported(&'static str),
    /// The books don't balance: a defect in the engine or an adapter, never silently passed (R19).
    #[error("{0}")]
    NotConserved(String),
}
