//! Where the demo keeps its rows. It replaces what an earlier demo made, and nothing else.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sync_wiring::core::{Retry, StoreError, Subscription, SubscriptionStore, TenantId, UnitOfWork};
use sync_wiring::postgres::PgStore;
use sync_wiring::sqlite::{SqliteStore, SqliteStoreBuilder};
use url::Url;

use super::act::Act;
use super::line::RunLine;
use super::story::Story;
use crate::error::CliError;

/// Stands in every subscription of the demo: this is how its databases are told from others.
pub(super) const MARK: &str = "made by hexsync demo";
/// Holds the server's address where it has a password.
pub(super) const URL_VARIABLE: &str = "HEXSYNC_DEMO_DATABASE_URL";

/// Stands in the head of the demo's file before there are tables in it, for a demo that is broken off at once: `hxde`.
const APPLICATION_ID: i64 = 0x6878_6465;

pub(super) const FILE: &str = "hexsync-demo.db";
pub(super) const CONFIG: &str = "hexsync-demo.toml";
const CONFIG_MARK: &str = "# Written by `hexsync demo`, which writes it anew each time.";
const SCHEMA: &str = "hexsync_demo";
/// Whose subscriptions a demo leaves: nobody's, or those of the tenants of the tour.
const TENANTS: [Option<&str>; 3] =
    [None, Some(super::tour::PLAYERS[0].tenant), Some(super::tour::PLAYERS[1].tenant)];

/// Where it is, for people.
#[derive(Serialize)]
pub(super) struct Place {
    store: &'static str,
    /// The file, or the server's address without its password.
    pub(super) at: String,
    /// Only on a server.
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'static str>,
    config: &'static str,
    /// Whether the address has a password, which the configuration must not hold.
    #[serde(skip)]
    has_password: bool,
}

impl Place {
    pub(super) fn of(url: Option<&SecretString>) -> Self {
        let Some(url) = url else {
            let at = FILE.to_owned();
            return Self { store: "SQLite", at, schema: None, config: CONFIG, has_password: false };
        };
        // What is no address is refused when it is opened; until then nothing of it is shown.
        let parsed = Url::parse(url.expose_secret()).ok();
        let has_password = parsed.as_ref().is_none_or(|url| {
            url.password().is_some() || url.query_pairs().any(|(key, _)| key.eq_ignore_ascii_case("password"))
        });
        let at = parsed.map_or_else(String::new, |mut url| {
            // Refused only for addresses that can't have a password.
            let _ = url.set_password(None);
            if has_password {
                url.set_query(None);
            }
            url.to_string()
        });
        Self { store: "PostgreSQL", at, schema: Some(SCHEMA), config: CONFIG, has_password }
    }

    /// Whether the configuration's place is free, or holds what an earlier demo wrote.
    ///
    /// # Errors
    /// When somebody else wrote it.
    pub(super) fn check_config() -> Result<(), CliError> {
        match fs::read_to_string(CONFIG) {
            Ok(text) if text.starts_with(CONFIG_MARK) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Ok(_) | Err(_) => Err(not_ours(&format!("./{CONFIG}"))),
        }
    }

    /// A configuration for this place, with more sections.
    pub(super) fn config_text(&self, more: &str) -> String {
        let url = match self.schema {
            None => format!("url = \"sqlite:{FILE}\""),
            Some(_) if self.has_password => format!("url_env = \"{URL_VARIABLE}\""),
            // The address came through a parser, which leaves neither quotes nor backslashes.
            Some(_) => format!("url = \"{}\"", self.address_with_schema()),
        };
        format!(
            "{CONFIG_MARK}\n# For looking around in what it made; the simulated CRMs are gone.\n\n[database]\n{url}\n{more}"
        )
    }

    /// Writes a configuration for looking around afterwards.
    ///
    /// # Errors
    /// When the directory can't be written to.
    pub(super) fn write_config(&self, more: &str) -> Result<(), CliError> {
        fs::write(CONFIG, self.config_text(more)).map_err(|error| {
            CliError::new(anyhow::Error::new(error).context(format!("./{CONFIG} can't be written")))
                .next("run it in a directory of yours")
        })
    }

