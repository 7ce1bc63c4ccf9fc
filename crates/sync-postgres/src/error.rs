//! What the server's and the driver's errors mean to the engine.

use sqlx::postgres::PgDatabaseError;
use sync_core::{BoxError, ExternalId, SinkError, StoreError};

/// An error of the server as it may be shown: without the detail, which quotes values of the row.
#[derive(Debug, thiserror::Error)]
#[error("{message} (SQLSTATE {code})")]
pub(crate) struct ServerError {
    code: String,
    message: String,
}

/// Why no connection could be made, and what to check. Never holds the password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error(
        "the database url can't be read: {reason}; write it as postgres://user:password@host:port/database"
    )]
    Url { reason: String },
    #[error("no PostgreSQL server answers at {at}; check that it runs, and the host and port of the url")]
    Unreachable {
        at: String,
        #[source]
        source: BoxError,
    },
    #[error("the server at {at} refuses the login ({message}); check the user and password of the url")]
    Login { at: String, message: String },
    #[error("the server at {at} has no such database; create it first, or correct the url")]
    NoDatabase { at: String },
}

/// What a SQLSTATE means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The server gave up for now.
    Unavailable,
    /// One of the records is at fault: the class and the words for it.
    Record(&'static str, &'static str),
    /// The server refuses for good.
    Refused,
}

/// What a SQLSTATE means (PostgreSQL manual, appendix A).
pub(crate) fn meaning(code: &str) -> Meaning {
    match code {
        "22001" => Meaning::Record("text", "a text is too long for its column"),
        "22021" | "22P05" => Meaning::Record("text", "a text holds characters that the database can't keep"),
        "54000" => Meaning::Record("text", "a value is too long for an index of the table"),
        "22003" => Meaning::Record("number", "a number is out of its column's range"),
        "22007" | "22008" => Meaning::Record("date", "a date or an instant is out of range"),
        "23502" => Meaning::Record("constraint", "a column that must not be empty is empty"),
        "23503" => Meaning::Record("constraint", "a row that is referred to does not exist"),
        "23505" => Meaning::Record("constraint", "another row has the same unique value"),
        "23514" => Meaning::Record("constraint", "a check of the table refuses the row"),
        "57014" | "57P01" | "57P02" | "57P03" | "53200" | "53300" | "40001" | "40P01" | "55P03" => {
            Meaning::Unavailable
        }
        _ if code.starts_with("08") => Meaning::Unavailable,
        _ if code.starts_with("22") => Meaning::Record("value", "a value does not fit its column"),
        _ if code.starts_with("23") => {
            Meaning::Record("constraint", "a constraint of the table refuses the row")
        }
        _ => Meaning::Refused,
    }
}

/// The error of a statement that does not write records.
pub(crate) fn store_error(during: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |error| {
        let passing = match server_error(&error) {
            Some(server) => meaning(server.code()) == Meaning::Unavailable,
            None => is_connection_fault(&error),
        };
        let source = shown(error);
        if passing {
            StoreError::Unavailable { during, source }
        } else {
            StoreError::Refused { during, source }
        }
    }
}

/// The error of a statement that writes records. `name` tells which record stands in a line of a COPY, from 1.
pub(crate) fn sink_error<'a>(
    during: &'static str,
    name: impl FnOnce(usize) -> Option<&'a ExternalId>,
) -> impl FnOnce(sqlx::Error) -> SinkError {
    move |error| {
        let Some(server) = server_error(&error) else { return store_error(during)(error).into() };
        let Meaning::Record(class, words) = meaning(server.code()) else {
            return store_error(during)(error).into();
        };
        let reason = match (server.constraint(), server.column()) {
            (Some(constraint), _) => format!("{words} (constraint {constraint})"),
            (None, Some(column)) => format!("{words} (column {column})"),
            (None, None) => words.to_owned(),
        };
        let external_id = server.r#where().and_then(copy_line).and_then(name).cloned();
        SinkError::Record { external_id, class, reason }
    }
}

