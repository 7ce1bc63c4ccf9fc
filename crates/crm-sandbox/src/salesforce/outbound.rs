//! Outbound messages: the SOAP calls by which workflow rules tell a receiver of rows that were made or edited.

mod message;
mod queue;
mod sender;

use serde::{Deserialize, Serialize};

use super::model::RecordId;
use crate::push::Target;

pub(crate) use queue::{Outbound, Touched};
pub(crate) use sender::run;

/// A workflow rule: rows of an object, what is told of them, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboundRule {
    /// The object.
    pub object: String,
    /// Fields that are sent besides the id.
    pub fields: Vec<String>,
    /// An `http` URL of this machine.
    pub url: String,
}

/// A rule in force.
#[derive(Debug, Clone)]
pub(crate) struct Action {
    pub(crate) id: RecordId,
    pub(crate) rule: OutboundRule,
    pub(crate) target: Target,
}

/// How messages are sent, and what goes wrong on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutboundSettings {
    /// Notifications in one message, at most. Default 100.
    pub batch_max: usize,
    /// How long a notification waits before it is sent, in simulated milliseconds. Default 0.
    pub delay_ms: u64,
    /// How long the receiver may take, in real milliseconds. Default 60,000.
    pub timeout_ms: u64,
    /// The waits between attempts, 15 simulated seconds and doubling up to two hours, are divided by this. Default 1.
    pub retry_speed: u32,
    /// How many of 100 notifications come a second time. Default 0.
    pub duplicate_percent: u8,
    /// Notifications come in any order. Default off.
    pub shuffled: bool,
    /// Of 100 acknowledgements so many are lost: the receiver took the message and gets it again. Default 0.
    pub lost_answer_percent: u8,
}

impl Default for OutboundSettings {
    fn default() -> Self {
        Self {
            batch_max: 100,
            delay_ms: 0,
            timeout_ms: 60_000,
            retry_speed: 1,
            duplicate_percent: 0,
            shuffled: false,
            lost_answer_percent: 0,
        }
    }
}

/// One message to a receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutboundDelivery {
    /// When it was sent, in simulated milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// The receiver.
    pub url: String,
    /// 0 for the first try.
    pub attempt: u32,
    /// The ids of its notifications; the same at every try.
    pub notifications: Vec<RecordId>,
    /// The rows they tell of, in the same order.
    pub rows: Vec<RecordId>,
    /// The raw body.
    pub body: String,
    /// What came of it.
    pub outcome: OutboundOutcome,
}

/// What came of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutboundOutcome {
    /// The receiver said `true`.
    Acknowledged,
    /// The receiver said `false`, or something else, with this status. Sent again later, all of it.
    Declined(u16),
    /// No answer, or not in time; why. Sent again later.
    Unanswered(&'static str),
    /// Taken, but the answer got lost: sent again later.
    Lost,
}
