//! The proof: every local row beside the CRM's record, every record's audit beside its row, every count.

mod inspect;
mod known;
#[cfg(test)]
mod tests;

use serde::Serialize;
use sync_wiring::core::RunStatus;

use self::inspect::{Inspection, Tally};
use super::act::Act;
use super::line::RunLine;
use super::stage::Stage;
use super::upstream::{Upstream, Upstreams};
use crate::app::AppStore;
use crate::crm::Crm;
use crate::error::CliError;
use crate::generated::with_entity;
use crate::output::{Task, thousands};

pub(super) use self::known::Known;

/// Problems that are told of each check.
const TOLD: usize = 10;

/// What was checked.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct Checks(pub(super) Vec<Check>);

/// One promise, and whether it was kept.
#[derive(Serialize)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) holds: bool,
    pub(super) found: String,
    /// The first few things that are wrong.
    pub(super) problems: Vec<String>,
}

impl Check {
    pub(super) fn new(name: &'static str, found: String, mut problems: Vec<String>) -> Self {
        let holds = problems.is_empty();
        problems.truncate(TOLD);
        Self { name, holds, found, problems }
    }
}

impl Checks {
    pub(super) fn hold(&self) -> bool {
        self.0.iter().all(|check| check.holds)
    }

    /// Compares everything.
    ///
    /// # Errors
    /// When the database can't be read.
    pub(super) async fn carry_out<S: AppStore>(
        stage: &Stage<S>,
        upstreams: &Upstreams,
        runs: &[RunLine],
        known: &[Known],
        task: &Task,
    ) -> Result<Self, CliError> {
        let mut tally = Tally::default();
        for feed in stage.feeds() {
            let Some((upstream, known)) = of(upstreams, known, feed.crm) else { continue };
            let gone: Vec<_> = known.gone().into_iter().filter(|key| key.entity == feed.entity).collect();
            let fates = known.fates();
            let inspection = Inspection { stage, upstream, entity: feed.entity, fates: &fates, task };
            with_entity!(feed.entity, T => inspection.carry_out::<T>(&gone, &mut tally).await)?;
        }
        let mut checks = tally.checks();
        checks.push(counts(runs, known));
        checks.push(quiet(runs));
        Ok(Self(checks))
    }
}

fn of<'a>(upstreams: &'a Upstreams, known: &'a [Known], crm: Crm) -> Option<(&'a dyn Upstream, &'a Known)> {
    let upstream = upstreams.iter().find(|upstream| upstream.crm() == crm)?;
    let known = known.iter().find(|known| known.crm == crm)?;
    Some((&**upstream, known))
}

/// Whether every change that was made arrived, once, and is accounted for (R19).
fn counts(runs: &[RunLine], known: &[Known]) -> Check {
    let mut problems = Vec::new();
    for RunLine { act, crm, entity, counts, .. } in runs {
        let Some(known) = known.iter().find(|known| known.crm == *crm) else { continue };
        let (changes, unfit) = known.changes(*act, *entity);
        // What is skipped are marks of a source that it came by pages without anything to tell.
        let found = counts.found.saturating_sub(counts.skipped);
        if !counts.conserved() || found != changes || counts.parked != unfit {
            let what = format!("{found} of {changes} found, {} of {unfit} parked", counts.parked);
            problems.push(format!("{} {}/{}: {what}", act.name(), crm.key(), entity.name()));
        }
    }
    let found: u64 = runs.iter().map(|run| run.counts.found).sum();
    let text = format!(
        "all {} changes arrived once, and found = applied + noop + skipped + parked in {} runs",
        thousands(found),
        runs.len()
    );
    Check::new("counts", text, problems)
}

/// Whether a sync without changes does nothing.
fn quiet(runs: &[RunLine]) -> Check {
    let quiet = runs.iter().filter(|run| run.act == Act::Quiet);
    let loud = quiet.filter(|run| run.status != RunStatus::NoChanges);
    let problems =
        loud.map(|run| format!("{}/{}: {}", run.crm.key(), run.entity.name(), run.status.as_str())).collect();
    Check::new("quiet", "the last runs found nothing to do".to_owned(), problems)
}
