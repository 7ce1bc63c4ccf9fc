//! The table of runs. Feeds in which nothing changed share a row, so that the others can be seen.

use std::io::{self, Write};
use std::time::Duration;

use sync_wiring::core::{Counts, RunStatus};

use crate::cli::demo::act::Act;
use crate::cli::demo::line::RunLine;
use crate::crm::Crm;
use crate::output::{Cell, Style, Table, duration, thousands};

/// Prints it.
pub(super) fn table(runs: &[RunLine], out: &mut dyn Write, style: Style) -> io::Result<()> {
    let mut table = Table::new([
        "run", "crm", "entity", "found", "created", "updated", "deleted", "restored", "noop", "parked",
        "status", "time",
    ])
    .numbers(3..10)
    .numbers([11]);
    for act in Act::ALL {
        let mut act_is_new = true;
        for crm in Crm::ALL {
            let of_both = |run: &&RunLine| (run.act, run.crm) == (act, crm);
            let (idle, busy): (Vec<_>, Vec<_>) = runs.iter().filter(of_both).partition(|run| is_idle(run));
            let mut crm_is_new = true;
            let lines = busy.into_iter().map(Line::of).chain(Line::of_idle(&idle));
            for line in lines {
                let act = if std::mem::take(&mut act_is_new) { act.name() } else { "" };
                let crm = if std::mem::take(&mut crm_is_new) { crm.key() } else { "" };
                table.row(line.cells(act, crm, style));
            }
        }
    }
    table.write(out, style)
}

fn is_idle(run: &RunLine) -> bool {
    run.status == RunStatus::NoChanges && run.counts.parked == 0
}

struct Line {
    entity: String,
    counts: Counts,
    status: RunStatus,
    time: Duration,
}

impl Line {
    fn of(run: &RunLine) -> Self {
        let time = Duration::from_millis(run.duration_ms);
        Self { entity: run.entity.name().to_owned(), counts: run.counts, status: run.status, time }
    }

    /// Feeds in which nothing changed, together.
    fn of_idle(runs: &[&RunLine]) -> Option<Self> {
        let (first, rest) = runs.split_first()?;
        let mut line = Self::of(first);
        for run in rest {
            line.counts.found += run.counts.found;
            line.counts.noop += run.counts.noop;
            line.counts.skipped += run.counts.skipped;
            line.time += Duration::from_millis(run.duration_ms);
        }
        if !rest.is_empty() {
            line.entity = format!("{} entities", runs.len());
        }
        Some(line)
    }

    fn cells(self, act: &str, crm: &str, style: Style) -> impl Iterator<Item = Cell> {
        let Counts { found, created, updated, deleted, restored, noop, skipped, parked } = self.counts;
        let numbers = [found, created, updated, deleted, restored, noop + skipped, parked];
        let number = |number: u64| if number == 0 { "·".to_owned() } else { thousands(number) };
        let status = self.status.as_str();
        let paint = if self.status == RunStatus::Failed { Style::bad } else { Style::good };
        [act.into(), crm.into(), self.entity.into()]
            .into_iter()
            .chain(numbers.map(|counted| number(counted).into()))
            .chain([Cell::painted(status, paint(style, status)), duration(self.time).into()])
    }
}
