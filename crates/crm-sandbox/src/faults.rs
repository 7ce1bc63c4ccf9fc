//! Faults on demand: what goes wrong, on which requests, how often. Deterministic for a given seed and order of calls.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What goes wrong. Each simulated provider words it in its own way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fault {
    /// The answer comes late. Other faults may come on top.
    Latency {
        /// Real milliseconds.
        ms: u64,
    },
    /// The request is carried out at once, its answer comes late: a client that gave up waiting has still written.
    LateAnswer {
        /// Real milliseconds.
        ms: u64,
    },
    /// The request is carried out twice, as a proxy does that sends it again; the client gets the second answer.
    Twice,
    /// 401, although the token is good.
    Unauthorized,
    /// The daily allowance is used up: 403 of Salesforce, 429 of HubSpot.
    DailyLimit,
    /// Too many requests within some seconds: 429; HubSpot says which limit.
    BurstLimit,
    /// Too many searches within a second: 429 with a body of its own, without limit headers.
    SearchLimit,
    /// 403: too many long requests at once.
    ConcurrentLimit,
    /// 429.
    TooManyRequests {
        /// `Retry-After` in seconds; not sent when absent.
        #[serde(default)]
        retry_after_s: Option<u64>,
    },
    /// 500.
    InternalError,
    /// 502 with an HTML page from an edge server.
    BadGateway,
    /// 503.
    Unavailable {
        /// `Retry-After` in seconds; not sent when absent.
        #[serde(default)]
        retry_after_s: Option<u64>,
    },
    /// 524: an edge server gave up waiting; the request was not carried out.
    OriginTimeout,
    /// The account is moving to another data centre: 477 of HubSpot, 503 of Salesforce.
    Migration {
        /// `Retry-After` in seconds; not sent when absent.
        #[serde(default)]
        retry_after_s: Option<u64>,
    },
    /// Bulk work holds a lock: 423. Meant for writes.
    Locked,
    /// The connection closes without an answer, and nothing was done.
    Drop,
    /// The request is carried out, then the connection closes without an answer.
    DropAnswer,
    /// The answer stops after so many bytes, then the connection closes.
    Truncate {
        /// Bytes of the body that still arrive.
        bytes: usize,
    },
    /// 200 with bytes that are not JSON, under a JSON content type.
    Garbage,
    /// 200 with an HTML page.
    Html,
    /// 400: a row could not be locked. Meant for writes.
    LockedRow,
    /// 400: the query took too long.
    QueryTimeout,
    /// 400: the locator is not known any more.
    InvalidLocator,
}

impl Fault {
    /// Sent while the request has not been carried out: everything but late, lost, cut-off and second answers.
    #[must_use]
    pub fn prevents_work(&self) -> bool {
        !matches!(
            self,
            Self::Latency { .. }
                | Self::LateAnswer { .. }
                | Self::Twice
                | Self::DropAnswer
                | Self::Truncate { .. }
        )
    }
}

/// A fault and when it strikes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultRule {
    /// What goes wrong.
    pub fault: Fault,
    /// Kinds of requests, as the provider's request counts name them; all but control calls when empty.
    #[serde(default)]
    pub on: Vec<String>,
    /// Matching requests that go well first. Default 0.
    #[serde(default)]
    pub skip: u64,
    /// How many times it strikes; without end when absent.
    #[serde(default)]
    pub times: Option<u64>,
    /// Chance per matching request, from 0 to 1. Default 1.
    #[serde(default = "always")]
    pub probability: f64,
}

impl FaultRule {
    /// Strikes on every request.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self { fault, on: Vec::new(), skip: 0, times: None, probability: 1.0 }
    }

    /// Only on requests of this kind; may be called several times.
    #[must_use]
    pub fn on(mut self, kind: impl Into<String>) -> Self {
        self.on.push(kind.into());
        self
    }

    /// Lets so many matching requests pass first.
    #[must_use]
    pub fn skip(mut self, requests: u64) -> Self {
        self.skip = requests;
        self
    }

    /// Strikes so many times, then never again.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Strikes with this chance, from 0 to 1.
    #[must_use]
    pub fn probability(mut self, chance: f64) -> Self {
        self.probability = chance;
        self
    }
}

