//! Single rows that fail, and automations that rewrite them: what goes wrong, or happens on top, below the level of a
//! whole request. Deterministic for a given seed and order of writes.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// A row that an API client writes is refused. `F` is what the provider calls the reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowRule<F> {
    /// Why.
    pub failure: F,
    /// Only rows of this object, by any of its names; of all objects when absent.
    #[serde(default)]
    pub object: Option<String>,
    /// Only writes that send these very values.
    #[serde(default)]
    pub with: Map<String, Json>,
    /// What people read; the provider's usual words when absent.
    #[serde(default)]
    pub message: Option<String>,
    /// Matching writes that go well first. Default 0.
    #[serde(default)]
    pub skip: u64,
    /// How many times it strikes; without end when absent.
    #[serde(default)]
    pub times: Option<u64>,
    /// How many times it strikes one and the same row; without end when absent.
    #[serde(default)]
    pub first_tries: Option<u64>,
    /// Chance per matching write, from 0 to 1. Default 1.
    #[serde(default = "always")]
    pub probability: f64,
}

fn always() -> f64 {
    1.0
}

impl<F> RowRule<F> {
    /// Strikes on every row.
    #[must_use]
    pub fn new(failure: F) -> Self {
        Self {
            failure,
            object: None,
            with: Map::new(),
            message: None,
            skip: 0,
            times: None,
            first_tries: None,
            probability: 1.0,
        }
    }

    /// Only on rows of this object.
    #[must_use]
    pub fn on(mut self, object: impl Into<String>) -> Self {
        self.object = Some(object.into());
        self
    }

    /// Only on writes that send this value; may be called several times.
    #[must_use]
    pub fn with(mut self, field: impl Into<String>, value: impl Into<Json>) -> Self {
        self.with.insert(field.into(), value.into());
        self
    }

    /// What people read.
    #[must_use]
    pub fn message(mut self, text: impl Into<String>) -> Self {
        self.message = Some(text.into());
        self
    }

    /// Lets so many matching writes pass first.
    #[must_use]
    pub fn skip(mut self, writes: u64) -> Self {
        self.skip = writes;
        self
    }

    /// Strikes so many times, then never again.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Strikes each row's first so many tries.
    #[must_use]
    pub fn first_tries(mut self, tries: u64) -> Self {
        self.first_tries = Some(tries);
        self
    }

    /// Strikes with this chance, from 0 to 1.
    #[must_use]
    pub fn probability(mut self, chance: f64) -> Self {
        self.probability = chance;
        self
    }
}

/// A write, as rules look at it.
pub(crate) struct Attempt<'a> {
    /// What tells this row from others, the same at every try.
    pub(crate) row: &'a str,
    /// The values that are sent.
    pub(crate) sent: &'a Map<String, Json>,
}

/// The rules in force, with their counts.
#[derive(Debug)]
pub(crate) struct RowRules<F> {
    seed: u64,
    active: Vec<Active<F>>,
}

impl<F> Default for RowRules<F> {
    fn default() -> Self {
        Self { seed: 0, active: Vec::new() }
    }
}

#[derive(Debug)]
struct Active<F> {
    rule: RowRule<F>,
    rng: fastrand::Rng,
    matched: u64,
    struck: u64,
    by_row: HashMap<String, u64>,
}

impl<F: Clone> RowRules<F> {
    /// Replaces the rules and starts counting anew.
    pub(crate) fn set(&mut self, seed: u64, rules: Vec<RowRule<F>>) {
        (self.seed, self.active) = (seed, Vec::new());
        for rule in rules {
            self.add(rule);
        }
    }

    /// Adds a rule; earlier ones win when several strike.
    pub(crate) fn add(&mut self, rule: RowRule<F>) {
        let seed = self.seed.wrapping_add(self.active.len() as u64 + 1);
        let rng = fastrand::Rng::with_seed(seed);
        self.active.push(Active { rule, rng, matched: 0, struck: 0, by_row: HashMap::new() });
    }

    pub(crate) fn rules(&self) -> Vec<RowRule<F>> {
        self.active.iter().map(|active| active.rule.clone()).collect()
    }

