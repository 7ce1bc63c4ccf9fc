//! A call's body: a list of events.

use std::fmt;

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// How deep a body may nest. Events are flat objects in a list.
const MAX_DEPTH: usize = 16;

/// One event, as far as it matters here. Unknown keys are passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Not unique by itself.
    #[serde(default)]
    pub event_id: Option<Id>,
    /// HubSpot's subscription, not ours.
    #[serde(default)]
    pub subscription_id: Option<Id>,
    /// The account.
    pub portal_id: Id,
    /// When it took place, milliseconds since 1970.
    pub occurred_at: i64,
    /// What took place: `deal.propertyChange`. Some documents call it `eventType`.
    #[serde(alias = "eventType")]
    pub subscription_type: String,
    /// The record.
    #[serde(default)]
    pub object_id: Option<Id>,
    /// What the record is, for `object.*`: `2-1234`.
    #[serde(default)]
    pub object_type_id: Option<String>,
    /// The property that changed.
    #[serde(default)]
    pub property_name: Option<String>,
    /// One of two records that were merged.
    #[serde(default)]
    pub primary_object_id: Option<Id>,
    /// The others.
    #[serde(default)]
    pub merged_object_ids: Option<Vec<Id>>,
    /// The record that both became, where it got an id of its own.
    #[serde(default)]
    pub new_object_id: Option<Id>,
    /// Which objects are linked: `DEAL_TO_COMPANY`.
    #[serde(default)]
    pub association_type: Option<String>,
    /// One end of the link.
    #[serde(default)]
    pub from_object_id: Option<Id>,
    /// The other end.
    #[serde(default)]
    pub to_object_id: Option<Id>,
    /// What the one end is: `0-3`.
    #[serde(default)]
    pub from_object_type_id: Option<String>,
    /// What the other end is.
    #[serde(default)]
    pub to_object_type_id: Option<String>,
}

/// A number that names something: sent as a number, or as its digits in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub u64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;

        impl Visitor<'_> for Digits {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, or its digits")
            }

            fn visit_u64<E: serde::de::Error>(self, id: u64) -> Result<Id, E> {
                Ok(Id(id))
            }

            fn visit_str<E: serde::de::Error>(self, digits: &str) -> Result<Id, E> {
                let is_plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
                let id = digits.parse().ok().filter(|_| is_plain);
                id.map(Id).ok_or_else(|| E::custom("these are no digits"))
            }
        }

        deserializer.deserialize_any(Digits)
    }
}

/// What a body holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The events that could be read, in their order.
    pub events: Vec<Event>,
    /// How many could not.
    pub n_malformed: usize,
}

/// Why a body is no list of events. Never says what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is no JSON list.
    #[error("the body is no json list")]
    NotAList,
    /// It nests deeper than any event does.
    #[error("the body nests deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// It holds more events than one call may bring.
    #[error("the body holds {found} events, one call may bring {allowed}")]
    TooMany {
        /// How many it holds.
        found: usize,
        /// How many it may hold.
        allowed: usize,
    },
}

/// Reads a body of at most `most` events. An event that can't be read does not keep its neighbours out.
///
/// # Errors
/// [`BodyError`] when the body as a whole is no list of events.
pub fn parse_body(body: &[u8], most: usize) -> Result<Parsed, BodyError> {
    if is_deeper_than(body, MAX_DEPTH) {
        return Err(BodyError::TooDeep);
    }
    let raw: Vec<&RawValue> = serde_json::from_slice(body).map_err(|_| BodyError::NotAList)?;
    if raw.len() > most {
        return Err(BodyError::TooMany { found: raw.len(), allowed: most });
    }
    let mut parsed = Parsed { events: Vec::with_capacity(raw.len()), n_malformed: 0 };
    for event in raw {
        match read(event.get()) {
            Ok(event) => parsed.events.push(event),
            Err(_) => parsed.n_malformed += 1,
        }
    }
    Ok(parsed)
}

fn read(json: &str) -> Result<Event, serde_json::Error> {
    let event: Event = serde_json::from_str(json)?;
    match chrono::DateTime::from_timestamp_millis(event.occurred_at) {
        Some(_) => Ok(event),
        None => Err(serde_json::Error::custom("no instant")),
    }
}

/// Whether brackets outside of texts nest deeper, before anything is built from the body.
fn is_deeper_than(body: &[u8], most: usize) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                if depth > most {
                    return true;
                }
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests;