    /// The server's address so that every table is looked for in the demo's schema.
    fn address_with_schema(&self) -> String {
        let separator = if self.at.contains('?') { '&' } else { '?' };
        format!("{}{separator}options[search_path]={SCHEMA}", self.at)
    }

    /// Commands to try next. They work as they stand.
    pub(super) fn next_steps(&self, story: &Story, runs: &[RunLine]) -> Vec<String> {
        let program = std::env::args().next().unwrap_or_else(|| "hexsync".to_owned());
        let program = if program.contains(' ') { format!("'{program}'") } else { program };
        let mut steps = Vec::new();
        if self.has_password {
            // The password is the reader's to fill in.
            steps.push(format!("export {URL_VARIABLE}='{}'", self.address_with_schema()));
        }
        let mut step = |rest: String| steps.push(format!("{program} --config {CONFIG} {rest}"));
        step("runs".to_owned());
        if let Some(run) = runs.iter().rev().find(|run| run.act == Act::Delta) {
            step(format!("items {}", run.run));
        }
        for history in &story.histories {
            step(format!("history {} {}", history.entity, history.external_id));
        }
        step("dead-letters list".to_owned());
        steps
    }
}

fn not_ours(what: &str) -> CliError {
    CliError::text(format!("{what} was not made by this demo, so it is left alone"))
        .next("move it away, or run the demo in another directory")
}

fn refused(error: StoreError) -> CliError {
    CliError::new(error).next("free the place, or name another by --database-url")
}

