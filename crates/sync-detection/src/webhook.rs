//! Detection by calls from the provider: a batch of events as a source.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use serde_json::Value as Json;
use sync_core::{
    Change, ChangeSource, ChangeStream, Cursor, ExternalId, Payload, Provenance, SourceError, Subscription,
    Unreadable,
};

use crate::{CursorConfig, DetectionConfig, DetectionMode, WebhookConfig};

/// Bytes of a malformed event that are kept, to be looked at by a person.
const LONGEST_RAW: usize = 16 * 1024;
/// The version of the cursor's form.
const CURSOR_VERSION: u64 = 1;

type Mapper<T> = dyn Fn(&Json) -> Result<Change<T>, String> + Send + Sync;

/// A batch of a provider's events as a source, for a run with `source_override`.
///
/// - Every event is one change, in the order of the batch, stamped as `webhook`, with the configured event id as
///   its `dedup_key`.
/// - A repeat of an event id within the batch is left out as [`Payload::Skip`], so that counts stay conserved.
/// - A malformed event (no object, without event id, not mappable, of no record) is set aside as
///   [`Payload::Unreadable`] under an id that is the same whenever it comes again.
/// - Changes carry a position only where the configuration names the field that holds it; one that is not beyond
///   the stored position is marked as [`reread`](Change::reread).
pub struct WebhookChangeSource<T> {
    label: String,
    config: WebhookConfig,
    events: Arc<[Json]>,
    map: Arc<Mapper<T>>,
}

/// A configuration for another mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration is for mode `{found}`, a webhook's source needs `webhook`")]
pub struct WrongMode {
    found: &'static str,
}

impl<T: Send + Sync + 'static> WebhookChangeSource<T> {
    /// A source of these events. `map` makes a change of an event: what it says of the record, partial where the
    /// event holds only some fields.
    ///
    /// # Errors
    /// [`WrongMode`] for a configuration of another mode.
    pub fn new<E: Display>(
        label: impl Into<String>,
        config: &DetectionConfig,
        events: impl Into<Arc<[Json]>>,
        map: impl Fn(&Json) -> Result<Change<T>, E> + Send + Sync + 'static,
    ) -> Result<Self, WrongMode> {
        let DetectionMode::Webhook(webhook) = &config.mode else {
            return Err(WrongMode { found: config.mode.as_str() });
        };
        Ok(Self {
            label: label.into(),
            config: webhook.clone(),
            events: events.into(),
            map: Arc::new(move |event| map(event).map_err(|error| error.to_string())),
        })
    }
}

impl<T: Send + Sync + 'static> ChangeSource<T> for WebhookChangeSource<T> {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn list_changes(&self, _: &Subscription, cursor: Option<&Cursor>) -> ChangeStream<T> {
        let stored = match (&self.config.cursor, cursor) {
            (Some(_), Some(cursor)) => match Position::from_cursor(cursor) {
                Some(position) => Some(position),
                None => return stream::once(std::future::ready(Err(self.bad_cursor()))).boxed(),
            },
            _ => None,
        };
        let mut batch = Batch {
            config: self.config.clone(),
            map: Arc::clone(&self.map),
            seen: HashMap::new(),
            stored: stored.clone(),
            last: stored,
        };
        let events = Arc::clone(&self.events);
        stream::iter((0..events.len()).map(move |n| Ok(batch.change(&events[n])))).boxed()
    }
}

impl<T> WebhookChangeSource<T> {
    fn bad_cursor(&self) -> SourceError {
        let reason = "it is no position of an event".to_owned();
        SourceError::BadCursor { source_label: self.label.clone(), reason }
    }
}

/// What is known while a batch is read.
struct Batch<T> {
    config: WebhookConfig,
    map: Arc<Mapper<T>>,
    /// Event ids, and which records they were of.
    seen: HashMap<Box<str>, ExternalId>,
    stored: Option<Position>,
    last: Option<Position>,
}

impl<T> Batch<T> {
    fn change(&mut self, event: &Json) -> Change<T> {
        let event_id = match self.event_id(event) {
            Ok(id) => id,
            Err(reason) => return self.finish(unreadable(unidentified(event), reason, event), None, event),
        };
        let change = match self.seen.get(&event_id) {
            Some(record) => {
                let reason = "the event came twice in one batch".into();
                Change::new(record.clone(), Payload::Skip(reason))
            }
            None => self.mapped(event, &event_id),
        };
        self.seen.entry(event_id.clone()).or_insert_with(|| change.external_id.clone());
        self.finish(change, Some(event_id), event)
    }

