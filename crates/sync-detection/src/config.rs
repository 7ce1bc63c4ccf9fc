//! How changes of one entity are detected at one provider.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use sync_core::Provenance;

use crate::{CursorConfig, FieldMapping, Filter};

/// How changes of one entity are detected at one provider.
///
/// ```
/// use sync_detection::{CursorConfig, CursorKind, DetectionConfig, FieldMapping, Filter, PollConfig};
///
/// const MAPPING: &[FieldMapping] = &[FieldMapping::new("Name", "name")];
/// const STAMP: CursorConfig = CursorConfig::new(CursorKind::SystemModstamp, "SystemModstamp");
///
/// let config = DetectionConfig::poll(PollConfig::new(STAMP), MAPPING)
///     .filters([Filter::neq("StageName", "Draft")]);
/// assert_eq!(config.mode.as_str(), "poll");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct DetectionConfig {
    /// How changes are noticed, with what that needs.
    pub mode: DetectionMode,
    /// Which remote fields fill the entity.
    pub mapping: Cow<'static, [FieldMapping]>,
    /// Which records count: those for which all hold.
    pub filters: Vec<Filter>,
}

impl DetectionConfig {
    /// By asking.
    #[must_use]
    pub const fn poll(poll: PollConfig, mapping: &'static [FieldMapping]) -> Self {
        Self::new(DetectionMode::Poll(poll), mapping)
    }

    /// By calls from the provider.
    #[must_use]
    pub const fn webhook(webhook: WebhookConfig, mapping: &'static [FieldMapping]) -> Self {
        Self::new(DetectionMode::Webhook(webhook), mapping)
    }

    /// By a change stream.
    #[must_use]
    pub const fn cdc(cdc: CdcConfig, mapping: &'static [FieldMapping]) -> Self {
        Self::new(DetectionMode::Cdc(cdc), mapping)
    }

    const fn new(mode: DetectionMode, mapping: &'static [FieldMapping]) -> Self {
        Self { mode, mapping: Cow::Borrowed(mapping), filters: Vec::new() }
    }

    /// Only records for which all of these hold.
    #[must_use]
    pub fn filters(mut self, filters: impl IntoIterator<Item = Filter>) -> Self {
        self.filters = filters.into_iter().collect();
        self
    }
}

/// How changes are noticed, with what that needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DetectionMode {
    /// By asking.
    Poll(PollConfig),
    /// By events that the application receives itself.
    Webhook(WebhookConfig),
    /// By a change stream.
    Cdc(CdcConfig),
}

impl DetectionMode {
    /// The spelling in a file.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Poll(_) => "poll",
            Self::Webhook(_) => "webhook",
            Self::Cdc(_) => "cdc",
        }
    }

    /// How changes are stamped.
    #[must_use]
    pub const fn provenance(&self) -> Provenance {
        match self {
            Self::Poll(poll) => match poll.provenance {
                PollProvenance::Poll => Provenance::Poll,
                PollProvenance::Cdc => Provenance::Cdc,
            },
            Self::Webhook(_) => Provenance::Webhook,
            Self::Cdc(_) => Provenance::Cdc,
        }
    }

    /// What is remembered of the position; `None` for webhooks without one.
    #[must_use]
    pub const fn cursor(&self) -> Option<&CursorConfig> {
        match self {
            Self::Poll(poll) => Some(&poll.cursor),
            Self::Webhook(webhook) => webhook.cursor.as_ref(),
            Self::Cdc(cdc) => Some(&cdc.cursor),
        }
    }
}

/// Detection by asking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "yaml", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PollConfig {
    /// Where to go on next time.
    pub cursor: CursorConfig,
    /// How the changes are stamped in the audit.
    #[serde(default)]
    pub provenance: PollProvenance,
}

impl PollConfig {
    /// Asking by this position; changes are stamped as polled.
    #[must_use]
    pub const fn new(cursor: CursorConfig) -> Self {
        Self { cursor, provenance: PollProvenance::Poll }
    }

    /// With another stamp on the changes.
    #[must_use]
    pub const fn provenance(mut self, provenance: PollProvenance) -> Self {
        self.provenance = provenance;
        self
    }
}

/// How polled changes are stamped in the audit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "yaml", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum PollProvenance {
    /// As polled.
    #[default]
    Poll,
    /// As a change stream's: the fetcher reads stored change events.
    Cdc,
}

/// Detection by events that the application receives itself and hands to a `WebhookChangeSource`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "yaml", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WebhookConfig {
    /// The event's field that tells repeats: two events with the same value are one.
    pub event_id_field: Cow<'static, str>,
    /// The event's field that holds a position, when the provider has one. Its kind is `eventId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<CursorConfig>,
}

impl WebhookConfig {
    /// Events without a position; repeats are told by this field.
    #[must_use]
    pub const fn new(event_id_field: &'static str) -> Self {
        Self { event_id_field: Cow::Borrowed(event_id_field), cursor: None }
    }

    /// Events with a position.
    #[must_use]
    pub const fn at(event_id_field: &'static str, cursor: CursorConfig) -> Self {
        Self { event_id_field: Cow::Borrowed(event_id_field), cursor: Some(cursor) }
    }
}

/// Detection by a change stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "yaml", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CdcConfig {
    /// Where to go on next time. Its kind is `replayId`.
    pub cursor: CursorConfig,
}

impl CdcConfig {
    /// A stream that is resumed at this position.
    #[must_use]
    pub const fn new(cursor: CursorConfig) -> Self {
        Self { cursor }
    }
}
