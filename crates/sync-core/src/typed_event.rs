//! Events as types: reading them from the outbox, and what an application's own event has to say.

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use crate::{
    ChangedFields, ConnectionId, EventBody, EventId, ExternalId, FieldChange, FieldType, Lane, LocalId,
    OutboxEvent, RunId, SubscriptionId, TenantId,
};

/// An event of one kind. Generated for every entity, and for what its `events/*.yaml` define.
pub trait TypedEvent: Sized + Send + Sync + 'static {
    /// Its name in the outbox, e.g. `opportunity_updated`.
    const KIND: &'static str;

    /// Reads it.
    ///
    /// # Errors
    /// [`EventReadError`] when the event is of another kind, or a field of it does not fit.
    fn read(event: &OutboxEvent) -> Result<Self, EventReadError>;
}

/// An event that the application publishes itself.
pub trait AppEvent: TypedEvent {
    /// Which way it goes.
    const LANE: Lane;

    /// Its fields as an object.
    fn payload(&self) -> EventPayload;
}

/// The fields of an application's event: a JSON object.
pub type EventPayload = Json;

/// Why an event can't be read as its type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventReadError {
    /// It is another event.
    #[error("the event is {found}, not {expected}; subscribe to it by its own type")]
    Kind {
        /// The type's kind.
        expected: &'static str,
        /// The event's.
        found: String,
    },
    /// It is an applied change where the type is the application's own, or the other way round.
    #[error("the event {kind} has no {missing}; it was published as something else under the same name")]
    Body {
        /// The kind.
        kind: &'static str,
        /// What it lacks.
        missing: &'static str,
    },
    /// A field does not fit its type; its value is not shown.
    #[error(
        "the field {field} of the event does not fit: {reason}; a release with another definition published it"
    )]
    Field {
        /// Which.
        field: String,
        /// What is wrong, without the value.
        reason: String,
    },
}

/// One field's step, with the field's type. `None` is an empty field.
#[derive(Clone, Debug, PartialEq)]
pub struct Step<V> {
    /// What it held.
    pub from: Option<V>,
    /// What it holds now.
    pub to: Option<V>,
}

impl<V: FieldType> Step<V> {
    /// Reads a step.
    ///
    /// # Errors
    /// [`EventReadError::Field`] when a value is not of the field's type.
    pub fn read(change: &FieldChange) -> Result<Self, EventReadError> {
        let value = |value: &crate::FieldValue, side: &str| {
            Option::<V>::from_value(value.clone()).ok_or_else(|| EventReadError::Field {
                field: change.field.to_string(),
                reason: format!("`{side}` is not {}", V::KIND.as_str()),
            })
        };
        Ok(Self { from: value(&change.from, "from")?, to: value(&change.to, "to")? })
    }
}

/// The changed fields of one entity, each with its type.
pub trait ChangeSet: Sized + Send + Sync + 'static {
    /// Reads the steps. Fields that the entity does not have, custom ones among them, are kept as they are.
    ///
    /// # Errors
    /// [`EventReadError::Field`] when a value is not of its field's type.
    fn read(changed: &ChangedFields) -> Result<Self, EventReadError>;
}

/// An applied change, with typed fields.
#[derive(Clone, Debug, PartialEq)]
pub struct RowChange<C> {
    /// The same in every delivery.
    pub id: EventId,
    /// Whose data it is.
    pub tenant: Option<TenantId>,
    /// Of which account.
    pub connection: ConnectionId,
    /// Which record upstream.
    pub external_id: ExternalId,
    /// Which row.
    pub local_id: LocalId,
    /// What changed, from what to what.
    pub changes: C,
    /// By which run.
    pub run: RunId,
    /// Of which subscription.
    pub subscription: SubscriptionId,
    /// `integration`: the change came from a CRM, not from a user of the application.
    pub source: String,
    /// When.
    pub at: DateTime<Utc>,
}

