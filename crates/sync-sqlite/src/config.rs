//! How to open a database.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sync_core::StoreError;

use crate::error::ConnectError;
use crate::store::SqliteStore;

/// Rows on their way from SQLite's thread: enough that it need not wait for the reader within a usual batch.
const ROWS_UNDER_WAY: usize = 4_096;

/// Settings of a [`SqliteStore`]; every one but the place has a default.
#[derive(Clone, Debug)]
pub struct SqliteStoreBuilder {
    place: Place,
    pub(crate) busy_timeout: Duration,
    pub(crate) multi_tenant: bool,
}

#[derive(Clone, Debug)]
enum Place {
    File(PathBuf),
    Url(String),
    Memory,
}

impl SqliteStoreBuilder {
    fn new(place: Place) -> Self {
        Self { place, busy_timeout: Duration::from_secs(10), multi_tenant: false }
    }

    /// A file, created when it is missing. Its directory has to exist.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::new(Place::File(path.into()))
    }

    /// A url: `sqlite:///absolute/path.db`, `sqlite://relative/path.db` or `sqlite::memory:`. The file is
    /// created when it is missing, unless the url says otherwise (`?mode=rw`).
    pub fn url(url: impl Into<String>) -> Self {
        Self::new(Place::Url(url.into()))
    }

    /// A database in memory: empty, and gone with the last clone of the store.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::new(Place::Memory)
    }

    /// How long to wait for other writers, of this process and then of others, before a transaction is
    /// refused as unavailable. Default 10 s; a full batch takes around a tenth of a second.
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// Whether tenants are told apart: a scope without one is then refused (R1). Default no.
    ///
    /// SQLite has nothing below its statements that would keep tenants apart: each statement of this store names the
    /// tenant, those of an application have to.
    #[must_use]
    pub fn multi_tenant(mut self, multi_tenant: bool) -> Self {
        self.multi_tenant = multi_tenant;
        self
    }

    /// Opens the database, and leaves it to the caller to [`migrate`](SqliteStore::migrate).
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the directory is missing, the file can't be written or is no database;
    /// [`StoreError::TooNew`] when a newer release migrated it; [`StoreError::Unavailable`] when it stays
    /// locked for the busy time-out. Each says what to do.
    pub async fn connect(self) -> Result<SqliteStore, StoreError> {
        SqliteStore::connect_with(&self).await
    }

    /// The options of a connection, and the file it opens.
    pub(crate) fn options(&self) -> Result<(SqliteConnectOptions, Option<PathBuf>), StoreError> {
        let (options, path) = match &self.place {
            Place::File(path) => {
                (SqliteConnectOptions::new().filename(path).create_if_missing(true), Some(path.clone()))
            }
            Place::Memory => (SqliteConnectOptions::new().in_memory(true).shared_cache(false), None),
            Place::Url(url) => from_url(url)?,
        };
        let options = options
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(self.busy_timeout)
            // Sixteen megabytes of pages, so that a batch's index pages stay in memory.
            .pragma("cache_size", "-16384")
            .pragma("temp_store", "memory")
            .row_buffer_size(ROWS_UNDER_WAY)
            .disable_statement_logging();
        Ok((options, path))
    }
}

fn from_url(url: &str) -> Result<(SqliteConnectOptions, Option<PathBuf>), StoreError> {
    let wrong = |reason: String| StoreError::Refused {
        during: "reading the database url",
        source: ConnectError::Url { reason }.into(),
    };
    if !url.starts_with("sqlite:") {
        return Err(wrong("it does not begin with sqlite:".to_owned()));
    }
    let options = SqliteConnectOptions::from_str(url).map_err(|error| match error {
        sqlx::Error::Configuration(reason) => wrong(reason.to_string()),
        _ => wrong("it is malformed".to_owned()),
    })?;
    let memory = url.contains(":memory:") || url.contains("mode=memory");
    let path = (!memory).then(|| options.get_filename().to_owned());
    let says_mode = url.contains("mode=");
    Ok((if says_mode { options } else { options.create_if_missing(true) }, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_urls_say_what_to_write() {
        for url in ["postgres://localhost/db", "data.db", "sqlite://data.db?mode=sometimes"] {
            let error = SqliteStoreBuilder::url(url).options().unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.contains("sqlite:///path/to/file.db"), "{cause}");
        }
    }

    #[test]
    fn urls_name_a_file_or_memory() {
        let path = |url| SqliteStoreBuilder::url(url).options().unwrap().1;
        assert_eq!(path("sqlite:///var/lib/app/data.db"), Some("/var/lib/app/data.db".into()));
        assert_eq!(path("sqlite://data.db?mode=rw"), Some("data.db".into()));
        assert_eq!(path("sqlite::memory:"), None);
    }
}