    fn mapped(&self, event: &Json, event_id: &str) -> Change<T> {
        let id = || ExternalId::new(format!("event:{event_id}"));
        match (self.map)(event) {
            Ok(change) if change.external_id.as_str().is_empty() => {
                unreadable(id(), "the event names no record".to_owned(), event)
            }
            Ok(change) => change,
            Err(reason) => unreadable(id(), reason, event),
        }
    }

    fn finish(&mut self, change: Change<T>, dedup_key: Option<Box<str>>, event: &Json) -> Change<T> {
        let position = self.config.cursor.as_ref().and_then(|cursor| Position::of(event, cursor));
        let reread = matches!((&position, &self.stored), (Some(at), Some(stored)) if !stored.is_before(at));
        let advances = !reread
            && matches!(&position, Some(at) if self.last.as_ref().is_none_or(|last| !at.is_before(last)));
        let cursor = position.filter(|_| advances).map(|position| {
            let cursor = position.to_cursor();
            self.last = Some(position);
            cursor
        });
        Change { source: Provenance::Webhook, dedup_key, cursor, reread, ..change }
    }

    fn event_id(&self, event: &Json) -> Result<Box<str>, String> {
        let field = &self.config.event_id_field;
        if !event.is_object() {
            return Err("the event is no json object".to_owned());
        }
        match at_path(event, field) {
            Some(Json::String(id)) if !id.is_empty() => Ok(id.as_str().into()),
            Some(Json::Number(id)) => Ok(id.to_string().into()),
            Some(_) => Err(format!("field `{field}` of the event holds no id")),
            None => Err(format!("field `{field}` is missing in the event")),
        }
    }
}

/// The position that an event's field holds.
#[derive(Clone, Debug, PartialEq)]
enum Position {
    Number(i64),
    Text(String),
}

impl Position {
    fn of(event: &Json, cursor: &CursorConfig) -> Option<Self> {
        Self::from_json(at_path(event, &cursor.field)?)
    }

    fn from_json(json: &Json) -> Option<Self> {
        match json {
            Json::Number(n) => n.as_i64().map(Self::Number),
            Json::String(text) if !text.is_empty() => Some(Self::Text(text.clone())),
            _ => None,
        }
    }

    fn from_cursor(cursor: &Cursor) -> Option<Self> {
        let json: Json = serde_json::from_str(cursor.as_str()).ok()?;
        if json.get("v")?.as_u64()? != CURSOR_VERSION {
            return None;
        }
        Self::from_json(json.get("event")?)
    }

    fn to_cursor(&self) -> Cursor {
        let event = match self {
            Self::Number(n) => Json::from(*n),
            Self::Text(text) => Json::from(text.as_str()),
        };
        Cursor::new(serde_json::json!({"v": CURSOR_VERSION, "event": event}).to_string())
    }

    /// Whether it comes before another one. Numbers in text count as numbers; a number and a word have no order.
    fn is_before(&self, other: &Self) -> bool {
        match (self.number(), other.number(), self, other) {
            (Some(a), Some(b), ..) => a < b,
            (None, None, Self::Text(a), Self::Text(b)) => a < b,
            _ => false,
        }
    }

    fn number(&self) -> Option<i128> {
        match self {
            Self::Number(n) => Some((*n).into()),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

fn at_path<'a>(event: &'a Json, path: &str) -> Option<&'a Json> {
    match event.get(path) {
        Some(found) => Some(found),
        None => path.split('.').try_fold(event, |json, step| json.get(step)),
    }
}

fn unreadable<T>(id: ExternalId, reason: String, event: &Json) -> Change<T> {
    let mut raw = event.to_string();
    raw.truncate(raw.floor_char_boundary(LONGEST_RAW));
    Change::new(id, Payload::Unreadable(Unreadable { reason, raw }))
}

/// The id under which an event without one is set aside: the same for the same event.
fn unidentified(event: &Json) -> ExternalId {
    // FNV-1a with 128 bits: events of one provider don't try to collide, and nothing but this is needed.
    let hash =
        event.to_string().bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
            (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
        });
    ExternalId::new(format!("unidentified:{hash:032x}"))
}

#[cfg(test)]
mod tests;
