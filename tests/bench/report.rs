//! Medians, and the engine's share of the floor.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::ValueEnum;
use serde_json::{Value as Json, json};

use crate::Contender;
use crate::door::Crm;
use crate::measure::Outcome;

/// From which CRMs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Setting {
    /// A Salesforce org.
    Salesforce,
    /// A HubSpot account.
    Hubspot,
    /// Both at once, into one table.
    Both,
}

impl Setting {
    pub(crate) const ALL: [Self; 3] = [Self::Salesforce, Self::Hubspot, Self::Both];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Salesforce => "Salesforce",
            Self::Hubspot => "HubSpot",
            Self::Both => "both",
        }
    }

    pub(crate) const fn crms(self) -> &'static [Crm] {
        match self {
            Self::Salesforce => &[Crm::Salesforce],
            Self::Hubspot => &[Crm::Hubspot],
            Self::Both => &[Crm::Salesforce, Crm::Hubspot],
        }
    }
}

/// What is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Workload {
    /// W1: everything, into nothing.
    Load,
    /// W2: the same again, nothing changed.
    Unchanged,
    /// W3: everything, 5 % of it changed.
    Changed,
}

impl Workload {
    const ALL: [Self; 3] = [Self::Load, Self::Unchanged, Self::Changed];

    const fn name(self) -> &'static str {
        match self {
            Self::Load => "W1 initial load",
            Self::Unchanged => "W2 unchanged",
            Self::Changed => "W3 5 % changed",
        }
    }
}

/// All measurements.
#[derive(Default)]
pub(crate) struct Report(BTreeMap<(Setting, Workload, u8), Vec<Outcome>>);

impl Report {
    pub(crate) fn add(
        &mut self,
        setting: Setting,
        contender: Contender,
        workload: Workload,
        outcome: Outcome,
    ) {
        self.0.entry((setting, workload, contender as u8)).or_default().push(outcome);
    }

    /// Prints medians: records per second, the ratio to the floor of the same round, peak memory.
    pub(crate) fn print(&self, n_records: usize, as_json: bool) -> Result<()> {
        let all = Setting::ALL.into_iter().flat_map(|setting| Workload::ALL.map(|work| (setting, work)));
        let rows: Vec<_> = all.flat_map(|(setting, workload)| self.rows(setting, workload)).collect();
        if as_json {
            println!("{}", serde_json::to_string_pretty(&json!({"records": n_records, "results": rows}))?);
            return Ok(());
        }
        println!("{n_records} opportunities in each CRM, medians\n");
        println!(
            "{:<11} {:<18} {:<16} {:>10} {:>9} {:>9}",
            "from", "workload", "contender", "records/s", "of floor", "peak MiB"
        );
        for row in rows {
            let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            let number = |key: &str| row[key].as_f64().unwrap_or_default();
            println!(
                "{:<11} {:<18} {:<16} {:>10.0} {:>9.3} {:>9.0}",
                text("from"),
                text("workload"),
                text("contender"),
                number("records_per_second"),
                number("of_floor"),
                number("peak_mib"),
            );
        }
        Ok(())
    }

    fn rows(&self, setting: Setting, workload: Workload) -> Vec<Json> {
        let floor = self.of(setting, workload, Contender::Floor);
        let mut rows = Vec::new();
        for contender in [Contender::Floor, Contender::Engine, Contender::EngineCounting] {
            let outcomes = self.of(setting, workload, contender);
            if outcomes.is_empty() {
                continue;
            }
            let ratios = outcomes.iter().zip(floor).map(|(own, floor)| own.rate() / floor.rate());
            rows.push(json!({
                "from": setting.name(),
                "workload": workload.name(),
                "contender": format!("{contender:?}"),
                "records_per_second": median(outcomes.iter().map(Outcome::rate)).round(),
                "of_floor": (median(ratios) * 1_000.0).round() / 1_000.0,
                "peak_mib": median(outcomes.iter().map(|outcome| outcome.peak_mib)).round(),
                "rounds": outcomes.len(),
            }));
        }
        rows
    }

    fn of(&self, setting: Setting, workload: Workload, contender: Contender) -> &[Outcome] {
        self.0.get(&(setting, workload, contender as u8)).map_or(&[], Vec::as_slice)
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}
