//! What waits in the outbox, and how far its consumers are.

use chrono::{DateTime, Utc};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value as Json;

use crate::run::names;
use crate::{
    ChangedFields, ClaimId, ConnectionId, ConsumerName, EventId, ExternalId, LocalId, Operation, RunId,
    SubscriptionId, TenantId,
};

names! {
    /// Which way an event goes. Each way is delivered for itself, so that a slow one holds up no other.
    Lane {
        /// Something outside told us: what came in, before it changed anything here.
        Inbound = "inbound",
        /// Something changed here.
        Change = "change",
        /// Something is to be told to the outside.
        Outbound = "outbound",
    }
}

/// One event of the outbox.
///
/// As JSON it is one flat object; see [`Serialize`]: `id`, `lane`, `kind`, `tenant` and `connection` where there is
/// one, `entity` and `external_id` where it is about a record, `source`, `at`, and the fields of its [`EventBody`].
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxEvent {
    /// The same in every delivery: what a receiver tells redeliveries by.
    pub id: EventId,
    /// Which way it goes.
    pub lane: Lane,
    /// `<entity>_<operation>` for applied changes, e.g. `opportunity_updated`.
    pub kind: String,
    /// Whose data it is about.
    pub tenant: Option<TenantId>,
    /// Of which account; `None` where an event of the application names none.
    pub connection: Option<ConnectionId>,
    /// What it is about. Events about the same record are delivered in their order; others are not ordered.
    pub record: Option<RecordRef>,
    /// Who says so: `integration` for applied changes.
    pub source: String,
    /// What it says.
    pub body: EventBody,
    /// When it happened.
    pub at: DateTime<Utc>,
}

/// A record as events name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecordRef {
    /// The entity's name.
    pub entity: String,
    /// Its id; in a CRM, unless the application names its own.
    pub external_id: ExternalId,
}

impl RecordRef {
    /// A record of an entity.
    pub fn new(entity: impl Into<String>, external_id: impl Into<ExternalId>) -> Self {
        Self { entity: entity.into(), external_id: external_id.into() }
    }
}

/// What an event says.
#[derive(Clone, Debug, PartialEq)]
pub enum EventBody {
    /// A change was applied to a row.
    Change {
        /// Which row.
        local_id: LocalId,
        /// What was done.
        operation: Operation,
        /// From what to what.
        changed_fields: ChangedFields,
        /// By which run.
        run: RunId,
        /// Of which subscription.
        subscription: SubscriptionId,
    },
    /// An event of the application: its own payload, an object.
    Message(Json),
}

/// Its JSON form: one flat object.
impl Serialize for OutboxEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("lane", self.lane.as_str())?;
        map.serialize_entry("kind", &self.kind)?;
        if let Some(tenant) = &self.tenant {
            map.serialize_entry("tenant", tenant)?;
        }
        if let Some(connection) = &self.connection {
            map.serialize_entry("connection", connection)?;
        }
        if let Some(record) = &self.record {
            map.serialize_entry("entity", &record.entity)?;
            map.serialize_entry("external_id", &record.external_id)?;
        }
        map.serialize_entry("source", &self.source)?;
        map.serialize_entry("at", &crate::value::instant_text(self.at))?;
        match &self.body {
            EventBody::Change { local_id, operation, changed_fields, run, subscription } => {
                map.serialize_entry("local_id", local_id)?;
                map.serialize_entry("operation", operation.as_str())?;
                map.serialize_entry("changed_fields", changed_fields)?;
                map.serialize_entry("run", run)?;
                map.serialize_entry("subscription", subscription)?;
            }
            EventBody::Message(payload) => map.serialize_entry("payload", payload)?,
        }
        map.end()
    }
}

/// From where a new consumer hears events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Everything the outbox still holds.
    Kept,
    /// Only what is published from now on.
    Now,
}

/// A wish for events to deliver.
#[derive(Clone, Debug)]
pub struct ClaimRequest {
    /// For whom.
    pub consumer: ConsumerName,
    /// Of which lane.
    pub lane: Lane,
    /// What the claim is called; fresh for every claim.
    pub claim: ClaimId,
    /// The present instant.
    pub now: DateTime<Utc>,
    /// Until when the events are this claim's alone.
    pub until: DateTime<Utc>,
    /// At most how many events; at least 1.
    pub limit: u32,
}