fn always() -> f64 {
    1.0
}

/// What strikes one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Struck {
    /// How long the answer waits, in real time.
    pub latency: Duration,
    /// What goes wrong besides.
    pub fault: Option<Fault>,
}

/// The rules in force, with their counts.
#[derive(Debug)]
pub struct Faults {
    seed: u64,
    rules: Vec<ActiveRule>,
}

#[derive(Debug)]
struct ActiveRule {
    rule: FaultRule,
    rng: fastrand::Rng,
    matched: u64,
    struck: u64,
}

impl Faults {
    /// No faults. Chances are drawn from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, rules: Vec::new() }
    }

    /// Replaces the rules and starts counting anew.
    pub fn set(&mut self, rules: Vec<FaultRule>) {
        self.rules.clear();
        for rule in rules {
            self.add(rule);
        }
    }

    /// Adds a rule; earlier ones win when several strike.
    pub fn add(&mut self, rule: FaultRule) {
        let seed = self.seed.wrapping_add(self.rules.len() as u64 + 1);
        self.rules.push(ActiveRule { rule, rng: fastrand::Rng::with_seed(seed), matched: 0, struck: 0 });
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> Vec<FaultRule> {
        self.rules.iter().map(|active| active.rule.clone()).collect()
    }

    /// Decides what strikes the next request of this kind. Latencies add up, of other faults the first wins.
    pub fn strike(&mut self, kind: &str) -> Struck {
        let mut struck = Struck::default();
        for active in &mut self.rules {
            if !active.strikes(kind) {
                continue;
            }
            match &active.rule.fault {
                Fault::Latency { ms } => struck.latency += Duration::from_millis(*ms),
                fault if struck.fault.is_none() => struck.fault = Some(fault.clone()),
                _ => continue,
            }
            active.struck += 1;
        }
        struck
    }
}

impl ActiveRule {
    fn strikes(&mut self, kind: &str) -> bool {
        if !self.rule.on.is_empty() && !self.rule.on.iter().any(|on| on == kind) {
            return false;
        }
        self.matched += 1;
        // Draw for every match, so that one rule's luck does not depend on its other settings.
        let lucky = self.rng.f64() < self.rule.probability;
        let left = self.rule.times.is_none_or(|times| self.struck < times);
        lucky && left && self.matched > self.rule.skip
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(seed: u64) -> Vec<bool> {
        let mut faults = Faults::new(seed);
        faults.add(FaultRule::new(Fault::InternalError).probability(0.3));
        (0..200).map(|_| faults.strike("query").fault.is_some()).collect()
    }

    #[test]
    fn chances_repeat_with_their_seed() {
        assert_eq!(pattern(7), pattern(7));
        assert_ne!(pattern(7), pattern(8));
        let share = pattern(7).iter().filter(|hit| **hit).count();
        assert!((35..85).contains(&share), "{share} of 200 at 30 %");
    }

    #[test]
    fn rules_count_only_what_they_match() {
        let mut faults = Faults::new(1);
        faults.add(FaultRule::new(Fault::Drop).on("query").skip(1).times(1));
        faults.add(FaultRule::new(Fault::Latency { ms: 5 }));
        let kinds = ["query", "describe", "query", "query"];
        let hits: Vec<_> = kinds.iter().map(|kind| faults.strike(kind).fault).collect();
        assert_eq!(hits, [None, None, Some(Fault::Drop), None]);
        assert_eq!(faults.strike("describe").latency, Duration::from_millis(5));
    }

    #[test]
    fn rules_read_from_json() {
        let json = r#"{"fault": {"kind": "unavailable", "retry_after_s": 3}, "on": ["query"], "times": 2}"#;
        let rule: FaultRule = serde_json::from_str(json).unwrap();
        assert_eq!(rule, FaultRule::new(Fault::Unavailable { retry_after_s: Some(3) }).on("query").times(2));
    }
}
