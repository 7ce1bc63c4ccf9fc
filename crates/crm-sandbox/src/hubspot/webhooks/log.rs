//! What was sent, and what the receiver said.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::Value as Json;

/// Older entries are forgotten.
const KEPT: usize = 10_000;

/// One request to the receiver.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Delivery {
    /// When it was sent, in simulated milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// The receiver.
    pub url: String,
    /// 0 for the first try.
    pub attempt: u32,
    /// What was sent besides the body, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The raw body.
    pub body: String,
    /// What came of it.
    pub outcome: DeliveryOutcome,
    /// How long the receiver took, in real milliseconds.
    pub took_ms: u64,
}

impl Delivery {
    /// The events of the body.
    #[must_use]
    pub fn events(&self) -> Vec<Json> {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// A header that was sent.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryOutcome {
    /// Taken: the status is 2xx.
    Acknowledged(u16),
    /// Any other status: sent again later.
    Refused(u16),
    /// No answer, or not in time; why. Sent again later.
    Unanswered(&'static str),
    /// Taken, but the answer got lost: sent again later.
    Lost(u16),
}

/// The newest deliveries, oldest first.
#[derive(Debug, Default)]
pub(super) struct DeliveryLog {
    entries: VecDeque<Delivery>,
}

impl DeliveryLog {
    pub(super) fn push(&mut self, delivery: Delivery) {
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(delivery);
    }

    pub(super) fn entries(&self) -> Vec<Delivery> {
        self.entries.iter().cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }
}
