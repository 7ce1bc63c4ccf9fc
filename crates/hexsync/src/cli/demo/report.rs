//! What the demo says at its end.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;
use sync_wiring::core::{ChangedFields, Counts, RunStatus};

use super::act::Act;
use super::check::Checks;
use super::crm::{Census, FirstNumbers, SecondNumbers};
use super::place::Place;
use super::stage::RunLine;
use super::story::{Edited, History, Parked, Story};
use crate::output::{Cell, Report, Style, Table, duration, instant, thousands, value};

/// Fields of a change that are shown; the audit has all.
const FIELDS: usize = 4;
/// Characters of a value that are shown.
const WIDEST: usize = 60;

/// Everything, as text and as one JSON document.
#[derive(Serialize)]
pub(super) struct Told {
    pub(super) seed: u64,
    pub(super) org: Census,
    pub(super) database: Place,
    pub(super) upstream: Upstream,
    pub(super) runs: Vec<RunLine>,
    #[serde(flatten)]
    pub(super) story: Story,
    pub(super) checks: Checks,
    pub(super) next: Vec<String>,
}

/// What the org's users did between the runs.
#[derive(Serialize)]
pub(super) struct Upstream {
    pub(super) delta: FirstNumbers,
    pub(super) second_delta: SecondNumbers,
}

impl Report for Told {
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        section(out, style, "Runs")?;
        runs(&self.runs, out, style)?;
        section(out, style, "Some of what the delta changed")?;
        self.story.field_changes.iter().try_for_each(|edited| change(edited, out, style))?;
        if let Some(record) = &self.story.history {
            section(out, style, &format!("The history of {} {}", record.entity, record.external_id))?;
            history(record, out, style)?;
        }
        section(
            out,
            style,
            &format!("Parked: {} records that could not be applied", self.story.parked.len()),
        )?;
        parked(&self.story.parked, out, style)?;
        section(out, style, "Checked by comparing the database with the org")?;
        checks(&self.checks, out, style)?;
        let place = &self.database.at;
        section(out, style, &format!("Everything is in {place}; to look around"))?;
        self.next.iter().try_for_each(|step| writeln!(out, "  {step}"))
    }
}

fn section(out: &mut dyn Write, style: Style, heading: &str) -> io::Result<()> {
    writeln!(out, "\n{}", style.bold(heading))
}

fn runs(runs: &[RunLine], out: &mut dyn Write, style: Style) -> io::Result<()> {
    let mut table = Table::new([
        "run", "entity", "found", "created", "updated", "deleted", "restored", "noop", "parked", "status",
        "time",
    ])
    .numbers(2..9)
    .numbers([10]);
    for act in Act::ALL {
        for (n, run) in runs.iter().filter(|run| run.act == act).enumerate() {
            let Counts { found, created, updated, deleted, restored, noop, skipped, parked } = run.counts;
            let numbers = [found, created, updated, deleted, restored, noop + skipped, parked];
            let number = |number: u64| if number == 0 { "·".to_owned() } else { thousands(number) };
            let status = run.status.as_str();
            let paint = if run.status == RunStatus::Failed { Style::bad } else { Style::good };
            let name = if n == 0 { act.name() } else { "" };
            table.row(
                [name.into(), run.entity.name().into()]
                    .into_iter()
                    .chain(numbers.map(|counted| number(counted).into()))
                    .chain([
                        Cell::painted(status, paint(style, status)),
                        duration(Duration::from_millis(run.duration_ms)).into(),
                    ]),
            );
        }
    }
    table.write(out, style)
}

fn change(edited: &Edited, out: &mut dyn Write, style: Style) -> io::Result<()> {
    let title = shown(edited.title.as_deref().unwrap_or("without a name"));
    writeln!(out, "{} {}", edited.entity.name(), style.bold(&title))?;
    fields(&edited.changed_fields, out)
}

fn fields(changed: &ChangedFields, out: &mut dyn Write) -> io::Result<()> {
    for change in changed.iter().take(FIELDS) {
        let (from, to) = (shown(&value(&change.from)), shown(&value(&change.to)));
        writeln!(out, "    {}: {from} → {to}", change.field)?;
    }
    match changed.len().saturating_sub(FIELDS) {
        0 => Ok(()),
        1 => writeln!(out, "    and one field more"),
        more => writeln!(out, "    and {more} fields more"),
    }
}

fn history(record: &History, out: &mut dyn Write, style: Style) -> io::Result<()> {
    for step in &record.steps {
        let act = step.act.map_or("", Act::name);
        let operation = style.bold(step.operation.as_str());
        writeln!(out, "{}  {operation}  {}", instant(step.at), style.dim(&format!("in the {act}")))?;
        fields(&step.changed_fields, out)?;
    }
    Ok(())
}

fn parked(parked: &[Parked], out: &mut dyn Write, style: Style) -> io::Result<()> {
    if parked.is_empty() {
        return writeln!(out, "none");
    }
    let mut table = Table::new(["record", "name here", "why"]);
    for record in parked {
        table.row([
            format!("{} {}", record.entity, record.external_id).into(),
            shown(record.title.as_deref().unwrap_or("-")).into(),
            record.reason.clone().into(),
        ]);
    }
    table.write(out, style)?;
    writeln!(
        out,
        "Their rows keep the last good values, and their neighbours landed in the same runs. A record that is \
         corrected\nin the CRM lands with the next run, as one of them did in the 2nd delta; where the cause was \
         on this side,\n`hexsync dead-letters replay` tries again."
    )
}

fn checks(checks: &Checks, out: &mut dyn Write, style: Style) -> io::Result<()> {
    for check in &checks.0 {
        let mark = if check.holds { style.good("ok") } else { style.bad("WRONG") };
        writeln!(out, "{mark}  {}", check.found)?;
        check.problems.iter().try_for_each(|problem| writeln!(out, "      {problem}"))?;
    }
    Ok(())
}

/// A text cut to what fits beside others, without what a terminal might obey.
fn shown(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() <= WIDEST {
        return text;
    }
    text.chars().take(WIDEST - 1).chain(['…']).collect()
}
