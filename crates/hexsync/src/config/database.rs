//! `[database]`: where state and rows are kept.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::reader::{Reader, Section};
use super::secret::{Secret, SecretError, secret};

/// Where the database is.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    url: DatabaseUrl,
    /// Relative SQLite paths start here.
    dir: PathBuf,
    /// Connections in the pool, where it is said.
    pub(crate) pool_size: Option<u32>,
    /// The role that PostgreSQL's transactions step down to where tenants are told apart, where it is said; empty for
    /// none.
    pub(crate) tenant_role: Option<String>,
}

#[derive(Clone, Debug)]
enum DatabaseUrl {
    /// Written in the file: holds no password.
    Plain(String),
    /// Kept elsewhere: may hold one.
    Kept(Secret),
}

/// Which store, with what it is opened by.
pub(crate) enum DatabaseKind {
    /// A file.
    Sqlite(PathBuf),
    /// A server's address.
    Postgres(SecretString),
}

/// The address can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseUrlError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("the database address is neither sqlite:PATH nor postgres://…")]
    Scheme,
}

const HELP: &str = "allowed: \"sqlite:PATH\" or \"postgres://user@host/database\"";

/// Reads the section.
pub(super) fn read(reader: &mut Reader<'_>, mut section: Section<'_, '_>) -> Option<Database> {
    let plain = section.text(reader, "url");
    let kept = secret(reader, &mut section, "url_env", "url_file");
    let pool_size = section.int(reader, "pool_size", 1..=1_000);
    let tenant_role = section.text(reader, "tenant_role").map(|role| role.into_inner());
    let dir = reader.dir().to_owned();
    let named = section.has("url_env") || section.has("url_file");
    let url = match (plain, kept) {
        (Some(plain), _) if named => {
            let help = Some("keep one of `url`, `url_env`, `url_file`".to_owned());
            reader.problem(plain.span(), "the database is named twice", help);
            None
        }
        (Some(plain), _) => {
            if has_password(plain.get_ref()) {
                let message = "`url` would put a password into this file";
                let help = "put the whole address into an environment variable and write url_env = \"ITS_NAME\", or into a file and write url_file = \"its/path\"";
                reader.problem(plain.span(), message, Some(help.to_owned()));
                None
            } else if kind(plain.get_ref(), &dir).is_none() {
                reader.problem(plain.span(), "`url` is not a database address", Some(HELP.to_owned()));
                None
            } else {
                Some(DatabaseUrl::Plain(plain.into_inner()))
            }
        }
        (None, Some(kept)) => Some(DatabaseUrl::Kept(kept)),
        (None, None) => {
            if !named && !section.has("url") {
                let message = "`url`, `url_env` or `url_file` is missing in [database]";
                reader.problem(section.at(), message, Some(HELP.to_owned()));
            }
            None
        }
    };
    section.finish(reader);
    let pool_size = pool_size.and_then(|size| u32::try_from(size).ok());
    Some(Database { url: url?, dir, pool_size, tenant_role })
}

impl Database {
    /// Which store it is, with its address.
    ///
    /// # Errors
    /// When the address is kept elsewhere and is not there, or is not one.
    pub(crate) fn kind(&self) -> Result<DatabaseKind, DatabaseUrlError> {
        let found = match &self.url {
            DatabaseUrl::Plain(url) => kind(url, &self.dir),
            DatabaseUrl::Kept(secret) => kind(secret.read("database address")?.expose_secret(), &self.dir),
        };
        found.ok_or(DatabaseUrlError::Scheme)
    }
}

fn kind(url: &str, dir: &Path) -> Option<DatabaseKind> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Url::parse(url).ok().map(|_| DatabaseKind::Postgres(url.to_owned().into()));
    }
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    (!path.is_empty()).then(|| DatabaseKind::Sqlite(dir.join(path)))
}

fn has_password(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| {
        url.password().is_some() || url.query_pairs().any(|(key, _)| key.eq_ignore_ascii_case("password"))
    })
}
