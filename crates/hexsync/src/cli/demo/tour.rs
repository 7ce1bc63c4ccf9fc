//! `hexsync demo --tour`: the edges, one screen after another.

mod browser;
mod cast;
mod check;
mod connect;
mod events;
mod load;
mod records;
mod screen;
mod setting;
mod stream;
mod tenants;
mod webhooks;
mod writeback;

use std::io::{self, BufRead, IsTerminal};

use serde::Serialize;

use self::cast::Cast;
use self::events::Heard;
use self::screen::{Screen, Told};
use self::setting::Setting;
use self::tenants::Walls;
use super::Demo;
use super::place::{self, Place};
use crate::app::{App, Opening};
use crate::config::{Held, Keep, Secret};
use crate::crm::Crm;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Out;

/// Who plays: a tenant with one connection of the same name.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Player {
    pub(super) tenant: &'static str,
    pub(super) crm: Crm,
}

/// Both.
pub(super) const PLAYERS: [Player; 2] =
    [Player { tenant: "northwind", crm: Crm::Salesforce }, Player { tenant: "fabrikam", crm: Crm::Hubspot }];

/// Shows everything. Exit code 0 only if every check of every screen held.
///
/// # Errors
/// When a part can't be started, or a run fails.
pub(super) async fn run(demo: &Demo, out: &mut Out<'_>) -> Result<Exit, CliError> {
    let opening = out.progress().task("CRMs", None);
    let setting = Setting::build(demo.seed).await?;
    opening.finish("a simulated Salesforce org and a simulated HubSpot account");
    Place::check_config()?;
    let place = Place::of(demo.database_url.as_ref());
    match &demo.database_url {
        None => {
            let store = place::fresh_sqlite(true).await?;
            let exit = Box::pin(perform(demo, store.clone(), place, setting, out)).await;
            // Folds the write-ahead log into the file, so that the file is all there is.
            store.close().await;
            exit
        }
        Some(url) => {
            let store = place::fresh_postgres(url, true).await?;
            Box::pin(perform(demo, store, place, setting, out)).await
        }
    }
}

/// The screens, one after the other.
async fn perform<S: Walls>(
    demo: &Demo,
    store: S,
    place: Place,
    setting: Setting,
    out: &mut Out<'_>,
) -> Result<Exit, CliError> {
    let sections = setting.sections(demo.redis_url.is_some());
    place.write_config(&sections)?;
    let mut config = setting.config(&place.config_text(&sections))?;
    if let Some(url) = &demo.redis_url {
        config.loopback.store = Keep::Redis(Secret::Held(Held(url.clone())));
    }
    let heard = Heard::prepare(demo.redis_url.as_ref()).await?;
    let mut cast = Cast::new(App::new(config, None, store, Opening::Ready).await?, setting).await?;
    let pager = Pager::new(demo.yes, out);

    let mut told = Told::new(place, heard.stream().place(), demo.redis_url.is_some());
    told.add(connect::show(&mut cast, demo.browser).await?, out)?;
    // From here on every change is heard of.
    let dispatchers = heard.begin(cast.app.store()).await?;
    pager.wait(&told).await?;
    told.add(load::show(&cast).await?, out)?;
    pager.wait(&told).await?;
    let receiving = webhooks::Receiving::begin(&mut cast).await?;
    told.add(webhooks::show(&cast, &receiving).await?, out)?;
    pager.wait(&told).await?;
    told.add(writeback::show(&cast, &heard).await?, out)?;
    pager.wait(&told).await?;
    told.add(tenants::show(&cast).await?, out)?;
    pager.wait(&told).await?;
    told.add(events::show(&cast, &heard).await?, out)?;
    pager.wait(&told).await?;
    told.add(check::show(&cast, &heard).await?, out)?;

    receiving.end().await?;
    dispatchers.end().await;
    cast.shut_down().await;
    told.finish(out)
}

/// Waits for Enter between screens, where there is somebody to press it.
struct Pager {
    asks: bool,
}

impl Pager {
    fn new(yes: bool, out: &Out<'_>) -> Self {
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        Self { asks: is_terminal && !yes && !out.is_json() && !out.progress().is_silent() }
    }

    async fn wait(&self, told: &Told) -> Result<(), CliError> {
        if !self.asks {
            return Ok(());
        }
        eprint!("-- {} of {}, Enter for the next --", told.screens.len(), Screen::ALL);
        let line = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            io::stdin().lock().read_line(&mut line)
        });
        line.await.map_err(CliError::new)??;
        Ok(())
    }
}