/// The demo's file, empty and migrated.
///
/// # Errors
/// When there is a file of that name that no demo made.
pub(super) async fn fresh_sqlite(multi_tenant: bool) -> Result<SqliteStore, CliError> {
    let there = match File::open(FILE) {
        Ok(mut file) => Some(looks_like_one(&mut file)?),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    match there {
        None => {}
        Some(true) if was_made_here().await? => remove()?,
        Some(_) => return Err(not_ours(&format!("./{FILE}"))),
    }
    let store = SqliteStoreBuilder::file(FILE).multi_tenant(multi_tenant).connect().await.map_err(refused)?;
    ask(&store, &format!("pragma application_id = {APPLICATION_ID}")).await.map_err(refused)?;
    store.migrate().await.map_err(refused)?;
    Ok(store)
}

/// Whether a file can be a database of ours, without opening it as one: that alone would change others. One without a
/// byte is what a demo leaves that was broken off as it made it.
fn looks_like_one(file: &mut File) -> io::Result<bool> {
    let mut head = Vec::new();
    file.take(20).read_to_end(&mut head)?;
    if head.is_empty() {
        return Ok(true);
    }
    // The write format at offset 18 is 2 for write-ahead logging: https://www.sqlite.org/fileformat.html
    Ok(head.starts_with(b"SQLite format 3\0") && head.get(18) == Some(&2))
}

/// Asks for a number, or sets one.
async fn ask(store: &SqliteStore, sql: &str) -> Result<Option<i64>, StoreError> {
    let mut tx = UnitOfWork::begin_across_tenants(store).await?;
    let answer = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_optional(tx.connection()).await;
    let during = "reading the head of the file";
    let answer = answer.map_err(|error| StoreError::Refused { during, source: error.into() })?;
    UnitOfWork::commit(store, tx).await?;
    Ok(answer)
}

/// Whether a database was begun by a demo, or not by anybody.
async fn was_begun_here(store: &SqliteStore) -> Result<bool, StoreError> {
    let id = ask(store, "pragma application_id").await?;
    Ok(id == Some(APPLICATION_ID) || ask(store, "select count(*) from sqlite_schema").await? == Some(0))
}

/// Whether a demo made the database: it has the demo's number, or all of its subscriptions carry the mark.
async fn was_made_here() -> Result<bool, CliError> {
    let found = match SqliteStoreBuilder::url(format!("sqlite://{FILE}?mode=rw")).connect().await {
        Ok(store) => {
            let found = match was_begun_here(&store).await {
                Ok(false) => is_marked(&store, &TENANTS).await,
                begun => begun,
            };
            store.close().await;
            found
        }
        Err(error) => Err(error),
    };
    match found {
        Err(error) if error.retry() == Retry::Soon => Err(refused(error)),
        // Not our tables, or those of another release: then it is for its owner to say what becomes of it.
        Err(_) => Ok(false),
        Ok(marked) => Ok(marked),
    }
}

async fn is_marked<S>(store: &S, tenants: &[Option<&str>]) -> Result<bool, StoreError>
where
    S: UnitOfWork + SubscriptionStore<<S as UnitOfWork>::Tx>,
{
    let mut found = Vec::new();
    for tenant in tenants {
        let tenant = tenant.map(TenantId::from);
        let mut tx = UnitOfWork::begin_across_tenants(store).await?;
        let of_tenant = store.subscriptions(&mut tx, tenant.as_ref()).await;
        UnitOfWork::rollback(store, tx).await?;
        found.extend(of_tenant?);
    }
    let is_ours = |subscription: &Subscription| subscription.external_ref.as_deref() == Some(MARK);
    Ok(!found.is_empty() && found.iter().all(is_ours))
}

/// Whether a tour made it: then a login that row-level security binds sees its subscriptions only across tenants.
async fn is_tours(store: Result<PgStore, StoreError>) -> bool {
    let Ok(store) = store else { return false };
    let marked = is_marked(&store, &TENANTS[1..]).await;
    store.pool().close().await;
    marked.unwrap_or(false)
}

fn remove() -> io::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        match fs::remove_file(Path::new(&format!("{FILE}{suffix}"))) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The demo's schema, empty and migrated.
///
/// # Errors
/// When there is a schema of that name that no demo made.
pub(super) async fn fresh_postgres(url: &SecretString, multi_tenant: bool) -> Result<PgStore, CliError> {
    const EXISTS: &str = "select exists (select from pg_namespace where nspname = 'hexsync_demo')";
    const DROP: &str = "drop schema hexsync_demo cascade";
    let open = |multi_tenant: bool| {
        let builder = PgStore::builder(url.expose_secret()).application_name("hexsync demo").schema(SCHEMA);
        builder.multi_tenant(multi_tenant).connect()
    };
    let sql = |error: sqlx::Error| {
        CliError::new(anyhow::Error::new(error).context(format!("the schema {SCHEMA} can't be made anew")))
    };
    let store = open(false).await.map_err(refused)?;
    let exists: bool = sqlx::query_scalar(EXISTS).fetch_one(store.pool()).await.map_err(sql)?;
    let store = if exists {
        if !is_marked(&store, &TENANTS).await.unwrap_or(false) && !is_tours(open(true).await).await {
            return Err(CliError::text(format!(
                "the schema {SCHEMA} was not made by this demo, so it is left alone"
            ))
            .next("rename it or drop it, or name another database by --database-url"));
        }
        sqlx::query(DROP).execute(store.pool()).await.map_err(sql)?;
        // Statements prepared on the old tables are of no use on the new ones.
        store.pool().close().await;
        open(multi_tenant).await.map_err(refused)?
    } else if multi_tenant {
        store.pool().close().await;
        open(true).await.map_err(refused)?
    } else {
        store
    };
    store.migrate().await.map_err(refused)?;
    Ok(store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_is_neither_shown_nor_written() {
        for url in ["postgres://ann:hunter2@db/x", "postgres://ann@db/x?password=hunter2"] {
            let place = Place::of(Some(&SecretString::from(url)));
            assert!(place.has_password);
            assert!(!place.at.contains("hunter2"), "{}", place.at);
        }
        assert!(!Place::of(Some(&SecretString::from("postgres://ann@db/x"))).has_password);
    }

    #[test]
    fn what_is_no_address_is_not_shown() {
        assert_eq!(Place::of(Some(&SecretString::from("hunter2"))).at, "");
    }
}