/// Whether the error says that a unique key is taken.
pub(crate) fn is_unique_violation(error: &sqlx::Error) -> bool {
    server_error(error).is_some_and(|server| server.code() == "23505")
}

/// The SQLSTATE, where the server refused.
pub(crate) fn server_code(error: &sqlx::Error) -> Option<String> {
    server_error(error).map(|server| server.code().to_owned())
}

/// The error of the first connection.
pub(crate) fn connect_error(at: String, error: sqlx::Error) -> StoreError {
    const DURING: &str = "connecting";
    match server_code(&error).as_deref() {
        Some("28P01" | "28000") => {
            let message = server_error(&error).map_or_else(String::new, |server| server.message().to_owned());
            StoreError::Refused { during: DURING, source: ConnectError::Login { at, message }.into() }
        }
        Some("3D000") => {
            StoreError::Refused { during: DURING, source: ConnectError::NoDatabase { at }.into() }
        }
        Some(_) => store_error(DURING)(error),
        None if is_connection_fault(&error) => StoreError::Unavailable {
            during: DURING,
            source: ConnectError::Unreachable { at, source: error.into() }.into(),
        },
        None => StoreError::Refused { during: DURING, source: error.into() },
    }
}

fn server_error(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    error.as_database_error()?.try_downcast_ref()
}

fn is_connection_fault(error: &sqlx::Error) -> bool {
    use sqlx::Error as E;
    matches!(
        error,
        E::Io(_)
            | E::Tls(_)
            | E::Protocol(_)
            | E::PoolTimedOut
            | E::PoolClosed
            | E::WorkerCrashed
            | E::BeginFailed
    )
}

fn shown(error: sqlx::Error) -> BoxError {
    match server_error(&error) {
        Some(server) => {
            ServerError { code: server.code().to_owned(), message: server.message().to_owned() }.into()
        }
        None => error.into(),
    }
}

/// The line of `COPY samples, line 7, column amount`, the context of an error within a COPY.
fn copy_line(context: &str) -> Option<usize> {
    let rest = context.strip_prefix("COPY ")?.split_once(", line ")?.1;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_to_do_next() {
        use Meaning::{Record, Refused, Unavailable};
        let class = |code| match meaning(code) {
            Record(class, _) => class,
            other => panic!("{code} is {other:?}"),
        };
        for code in [
            "08000", "08006", "57P01", "57P02", "57P03", "57014", "53300", "53200", "40001", "40P01", "55P03",
        ] {
            assert_eq!(meaning(code), Unavailable, "{code}");
        }
        for code in ["53100", "42P01", "42501", "25006", "25P02", "28P01", "3D000", "XX000", "0A000"] {
            assert_eq!(meaning(code), Refused, "{code}");
        }
        for (code, expected) in [
            ("22001", "text"),
            ("22021", "text"),
            ("54000", "text"),
            ("22003", "number"),
            ("22008", "date"),
            ("22P02", "value"),
            ("23502", "constraint"),
            ("23503", "constraint"),
            ("23505", "constraint"),
            ("23514", "constraint"),
            ("23P01", "constraint"),
        ] {
            assert_eq!(class(code), expected, "{code}");
        }
    }

    #[test]
    fn faults_of_the_driver_are_passing_where_the_connection_is_to_blame() {
        let lost = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert!(matches!(store_error("x")(sqlx::Error::Io(lost)), StoreError::Unavailable { .. }));
        assert!(matches!(store_error("x")(sqlx::Error::PoolTimedOut), StoreError::Unavailable { .. }));
        assert!(matches!(store_error("x")(sqlx::Error::RowNotFound), StoreError::Refused { .. }));
    }

    #[test]
    fn line_of_a_copy_is_found_in_its_context() {
        assert_eq!(copy_line("COPY samples, line 7, column amount"), Some(7));
        assert_eq!(copy_line("COPY samples, line 12"), Some(12));
        assert_eq!(copy_line("SQL statement \"…\""), None);
    }
}
