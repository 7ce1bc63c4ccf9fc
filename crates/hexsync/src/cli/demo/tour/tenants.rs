//! The fifth screen: what one tenant sees of the other.

use std::collections::BTreeMap;
use std::fs;

use async_trait::async_trait;
use sqlx::Row;
use sync_wiring::EntityStore;
use sync_wiring::core::{LocalListing, SyncSink, UnitOfWork};
use sync_wiring::opportunity::Opportunity;
use sync_wiring::postgres::PgStore;
use sync_wiring::sqlite::SqliteStore;

use super::PLAYERS;
use super::cast::Cast;
use super::records::DEALS;
use super::screen::Screen;
use crate::app::AppStore;
use crate::cli::demo::place::FILE;
use crate::error::CliError;

/// Rows of deals by tenant, counted by a statement that asks for no tenant.
const COUNT: &str = "select tenant_id, count(*) from opportunities group by tenant_id";
/// Rows of a page.
const PAGE: u32 = 500;

/// What a store keeps apart below the program's queries.
#[async_trait]
pub(super) trait Walls: AppStore {
    /// Whether the database itself shows a tenant's transaction that tenant's rows alone.
    const CONFINES: bool;
    /// What is searched for tokens.
    const SEARCHED: &'static str;

    /// The database as bytes, where this program can read it past the database's own interface.
    fn written() -> Result<Vec<Vec<u8>>, CliError>;

    /// Deals by tenant, as a careless statement sees them in this transaction.
    async fn careless(&self, tx: &mut Self::Tx) -> Result<BTreeMap<String, i64>, sqlx::Error>;
}

#[async_trait]
impl Walls for SqliteStore {
    const CONFINES: bool = false;
    const SEARCHED: &'static str = "the column or anywhere in the database's files";

    fn written() -> Result<Vec<Vec<u8>>, CliError> {
        let mut all = vec![fs::read(FILE)?];
        // Gone while everything is in the file itself.
        all.extend(fs::read(format!("{FILE}-wal")).ok());
        Ok(all)
    }

    async fn careless(&self, tx: &mut Self::Tx) -> Result<BTreeMap<String, i64>, sqlx::Error> {
        let rows = sqlx::query(COUNT).fetch_all(tx.connection()).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }
}

#[async_trait]
impl Walls for PgStore {
    const CONFINES: bool = true;
    const SEARCHED: &'static str = "the column";

    fn written() -> Result<Vec<Vec<u8>>, CliError> {
        Ok(Vec::new())
    }

    async fn careless(&self, tx: &mut Self::Tx) -> Result<BTreeMap<String, i64>, sqlx::Error> {
        let rows = sqlx::query(COUNT).fetch_all(tx.connection()).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }
}

/// Each asks for its own, for the other's by id, and without a condition.
///
/// # Errors
/// When the store can't be asked.
pub(super) async fn show<S: Walls>(cast: &Cast<S>) -> Result<Screen, CliError> {
    let mut screen = Screen::new(5, "Tenants");
    let (mut facts, mut foreign, mut leaks) = (BTreeMap::new(), 0, Vec::new());
    for player in PLAYERS {
        let other = player.other();
        let scope = cast.scope(player, DEALS)?;
        let theirs = cast.deals(other, PAGE).await?;
        let store = &**cast.app.store();
        let mut tx = UnitOfWork::begin_for(store, scope.tenant.as_ref()).await?;
        let sink = EntityStore::<Opportunity>::sink(store);
        let own = sink.list_live(&mut tx, &scope, None, PAGE).await?.len();
        let found = sink.find_many(&mut tx, &scope, &theirs).await?.into_iter().flatten().count();
        // Under the other's name, in one's own transaction.
        let posing = cast.scope(other, DEALS)?;
        let posed = sink.find_many(&mut tx, &posing, &theirs).await?.into_iter().flatten().count();
        let feeds = store.subscriptions(&mut tx, scope.tenant.as_ref()).await?;
        let tenant = player.tenant_id();
        let strange = feeds.iter().filter(|feed| feed.tenant.as_ref() != Some(&tenant)).count();
        let seen = store.careless(&mut tx).await.map_err(CliError::new)?;
        UnitOfWork::rollback(store, tx).await?;

        let of_other = seen.get(other.tenant).copied().unwrap_or_default();
        screen.say(format!(
            "{}: {own} deals of its own; of {}'s {} it finds {found} by id, and {of_other} by a statement that \
             forgets the tenant",
            player.tenant,
            other.tenant,
            theirs.len()
        ));
        if found + strange > 0 || own == 0 || theirs.is_empty() {
            leaks
                .push(format!("{} sees {found} rows and {strange} feeds of {}", player.tenant, other.tenant));
        }
        if S::CONFINES && (of_other > 0 || posed > 0) {
            leaks.push(format!("the database shows {} rows of {}", player.tenant, other.tenant));
        }
        foreign += of_other;
        facts.insert(player.tenant, serde_json::json!({
            "own": own, "others": theirs.len(), "found_by_id": found, "found_posing": posed, "careless": seen,
        }));
    }
    screen.fact("tenants", &facts)?;
    screen.fact("database_confines", S::CONFINES)?;
    let found = if S::CONFINES {
        "no row of the other, not even by raw SQL: row-level security shows a transaction its tenant's rows alone"
    } else {
        "no row of the other by any query of the program"
    };
    screen.check("apart", found, leaks);
    if !S::CONFINES {
        screen.say(format!(
            "SQLite keeps tenants apart by the program's queries alone: whoever can open the file sees all of it \
             ({foreign} foreign rows above). PostgreSQL keeps them apart itself."
        ));
    }
    Ok(screen)
}