    /// The rule that refuses this write, if one does. `is` says whether a rule means the object by this name.
    pub(crate) fn strike(&mut self, attempt: &Attempt<'_>, is: impl Fn(&str) -> bool) -> Option<RowRule<F>> {
        self.active.iter_mut().find_map(|active| active.strikes(attempt, &is).then(|| active.rule.clone()))
    }
}

impl<F> Active<F> {
    fn strikes(&mut self, attempt: &Attempt<'_>, is: impl Fn(&str) -> bool) -> bool {
        let sent = |(field, value): (&String, &Json)| attempt.sent.get(field) == Some(value);
        if !self.rule.object.as_deref().is_none_or(is) || !self.rule.with.iter().all(sent) {
            return false;
        }
        self.matched += 1;
        // Draw for every match, so that one rule's luck does not depend on its other settings.
        let lucky = self.rng.f64() < self.rule.probability;
        let left = self.rule.times.is_none_or(|times| self.struck < times);
        if !lucky || !left || self.matched <= self.rule.skip {
            return false;
        }
        if let Some(tries) = self.rule.first_tries {
            let of_row = self.by_row.entry(attempt.row.to_owned()).or_default();
            if *of_row >= tries {
                return false;
            }
            *of_row += 1;
        }
        self.struck += 1;
        true
    }
}

/// An automation of the customer: after an API client has written a row, it changes a field of it. The result differs
/// from what was written, so it is a change of its own and no echo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workflow {
    /// Rows of this object, by any of its names.
    pub object: String,
    /// The field that changes.
    pub field: String,
    /// To what.
    pub rewrite: Rewrite,
    /// How many writes it follows; all when absent.
    #[serde(default)]
    pub times: Option<u64>,
}

/// What an automation makes of a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rewrite {
    /// This value.
    Set(Json),
    /// What is there as text, with this behind it.
    Append(String),
}

impl Workflow {
    /// Gives a field this value after every API write.
    #[must_use]
    pub fn set(object: impl Into<String>, field: impl Into<String>, value: impl Into<Json>) -> Self {
        let rewrite = Rewrite::Set(value.into());
        Self { object: object.into(), field: field.into(), rewrite, times: None }
    }

    /// Puts this behind a text after every API write.
    #[must_use]
    pub fn append(object: impl Into<String>, field: impl Into<String>, text: impl Into<String>) -> Self {
        let rewrite = Rewrite::Append(text.into());
        Self { object: object.into(), field: field.into(), rewrite, times: None }
    }

    /// Follows so many writes, then none.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// The new value, from the one that is there.
    pub(crate) fn value(&self, present: Option<&str>) -> Json {
        match &self.rewrite {
            Rewrite::Set(value) => value.clone(),
            Rewrite::Append(text) => format!("{}{text}", present.unwrap_or("")).into(),
        }
    }

    /// Takes one of its times; false when there are none left.
    pub(crate) fn take(&mut self) -> bool {
        match &mut self.times {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tries(rule: RowRule<u8>, rows: &[&str]) -> Vec<bool> {
        let mut rules = RowRules::default();
        rules.set(7, vec![rule]);
        let sent = json!({"Name": "A"}).as_object().cloned().unwrap_or_default();
        let strike =
            |row: &&str| rules.strike(&Attempt { row, sent: &sent }, |name| name == "Account").is_some();
        rows.iter().map(strike).collect()
    }

    #[test]
    fn each_row_fails_its_first_tries() {
        let rule = RowRule::new(1).on("Account").first_tries(2);
        assert_eq!(tries(rule, &["a", "b", "a", "a", "b", "b"]), [true, true, true, false, true, false]);
    }

    #[test]
    fn rules_strike_what_they_match() {
        assert_eq!(tries(RowRule::new(1).on("Contact"), &["a"]), [false]);
        assert_eq!(
            tries(RowRule::new(1).with("Name", "A").skip(1).times(1), &["a", "b", "c"]),
            [false, true, false]
        );
        assert_eq!(tries(RowRule::new(1).with("Name", "B"), &["a"]), [false]);
    }

    #[test]
    fn chances_repeat_with_their_seed() {
        let rows = ["a"; 200];
        let hits = tries(RowRule::new(1).probability(0.3), &rows);
        assert_eq!(hits, tries(RowRule::new(1).probability(0.3), &rows));
        let share = hits.iter().filter(|hit| **hit).count();
        assert!((35..85).contains(&share), "{share} of 200 at 30 %");
    }
}