/// An event of a claim.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimedEvent {
    /// Where it stands in the outbox, which settling a claim names it by.
    pub position: i64,
    /// How often its delivery failed so far.
    pub attempts: u32,
    /// How often a claim of it ended with nobody settling it: whoever delivered may have died of it.
    pub lapsed: u32,
    /// The event.
    pub event: OutboxEvent,
}

/// Whose claim is settled.
#[derive(Clone, Debug)]
pub struct ClaimKey {
    /// The consumer.
    pub consumer: ConsumerName,
    /// The lane.
    pub lane: Lane,
    /// The claim.
    pub claim: ClaimId,
}

/// A delivery that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedDelivery {
    /// Which event, by its position.
    pub position: i64,
    /// Why, without field values.
    pub error: String,
    /// What happens next.
    pub then: AfterFailure,
}

/// What happens to an event whose delivery failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// It is tried again, not before this instant; later events of its record wait for it.
    Retry(DateTime<Utc>),
    /// It is parked until it is replayed; later events of its record wait for it.
    Park,
    /// It is parked until it is replayed; later events of its record are delivered all the same.
    ParkAndPass,
}

/// Which parked deliveries are meant; empty means all of them.
#[derive(Clone, Debug, Default)]
pub struct ParkedFilter {
    /// Those of one consumer.
    pub consumer: Option<ConsumerName>,
    /// Those of one lane.
    pub lane: Option<Lane>,
    /// One event.
    pub event: Option<EventId>,
}

/// A delivery that failed for good, until it is replayed.
#[derive(Clone, Debug, PartialEq)]
pub struct ParkedDelivery {
    /// Whom it failed to reach.
    pub consumer: ConsumerName,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it failed last.
    pub error: String,
    /// Whether later events of its record wait for it.
    pub blocks: bool,
    /// The event.
    pub event: OutboxEvent,
}

/// How far one consumer is in one lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueState {
    /// Who.
    pub consumer: ConsumerName,
    /// In which lane.
    pub lane: Lane,
    /// Events to be delivered, those claimed, failed and held up included; parked ones not.
    pub waiting: u64,
    /// Of the waiting: claimed by a process.
    pub claimed: u64,
    /// Of the waiting: failed, to be tried again.
    pub retrying: u64,
    /// Parked.
    pub parked: u64,
    /// When the oldest waiting event happened: how far behind the consumer is.
    pub oldest: Option<DateTime<Utc>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FieldValue;
    use uuid::Uuid;

    #[test]
    fn event_is_one_flat_object() {
        let mut changed_fields = ChangedFields::default();
        changed_fields.push("stage", FieldValue::Null, FieldValue::Text("Won".into()));
        let id = Uuid::from_u128(7);
        let event = OutboxEvent {
            id: EventId(id),
            lane: Lane::Change,
            kind: "opportunity_created".into(),
            tenant: Some("acme".into()),
            connection: Some("crm".into()),
            record: Some(RecordRef::new("opportunity", "006")),
            source: "integration".into(),
            body: EventBody::Change {
                local_id: "5".into(),
                operation: Operation::Created,
                changed_fields,
                run: RunId(id),
                subscription: SubscriptionId(id),
            },
            at: DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
        };
        let expected = format!(
            r#"{{"id":"{id}","lane":"change","kind":"opportunity_created","tenant":"acme","connection":"crm","entity":"opportunity","external_id":"006","source":"integration","at":"2026-09-21T14:13:20Z","local_id":"5","operation":"created","changed_fields":{{"stage":{{"from":null,"to":"Won"}}}},"run":"{id}","subscription":"{id}"}}"#
        );
        assert_eq!(serde_json::to_string(&event).unwrap(), expected);
        let message = OutboxEvent {
            tenant: None,
            connection: None,
            record: None,
            body: EventBody::Message(serde_json::json!({"a": 1})),
            ..event
        };
        let json = serde_json::to_value(&message).unwrap();
        assert_eq!(json["payload"], serde_json::json!({"a": 1}));
        assert!(json.get("tenant").is_none() && json.get("entity").is_none());
    }
}
