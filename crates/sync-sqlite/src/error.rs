//! What SQLite's and the driver's errors mean to the engine.

use std::path::{Path, PathBuf};

use sync_core::{SinkError, StoreError};

/// Why a database could not be opened, and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("the database url can't be read: {reason}; write it as sqlite:///path/to/file.db")]
    Url { reason: String },
    #[error("the directory of {path} does not exist; create it first, or correct the path")]
    NoDirectory { path: PathBuf },
    #[error("{path} is a directory; name a file in it")]
    IsDirectory { path: PathBuf },
    #[error("{path} is not an SQLite database; move the file away, or correct the path")]
    NotADatabase { path: PathBuf },
    #[error("{path} is damaged; restore it from a backup, or save what `sqlite3 FILE .recover` still reads")]
    Damaged { path: PathBuf },
    #[error("{path} can't be opened for writing; the file and its directory have to be writable")]
    NotWritable { path: PathBuf },
    #[error("{path} is locked by another process; end it, or wait for longer")]
    Locked { path: PathBuf },
}

/// What a result code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The database gave up for now.
    Unavailable,
    /// One of the records is at fault: the class and the words for it.
    Record(&'static str, &'static str),
    /// The database refuses for good.
    Refused,
}

// Primary result codes (https://www.sqlite.org/rescode.html); the low byte of an extended one.
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const NOMEM: i32 = 7;
const READONLY: i32 = 8;
const INTERRUPT: i32 = 9;
const IOERR: i32 = 10;
const CORRUPT: i32 = 11;
const CANTOPEN: i32 = 14;
const PROTOCOL: i32 = 15;
const TOOBIG: i32 = 18;
const CONSTRAINT: i32 = 19;
const MISMATCH: i32 = 20;
const NOTADB: i32 = 26;

/// What an extended result code means.
pub(crate) fn meaning(code: i32) -> Meaning {
    match code {
        275 => return Meaning::Record("constraint", "a check of the table refuses the row"),
        787 => return Meaning::Record("constraint", "a row that is referred to does not exist"),
        1299 => return Meaning::Record("constraint", "a column that must not be empty is empty"),
        1555 | 2067 => return Meaning::Record("constraint", "another row has the same unique value"),
        3091 => return Meaning::Record("value", "a value does not fit its column"),
        _ => {}
    }
    match code & 0xff {
        BUSY | LOCKED | NOMEM | INTERRUPT | IOERR | PROTOCOL => Meaning::Unavailable,
        CONSTRAINT => Meaning::Record("constraint", "a constraint of the table refuses the row"),
        MISMATCH => Meaning::Record("value", "a value does not fit its column"),
        // Of a batch, or of a record that is too large even alone: the engine halves until it knows.
        TOOBIG => Meaning::Record("text", "the record is larger than the database takes at once"),
        _ => Meaning::Refused,
    }
}

/// The error of a statement that does not write records.
pub(crate) fn store_error(during: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |error| {
        let passing = match code(&error) {
            Some(code) => meaning(code) == Meaning::Unavailable,
            None => is_connection_fault(&error),
        };
        let source = error.into();
        if passing {
            StoreError::Unavailable { during, source }
        } else {
            StoreError::Refused { during, source }
        }
    }
}

/// The error of a statement that writes records. It does not name the record: SQLite does not either.
pub(crate) fn sink_error(during: &'static str) -> impl FnOnce(sqlx::Error) -> SinkError {
    move |error| match code(&error).map(meaning) {
        Some(Meaning::Record(class, words)) => {
            SinkError::Record { external_id: None, class, reason: with_columns(words, &error) }
        }
        _ => store_error(during)(error).into(),
    }
}

/// The error of opening a database file; `None` for one in memory.
pub(crate) fn connect_error(path: Option<&Path>, error: sqlx::Error) -> StoreError {
    const DURING: &str = "opening the database";
    let (Some(path), Some(code)) = (path.map(Path::to_owned), code(&error)) else {
        return store_error(DURING)(error);
    };
    let source = match code & 0xff {
        BUSY | LOCKED => {
            return StoreError::Unavailable { during: DURING, source: ConnectError::Locked { path }.into() };
        }
        CANTOPEN if path.is_dir() => ConnectError::IsDirectory { path },
        CANTOPEN if !directory(&path).is_dir() => ConnectError::NoDirectory { path },
        CANTOPEN | READONLY => ConnectError::NotWritable { path },
        NOTADB => ConnectError::NotADatabase { path },
        CORRUPT => ConnectError::Damaged { path },
        _ => return store_error(DURING)(error),
    };
    StoreError::Refused { during: DURING, source: source.into() }
}

/// Whether one value would be larger than SQLite takes, a thousand million bytes.
pub(crate) fn is_too_big(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| code & 0xff == TOOBIG)
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

fn is_connection_fault(error: &sqlx::Error) -> bool {
    use sqlx::Error as E;
    matches!(error, E::Io(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::BeginFailed)
}

/// The words with the table's columns, which SQLite names behind the last colon of its message.
fn with_columns(words: &str, error: &sqlx::Error) -> String {
    let message = error.as_database_error().map(|error| error.message()).unwrap_or_default();
    match message.split_once(" constraint failed: ") {
        Some((_, columns)) => format!("{words} ({columns})"),
        None => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_to_do_next() {
        use Meaning::{Record, Refused, Unavailable};
        let passing = [
            ("BUSY", 5),
            ("BUSY_SNAPSHOT", 517),
            ("LOCKED", 6),
            ("NOMEM", 7),
            ("INTERRUPT", 9),
            ("IOERR", 10),
            ("IOERR_FSYNC", 1034),
            ("PROTOCOL", 15),
        ];
        for (name, code) in passing {
            assert_eq!(meaning(code), Unavailable, "{name}");
        }
        let for_good = [
            ("ERROR", 1),
            ("PERM", 3),
            ("READONLY", 8),
            ("READONLY_DBMOVED", 1032),
            ("CORRUPT", 11),
            ("FULL", 13),
            ("CANTOPEN", 14),
            ("SCHEMA", 17),
            ("MISUSE", 21),
            ("AUTH", 23),
            ("NOTADB", 26),
        ];
        for (name, code) in for_good {
            assert_eq!(meaning(code), Refused, "{name}");
        }
        let of_a_record = [
            ("CONSTRAINT", 19, "constraint"),
            ("CONSTRAINT_CHECK", 275, "constraint"),
            ("CONSTRAINT_FOREIGNKEY", 787, "constraint"),
            ("CONSTRAINT_NOTNULL", 1299, "constraint"),
            ("CONSTRAINT_PRIMARYKEY", 1555, "constraint"),
            ("CONSTRAINT_TRIGGER", 1811, "constraint"),
            ("CONSTRAINT_UNIQUE", 2067, "constraint"),
            ("CONSTRAINT_DATATYPE", 3091, "value"),
            ("MISMATCH", 20, "value"),
            ("TOOBIG", 18, "text"),
        ];
        for (name, code, class) in of_a_record {
            assert!(matches!(meaning(code), Record(found, _) if found == class), "{name}");
        }
    }

    #[test]
    fn faults_of_the_driver_are_passing_where_the_connection_is_to_blame() {
        assert!(matches!(store_error("x")(sqlx::Error::PoolTimedOut), StoreError::Unavailable { .. }));
        assert!(matches!(store_error("x")(sqlx::Error::WorkerCrashed), StoreError::Unavailable { .. }));
        assert!(matches!(store_error("x")(sqlx::Error::RowNotFound), StoreError::Refused { .. }));
    }
}
