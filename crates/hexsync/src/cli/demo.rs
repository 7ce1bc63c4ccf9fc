//! `hexsync demo`

mod act;
mod check;
mod compare;
mod crm;
mod place;
mod report;
mod stage;
mod story;

use std::convert::Infallible;
use std::path::PathBuf;

use secrecy::SecretString;

use self::act::Act;
use self::check::Checks;
use self::crm::{Crm, Source};
use self::place::Place;
use self::report::{Told, Upstream};
use self::stage::Stage;
use self::story::Story;
use crate::app::AppStore;
use crate::error::CliError;
use crate::exit::Exit;
use crate::generated::Entity;
use crate::output::Out;
use crate::signals;

/// See it work: a simulated Salesforce org, loaded, changed, synced again, and proven equal.
///
/// Starts the org inside this process, syncs it into ./hexsync-demo.db, and shows what the runs did, what changed in
/// the records, and what could not be applied. Needs nothing but this program. Writes ./hexsync-demo.toml as well,
/// for looking around in the database afterwards; both are made anew each time. Exit code 0 only if every row turned
/// out equal to the org's.
#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// Opportunities; users, accounts and contacts in proportion.
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    records: u32,
    /// What the made-up records and changes depend on.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A folder with sales_teams.csv, accounts.csv and sales_pipeline.csv to make the org of instead.
    #[arg(long, value_name = "DIR", conflicts_with = "records")]
    data: Option<PathBuf>,
    /// A PostgreSQL server to use instead of a file: postgres://user:password@host/database. The demo has the
    /// schema hexsync_demo there to itself, and makes it anew.
    #[arg(long, value_name = "URL", env = place::URL_VARIABLE, hide_env_values = true, value_parser = secret)]
    database_url: Option<SecretString>,
}

fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(text.into())
}

impl Demo {
    pub(crate) async fn run(self, out: &mut Out<'_>) -> Result<Exit, CliError> {
        // The org first: when its files can't be read, nothing is replaced.
        let opening = out.progress().task("org", None);
        let crm = Crm::start(self.source(), self.seed).await?;
        opening.finish(&crm.census().sentence(crm.base_url()));
        let place = Place::of(self.database_url.as_ref());
        Place::check_config()?;
        match &self.database_url {
            None => {
                let store = place::fresh_sqlite().await?;
                let exit = Box::pin(perform(store.clone(), place, crm, self.seed, out)).await;
                // Folds the write-ahead log into the file, so that the file is all there is.
                store.close().await;
                exit
            }
            Some(url) => {
                let store = place::fresh_postgres(url).await?;
                Box::pin(perform(store, place, crm, self.seed, out)).await
            }
        }
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
    crm: Crm,
    seed: u64,
    out: &mut Out<'_>,
) -> Result<Exit, CliError> {
    let (progress, stop) = (out.progress(), signals::stop_token());
    place.write_config()?;
    // Before anything else, because the subscriptions are what marks the database as the demo's.
    let feeds = stage::subscribe(&store).await?;
    let stage = Stage::new(store, feeds, crm.client().await?, progress, stop)?;
    let census = crm.census();

    let mut runs = stage.play(Act::Load, |entity| Some(census.of(entity).all())).await?;
    let first = crm.change(seed);
    progress.task("upstream", None).finish(&first.sentence());
    runs.extend(stage.play(Act::Delta, |entity| Some(first.of(entity))).await?);
    let second = crm.change_again(&first);
    progress.task("upstream", None).finish(&second.sentence());
    runs.extend(stage.play(Act::SecondDelta, |entity| Some(second.of(entity))).await?);
    crm.wait();
    runs.extend(stage.play(Act::Quiet, |_| None).await?);

    let comparing = progress.task("check", Some(crm.census().live()));
    let checks = Checks::carry_out(&stage, &crm, &runs, (&census, &first, &second), &comparing).await?;
    comparing.finish(if checks.hold() { "everything holds" } else { "something is wrong, see below" });
    let hero = second.moved_on.or(first.updated(Entity::Opportunity));
    let story = Story::gather(&stage, &runs, hero).await?;
    crm.shut_down().await;

    let next = place.next_steps(&story, &runs);
    let exit = if checks.hold() { Exit::Ok } else { Exit::Failure };
    let upstream = Upstream { delta: first.numbers(), second_delta: second.numbers() };
    out.show(&Told { seed, org: census, database: place, upstream, runs, story, checks, next })?;
    Ok(exit)
}
