//! What the demo says at its end.

mod runs;

use std::io::{self, Write};

use serde::Serialize;
use sync_wiring::core::ChangedFields;

use super::act::Act;
use super::check::{Checks, Known};
use super::line::RunLine;
use super::place::Place;
use super::story::{Edited, History, Merged, Parked, Story};
use super::upstream::{Census, Changes};
use crate::crm::Crm;
use crate::output::{Report, Style, Table, instant, value};

/// Fields of a change that are shown; the audit has all.
const FIELDS: usize = 4;
/// Characters of a value that are shown.
const WIDEST: usize = 60;

/// Everything, as text and as one JSON document.
#[derive(Serialize)]
pub(super) struct Told {
    pub(super) seed: u64,
    pub(super) crms: Vec<Upstream>,
    pub(super) database: Place,
    pub(super) runs: Vec<RunLine>,
    #[serde(flatten)]
    pub(super) story: Story,
    pub(super) checks: Checks,
    pub(super) next: Vec<String>,
}

/// A CRM, and what its users did between the runs.
#[derive(Serialize)]
pub(super) struct Upstream {
    crm: Crm,
    records: Census,
    delta: Changes,
    second_delta: Changes,
}

impl From<Known> for Upstream {
    fn from(known: Known) -> Self {
        let Known { crm, census, first, second, .. } = known;
        Self { crm, records: census, delta: first, second_delta: second }
    }
}

impl Report for Told {
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        section(out, style, "Runs")?;
        runs::table(&self.runs, out, style)?;
        section(out, style, "Some of what the delta changed")?;
        self.story.field_changes.iter().try_for_each(|edited| change(edited, out, style))?;
        for record in &self.story.histories {
            let heading = format!("The history of {} {}", record.entity, record.external_id);
            section(out, style, &format!("{heading} of {}", record.crm.product()))?;
            history(record, out, style)?;
        }
        if !self.story.merges.is_empty() {
            section(out, style, "Merged upstream")?;
            self.story.merges.iter().try_for_each(|merged| merge(merged, out, style))?;
        }
        section(
            out,
            style,
            &format!("Parked: {} records that could not be applied", self.story.parked.len()),
        )?;
        parked(&self.story.parked, out, style)?;
        section(out, style, "Checked by comparing the database with the memory of the CRMs")?;
        checks(&self.checks, out, style)?;
        let place = &self.database.at;
        section(out, style, &format!("Everything is in {place}; to look around"))?;
        self.next.iter().try_for_each(|step| writeln!(out, "  {step}"))
    }
}

fn section(out: &mut dyn Write, style: Style, heading: &str) -> io::Result<()> {
    writeln!(out, "\n{}", style.bold(heading))
}

fn change(edited: &Edited, out: &mut dyn Write, style: Style) -> io::Result<()> {
    let title = shown(edited.title.as_deref().unwrap_or("without a name"));
    writeln!(out, "{} {} {}", edited.crm.key(), edited.entity.name(), style.bold(&title))?;
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

fn merge(merged: &Merged, out: &mut dyn Write, style: Style) -> io::Result<()> {
    let title = shown(merged.title.as_deref().unwrap_or("without a name"));
    let Merged { crm, entity, loser, winner, .. } = merged;
    writeln!(out, "{} {entity} {loser} lives on in {winner} {}", crm.key(), style.bold(&title))
}

fn parked(parked: &[Parked], out: &mut dyn Write, style: Style) -> io::Result<()> {
    if parked.is_empty() {
        return writeln!(out, "none");
    }
    let mut table = Table::new(["crm", "record", "name here", "why"]);
    for record in parked {
        table.row([
            record.crm.key().into(),
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
