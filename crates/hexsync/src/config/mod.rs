//! `hexsync.toml`: read as a whole, with every problem told at once.

mod connection;
mod database;
mod engine;
mod events;
mod loopback;
mod problem;
mod reader;
mod secret;
mod serve;
mod span;
mod template;
#[cfg(test)]
mod tests;
mod vault;

use std::path::{Path, PathBuf};

use sync_wiring::core::{ConnectionId, EngineOptions, TenantId};

pub(crate) use connection::{Auth, ConnectedApp, Connection};
pub(crate) use database::{Database, DatabaseKind, DatabaseUrlError};
pub(crate) use engine::NOOPS;
pub(crate) use events::{Events, Target};
pub(crate) use loopback::{Keep, Loopback};
pub(crate) use problem::ConfigError;
pub(crate) use secret::{Held, Secret, SecretError};
pub(crate) use serve::Serve;
pub(crate) use span::parse_duration;
pub(crate) use template::TEMPLATE;
pub(crate) use vault::Keys;

use reader::{Reader, Section};

/// Everything the program is told.
#[derive(Debug)]
pub(crate) struct Config {
    /// Where it was read from.
    pub(crate) path: PathBuf,
    /// Where state and rows are kept.
    pub(crate) database: Database,
    /// How runs behave.
    pub(crate) engine: EngineOptions,
    /// Whether changes are published, and where to.
    pub(crate) events: Events,
    /// Where fingerprints of own writes are kept.
    pub(crate) loopback: Loopback,
    /// Where calls from the CRMs are received; `None` without the section.
    pub(crate) serve: Option<Serve>,
    /// What tokens in the database are sealed under; `None` without the section.
    pub(crate) keys: Option<Keys>,
    /// The CRM accounts, in the order of the file.
    pub(crate) connections: Vec<Connection>,
}

impl Config {
    /// Reads the file.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem found, or why the file can't be read.
    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    /// Reads the text of a file that lies at `path`.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(path, text);
        let parsed = read(&mut reader, text);
        match (parsed, reader.finish()) {
            (Some((database, engine, events, loopback, serve, keys, connections)), problems)
                if problems.is_empty() =>
            {
                Ok(Self {
                    path: path.to_owned(),
                    database,
                    engine,
                    events,
                    loopback,
                    serve,
                    keys,
                    connections,
                })
            }
            (_, problems) => Err(ConfigError::Wrong { path: path.to_owned(), problems }),
        }
    }

    /// A connection by its id.
    pub(crate) fn connection(&self, id: &ConnectionId) -> Option<&Connection> {
        self.connections.iter().find(|connection| &connection.id == id)
    }

    /// The tenants of the connections, each once; `[None]` where tenants are not told apart.
    pub(crate) fn tenants(&self) -> Vec<Option<TenantId>> {
        let mut tenants: Vec<Option<TenantId>> = Vec::new();
        for connection in &self.connections {
            if !tenants.contains(&connection.tenant) {
                tenants.push(connection.tenant.clone());
            }
        }
        if tenants.is_empty() && !self.engine.multi_tenant {
            tenants.push(None);
        }
        tenants
    }
}

type Parts = (Database, EngineOptions, Events, Loopback, Option<Serve>, Option<Keys>, Vec<Connection>);

fn read(reader: &mut Reader<'_>, text: &str) -> Option<Parts> {
    let document = reader.document(text)?;
    let mut root = Section::new("the file", document.get_ref(), 0..0);
    let database = root.table(reader, "database").and_then(|section| database::read(reader, section));
    if !root.has("database") {
        reader.problem(
            0..0,
            "the section [database] is missing",
            Some("say where rows are kept, e.g. [database] url = \"sqlite:hexsync.db\"".to_owned()),
        );
    }
    let engine = match root.table(reader, "engine") {
        Some(section) => engine::read(reader, section),
        None => EngineOptions::default(),
    };
    let events = match root.table(reader, "events") {
        Some(section) => events::read(reader, section),
        None => Events::default(),
    };
    let loopback = match root.table(reader, "loopback") {
        Some(section) => loopback::read(reader, section),
        None => Loopback::default(),
    };
    let serve = root.table(reader, "serve").and_then(|section| serve::read(reader, section));
    let has_keys = root.has("keys");
    let keys = root.table(reader, "keys").and_then(|section| vault::read(reader, section));
    let sections = root.tables(reader, "connections");
    let mut ids = Vec::new();
    let connections: Vec<_> = sections
        .into_iter()
        .filter_map(|section| connection::read(reader, section, engine.multi_tenant, &mut ids))
        .collect();
    if !has_keys && connections.iter().any(|connection| matches!(connection.auth, Auth::Connected(_))) {
        let help = "say where keys are kept, e.g. [keys] ring_env = \"HEXSYNC_KEYS\"; make one by `hexsync keys new`";
        let message = "the section [keys] is missing, and auth = connected keeps tokens in the database";
        reader.problem(0..0, message, Some(help.to_owned()));
    }
    root.finish(reader);
    Some((database?, engine, events, loopback, serve, keys, connections))
}
