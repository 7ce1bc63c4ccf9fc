//! Webhooks, version 3: what apps subscribe to, and the sender that tells them what happened.

mod log;
mod payload;
mod queue;
mod sender;
mod sign;
mod subscription;

use serde::{Deserialize, Serialize};

pub use log::{Delivery, DeliveryOutcome};
pub(crate) use queue::Webhooks;
pub(crate) use sender::run;
pub(crate) use subscription::{App, Refusal, Subscription};

/// The older one of the two signature headers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OldSignature {
    /// Over secret and body, as CRM webhooks carry it.
    #[default]
    V1,
    /// Over secret, method, URL and body.
    V2,
    /// Not sent.
    None,
}

/// How webhooks are sent, and what goes wrong on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WebhookSettings {
    /// Events in one request, at most. Default 100.
    pub batch_max: usize,
    /// How long an event waits before it is sent, in simulated milliseconds. Default 0.
    pub delay_ms: u64,
    /// How long the receiver may take, in real milliseconds. Default 5,000.
    pub timeout_ms: u64,
    /// How often a request is sent again. Default 10.
    pub retries: u32,
    /// The waits between attempts, random and about 24 simulated hours together, are divided by this. Default 1.
    pub retry_speed: u32,
    /// The `X-HubSpot-Signature` header. Default version 1.
    pub old_signature: OldSignature,
    /// The `X-HubSpot-Signature-v3` header with its timestamp. Default on.
    pub signature_v3: bool,
    /// Timestamps are of the machine's clock, for receivers that go by it. Default off: the simulated clock.
    pub real_timestamps: bool,
    /// How many of 100 events come a second time. Default 0.
    pub duplicate_percent: u8,
    /// Events come in any order. Default off.
    pub shuffled: bool,
    /// Of 100 good answers so many are lost: the receiver took the events and gets them again. Default 0.
    pub lost_answer_percent: u8,
    /// All events have the same id. Default off.
    pub same_event_ids: bool,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self {
            batch_max: 100,
            delay_ms: 0,
            timeout_ms: 5_000,
            retries: 10,
            retry_speed: 1,
            old_signature: OldSignature::V1,
            signature_v3: true,
            real_timestamps: false,
            duplicate_percent: 0,
            shuffled: false,
            lost_answer_percent: 0,
            same_event_ids: false,
        }
    }
}
