//! `hexsync demo`

mod act;
mod check;
mod compare;
mod line;
mod names;
mod place;
mod report;
mod stage;
mod story;
mod tour;
mod upstream;

use std::convert::Infallible;
use std::path::PathBuf;

use secrecy::SecretString;

use self::act::Act;
use self::check::{Checks, Known};
use self::line::RunLine;
use self::place::Place;
use self::report::Told;
use self::stage::Stage;
use self::story::Story;
use self::upstream::{Source, Upstreams};
use crate::app::AppStore;
use crate::crm::Crm;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Out;
use crate::signals;

/// See it work: a simulated Salesforce org and a simulated HubSpot account, loaded into the same tables, changed,
/// synced again, and proven equal.
///
/// Starts both inside this process, syncs them side by side into ./hexsync-demo.db, and shows what the runs did, what
/// changed in the records, and what could not be applied. Needs nothing but this program. Writes ./hexsync-demo.toml
/// as well, for looking around in the database afterwards; both are made anew each time. Exit code 0 only if every
/// row turned out equal to its CRM's record.
#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// Only this CRM; both otherwise.
    #[arg(long, value_name = "CRM")]
    crm: Option<Crm>,
    /// Deals, half of them in each CRM; users, companies and people in proportion.
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    records: u32,
    /// What the made-up records and changes depend on.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A folder with sales_teams.csv, accounts.csv and sales_pipeline.csv to make each CRM of instead.
    #[arg(long, value_name = "DIR", conflicts_with = "records")]
    data: Option<PathBuf>,
    /// A PostgreSQL server to use instead of a file: postgres://user:password@host/database. The demo has the
    /// schema hexsync_demo there to itself, and makes it anew.
    #[arg(long, value_name = "URL", env = place::URL_VARIABLE, hide_env_values = true, value_parser = secret)]
    database_url: Option<SecretString>,
    /// The edges instead, one screen after another: accounts connected in a browser, signed webhooks, edits written
    /// back, two tenants, events. Small CRMs; on PostgreSQL with --database-url.
    #[arg(long, conflicts_with_all = ["crm", "records", "data"])]
    tour: bool,
    /// With --tour: a Redis server for the stream of events, instead of one in memory, and for the fingerprints of own writes.
    #[arg(long, value_name = "URL", env = "HEXSYNC_DEMO_REDIS_URL", hide_env_values = true, value_parser = secret)]
    redis_url: Option<SecretString>,
    /// With --tour: print the addresses and wait for a person at a browser to grant access.
    #[arg(long, requires = "tour")]
    browser: bool,
    /// With --tour: don't wait for Enter between the screens.
    #[arg(long)]
    yes: bool,
}

fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(text.into())
}

impl Demo {
    pub(crate) async fn run(self, out: &mut Out<'_>) -> Result<Exit, CliError> {
        if self.tour {
            return tour::run(&self, out).await;
        }
        // The CRMs first: when the files can't be read, nothing is replaced.
        let opening = out.progress().task("CRMs", None);
        let upstreams = upstream::start(&self.crms(), &self.source(), self.seed).await?;
        drop(opening);
        for upstream in &upstreams {
            let told = upstream.census().sentence(upstream.crm(), upstream.base_url());
            out.progress().task(upstream.crm().key(), None).finish(&told);
        }
        let place = Place::of(self.database_url.as_ref());
        Place::check_config()?;
        match &self.database_url {
            None => {
                let store = place::fresh_sqlite(false).await?;
                let exit = Box::pin(perform(store.clone(), place, upstreams, self.seed, out)).await;
                // Folds the write-ahead log into the file, so that the file is all there is.
                store.close().await;
                exit
            }
            Some(url) => {
                let store = place::fresh_postgres(url, false).await?;
                Box::pin(perform(store, place, upstreams, self.seed, out)).await
            }
        }
    }

    /// The CRMs that play.
    fn crms(&self) -> Vec<Crm> {
        self.crm.map_or_else(|| Crm::ALL.to_vec(), |crm| vec![crm])
    }

    fn source(&self) -> Source {
        match &self.data {
            Some(folder) => Source::Folder(folder.clone()),
            None => Source::Generated(self.records as usize),
        }
    }
}

/// The acts, one after the other; then what is to be said of them.
async fn perform<S: AppStore>(
    store: S,
    place: Place,
    upstreams: Upstreams,
    seed: u64,
    out: &mut Out<'_>,
) -> Result<Exit, CliError> {
    let (progress, stop) = (out.progress(), signals::stop_token());
    place.write_config("")?;
    let crms: Vec<Crm> = upstreams.iter().map(|upstream| upstream.crm()).collect();
    // Before anything else, because the subscriptions are what marks the database as the demo's.
    let feeds = stage::subscribe(&store, &crms).await?;
    let mut clients = Vec::new();
    for upstream in &upstreams {
        clients.push(upstream.client().await?);
    }
    let stage = Stage::new(store, &feeds, &clients, progress, stop)?;
    let (runs, known) = play(&stage, &upstreams, seed).await?;

    let n_live = upstreams.iter().map(|upstream| upstream.census().live()).sum();
    let comparing = progress.task("check", Some(n_live));
    let checks = Checks::carry_out(&stage, &upstreams, &runs, &known, &comparing).await?;
    comparing.finish(if checks.hold() { "everything holds" } else { "something is wrong, see below" });
    let story = Story::gather(&stage, &runs, &known).await?;
    for upstream in upstreams {
        upstream.shut_down().await;
    }

    let next = place.next_steps(&story, &runs);
    let exit = if checks.hold() { Exit::Ok } else { Exit::Failure };
    let crms = known.into_iter().map(Into::into).collect();
    out.show(&Told { seed, crms, database: place, runs, story, checks, next })?;
    Ok(exit)
}

/// All acts, and what happens in the CRMs between them.
async fn play<S: AppStore>(
    stage: &Stage<S>,
    upstreams: &Upstreams,
    seed: u64,
) -> Result<(Vec<RunLine>, Vec<Known>), CliError> {
    let mut known: Vec<Known> = upstreams.iter().map(|upstream| Known::of(&**upstream)).collect();
    let mut runs = Vec::new();
    for act in Act::ALL {
        for (upstream, known) in upstreams.iter().zip(&mut known) {
            if let Some(told) = known.meanwhile(act, &**upstream, seed) {
                stage.tell(upstream.crm(), &told);
            }
        }
        let expected = |crm, entity| {
            let known = known.iter().find(|known| known.crm == crm)?;
            Some(known.changes(act, entity).0).filter(|changes| *changes > 0)
        };
        runs.extend(stage.play(act, expected).await?);
    }
    Ok((runs, known))
}
