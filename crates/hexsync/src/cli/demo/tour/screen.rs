//! What is shown: numbered screens with what happened, facts for scripts, and checks.

use std::fmt;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::setting::REDIS_VARIABLE;
use crate::cli::demo::check::Check;
use crate::cli::demo::place::{CONFIG, Place};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Out, Report, Style, duration};

/// One screen.
#[derive(Serialize)]
pub(super) struct Screen {
    number: usize,
    title: &'static str,
    took_ms: u64,
    lines: Vec<String>,
    facts: Map<String, Json>,
    pub(super) checks: Vec<Check>,
    #[serde(skip)]
    began: Instant,
}

impl Screen {
    /// How many there are.
    pub(super) const ALL: usize = 7;

    pub(super) fn new(number: usize, title: &'static str) -> Self {
        let (lines, facts, checks) = (Vec::new(), Map::new(), Vec::new());
        Self { number, title, took_ms: 0, lines, facts, checks, began: Instant::now() }
    }

    /// A line for people.
    pub(super) fn say(&mut self, line: impl fmt::Display) {
        self.lines.push(line.to_string());
    }

    /// A fact for scripts.
    ///
    /// # Errors
    /// When it has no form in JSON, which facts here have.
    pub(super) fn fact(&mut self, name: &str, fact: impl Serialize) -> Result<(), CliError> {
        self.facts.insert(name.to_owned(), serde_json::to_value(fact)?);
        Ok(())
    }

    /// A promise: kept when there is no problem.
    pub(super) fn check(&mut self, name: &'static str, found: impl Into<String>, problems: Vec<String>) {
        self.checks.push(Check::new(name, found.into(), problems));
    }

    /// A promise that holds or does not; `found` says what was seen in either case.
    pub(super) fn expect(&mut self, name: &'static str, holds: bool, found: impl Into<String>) {
        let problems = if holds { Vec::new() } else { vec!["this is not as it should be".to_owned()] };
        self.check(name, found, problems);
    }

    fn holds(&self) -> bool {
        self.checks.iter().all(|check| check.holds)
    }
}

/// Milliseconds since then.
pub(super) fn ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

impl Report for Screen {
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let heading = format!("{}/{}  {}", self.number, Self::ALL, self.title);
        let took = duration(Duration::from_millis(self.took_ms));
        writeln!(out, "\n{}  {}", style.bold(&heading), style.dim(&took))?;
        self.lines.iter().try_for_each(|line| writeln!(out, "  {line}"))?;
        for check in &self.checks {
            let mark = if check.holds { style.good("ok") } else { style.bad("WRONG") };
            writeln!(out, "  {mark}  {}", check.found)?;
            check.problems.iter().try_for_each(|problem| writeln!(out, "        {problem}"))?;
        }
        Ok(())
    }
}

/// All screens: one document with `--json`, otherwise each as it comes.
#[derive(Serialize)]
pub(super) struct Told {
    database: Place,
    stream: String,
    holds: bool,
    #[serde(skip)]
    on_redis: bool,
    pub(super) screens: Vec<Screen>,
}

impl Told {
    pub(super) fn new(database: Place, stream: String, on_redis: bool) -> Self {
        Self { database, stream, holds: true, on_redis, screens: Vec::new() }
    }

    pub(super) fn add(&mut self, mut screen: Screen, out: &mut Out<'_>) -> Result<(), CliError> {
        screen.took_ms = ms(screen.began);
        self.holds &= screen.holds();
        if !out.is_json() {
            out.show(&screen)?;
        }
        self.screens.push(screen);
        Ok(())
    }

    /// The document, or a last line.
    pub(super) fn finish(self, out: &mut Out<'_>) -> Result<Exit, CliError> {
        out.show(&self)?;
        Ok(if self.holds { Exit::Ok } else { Exit::Failure })
    }
}

impl Report for Told {
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let n_checks: usize = self.screens.iter().map(|screen| screen.checks.len()).sum();
        let verdict = if self.holds { "every check held" } else { "a check did not hold, see above" };
        let heading = format!("{} screens, {n_checks} checks: {verdict}", self.screens.len());
        writeln!(out, "\n{}", style.bold(&heading))?;
        writeln!(out, "everything is in {}; events went to {}", self.database.at, self.stream)?;
        if self.on_redis {
            writeln!(out, "to look around with {CONFIG}, set {REDIS_VARIABLE} to the address of that Redis")?;
        }
        Ok(())
    }
}