impl<C: ChangeSet> RowChange<C> {
    /// Reads an event of a kind.
    ///
    /// # Errors
    /// As [`TypedEvent::read`].
    pub fn read(event: &OutboxEvent, expected: &'static str) -> Result<Self, EventReadError> {
        if event.kind != expected {
            return Err(EventReadError::Kind { expected, found: event.kind.clone() });
        }
        let lacks = |missing| EventReadError::Body { kind: expected, missing };
        let EventBody::Change { local_id, changed_fields, run, subscription, .. } = &event.body else {
            return Err(lacks("changed fields"));
        };
        let record = event.record.as_ref().ok_or_else(|| lacks("record"))?;
        Ok(Self {
            id: event.id,
            tenant: event.tenant.clone(),
            connection: event.connection.clone().ok_or_else(|| lacks("connection"))?,
            external_id: record.external_id.clone(),
            local_id: local_id.clone(),
            changes: C::read(changed_fields)?,
            run: *run,
            subscription: *subscription,
            source: event.source.clone(),
            at: event.at,
        })
    }
}

/// The payload of an application's event of a kind, for generated code.
///
/// # Errors
/// As [`TypedEvent::read`].
#[doc(hidden)]
pub fn event_payload<'a>(event: &'a OutboxEvent, expected: &'static str) -> Result<&'a Json, EventReadError> {
    match &event.body {
        _ if event.kind != expected => Err(EventReadError::Kind { expected, found: event.kind.clone() }),
        EventBody::Message(payload) => Ok(payload),
        EventBody::Change { .. } => Err(EventReadError::Body { kind: expected, missing: "payload" }),
    }
}

/// One field of a payload, for generated code; a missing one is an empty one.
///
/// # Errors
/// [`EventReadError::Field`].
#[doc(hidden)]
pub fn event_field<V: FieldType>(payload: &Json, field: &'static str) -> Result<V, EventReadError> {
    let value = payload.get(field).cloned().unwrap_or_default();
    let empty = value.is_null();
    V::from_value(crate::FieldValue::from_json(value)).ok_or_else(|| EventReadError::Field {
        field: field.to_owned(),
        reason: if empty { "it is empty".to_owned() } else { format!("it is not {}", V::KIND.as_str()) },
    })
}

/// The payload with these fields, for generated code. Values have the form that the audit keeps.
#[doc(hidden)]
#[must_use]
pub fn event_object<const N: usize>(fields: [(&'static str, crate::ValueRef<'_>); N]) -> EventPayload {
    fields
        .into_iter()
        .map(|(field, value)| (field.to_owned(), value.to_json()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// The four events of an entity and the enum of them, for generated code.
#[doc(hidden)]
#[macro_export]
macro_rules! change_events {
    ($changes:ident, $(#[$doc:meta])* $all:ident { $($(#[$vdoc:meta])* $variant:ident = $event:ident($kind:literal),)+ }) => {
        $(
            $(#[$vdoc])*
            #[derive(Clone, Debug, PartialEq)]
            pub struct $event(
                /// The change.
                pub $crate::RowChange<$changes>,
            );

            impl $crate::TypedEvent for $event {
                const KIND: &'static str = $kind;

                fn read(event: &$crate::OutboxEvent) -> Result<Self, $crate::EventReadError> {
                    $crate::RowChange::read(event, $kind).map(Self)
                }
            }

            impl ::std::ops::Deref for $event {
                type Target = $crate::RowChange<$changes>;

                fn deref(&self) -> &Self::Target {
                    &self.0
                }
            }
        )+

        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $all {
            $($(#[$vdoc])* $variant($event),)+
        }

        impl $all {
            /// Reads an event of the entity; `None` when it is another's.
            ///
            /// # Errors
            /// As `TypedEvent::read`.
            pub fn read(event: &$crate::OutboxEvent) -> Result<Option<Self>, $crate::EventReadError> {
                match event.kind.as_str() {
                    $($kind => $crate::TypedEvent::read(event).map(|read| Some(Self::$variant(read))),)+
                    _ => Ok(None),
                }
            }
        }
    };
}
