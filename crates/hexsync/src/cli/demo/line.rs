//! One run, as it is told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use sync_wiring::core::{Counts, RunFailure, RunId, RunObserver, RunReport, RunStatus};

use super::act::Act;
use super::stage::Subscribed;
use crate::crm::Crm;
use crate::error::CliError;
use crate::exit::Exit;
use crate::generated::Entity;
use crate::output::{Task, duration, thousands};

/// One run.
#[derive(Serialize)]
pub(super) struct RunLine {
    pub(super) act: Act,
    pub(super) crm: Crm,
    #[serde(serialize_with = "entity_name")]
    pub(super) entity: Entity,
    pub(super) run: RunId,
    pub(super) status: RunStatus,
    #[serde(flatten)]
    pub(super) counts: Counts,
    pub(super) duration_ms: u64,
}

/// An entity by its name.
pub(super) fn entity_name<S: serde::Serializer>(entity: &Entity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(entity.name())
}

impl RunLine {
    /// A run that ended well.
    ///
    /// # Errors
    /// When it did not.
    pub(super) fn of(act: Act, feed: &Subscribed, report: RunReport) -> Result<Self, CliError> {
        match report.failure {
            None => Ok(Self {
                act,
                crm: feed.crm,
                entity: feed.entity,
                run: report.run,
                status: report.status,
                counts: report.counts,
                duration_ms: u64::try_from(report.duration.as_millis()).unwrap_or(u64::MAX),
            }),
            Some(RunFailure::Cancelled) => Err(CliError::text("the demo was interrupted")
                .exit(Exit::Interrupted)
                .next("start it again; it begins anew")),
            Some(failure) => Err(CliError::text(format!(
                "the {} of {}/{} failed: {}",
                act.name(),
                feed.crm.key(),
                feed.entity.name(),
                failure.describe()
            ))),
        }
    }
}

/// Says how a run goes, in what is left of a line beside the bar.
pub(super) struct Pace {
    pub(super) task: Arc<Task>,
    pub(super) started: Instant,
}

impl RunObserver for Pace {
    fn batch_committed(&self, counts: &Counts) {
        let rate = per_second(counts.found, self.started.elapsed());
        let text = match counts.parked {
            0 => rate,
            parked => format!("{rate}, {parked} parked"),
        };
        self.task.say(counts.found, text);
    }
}

fn per_second(number: u64, time: Duration) -> String {
    format!("{}/s", thousands((number as f64 / time.as_secs_f64().max(0.001)) as u64))
}

/// What stays on the screen of a run.
pub(super) fn sentence(report: &RunReport) -> String {
    let counts = &report.counts;
    if counts.found == 0 {
        return format!("nothing new, in {}", duration(report.duration));
    }
    let mut text = format!("{} read", thousands(counts.found));
    for (number, what) in [
        (counts.created, "created"),
        (counts.updated, "updated"),
        (counts.deleted, "deleted"),
        (counts.restored, "restored"),
        (counts.noop, "unchanged"),
        (counts.parked, "parked"),
    ] {
        if number > 0 {
            text.push_str(&format!(", {} {what}", thousands(number)));
        }
    }
    text.push_str(&format!(", in {}", duration(report.duration)));
    if counts.found >= 1_000 {
        text.push_str(&format!(" ({})", per_second(counts.found, report.duration)));
    }
    text
}
