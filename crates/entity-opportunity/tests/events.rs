//! The events of opportunities, as they come out of an outbox.
#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use chrono::{DateTime, NaiveDate};
use entity_opportunity::{OpportunityCreated, OpportunityEvent, OpportunityUpdated, OpportunityWon};
use rust_decimal::Decimal;
use sync_core::{
    AppEvent, ChangedFields, EventBody, EventId, EventReadError, FieldValue, Lane, Operation, OutboxEvent,
    RecordRef, RunId, Step, SubscriptionId, TypedEvent,
};
use uuid::Uuid;

fn outbox(kind: &str, body: EventBody) -> OutboxEvent {
    OutboxEvent {
        id: EventId(Uuid::from_u128(7)),
        lane: Lane::Change,
        kind: kind.to_owned(),
        tenant: Some("acme".into()),
        connection: Some("crm".into()),
        record: Some(RecordRef::new("opportunity", "006")),
        source: "integration".to_owned(),
        body,
        at: DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
    }
}

/// As a store gives it back: from its JSON, in which a decimal is text.
fn change(kind: &str, fields: &[(&'static str, FieldValue, FieldValue)]) -> OutboxEvent {
    let mut changed = ChangedFields::default();
    for (field, from, to) in fields {
        changed.push(*field, from.clone(), to.clone());
    }
    let json = serde_json::to_string(&changed).unwrap();
    let body = EventBody::Change {
        local_id: "5".into(),
        operation: Operation::Updated,
        changed_fields: serde_json::from_str(&json).unwrap(),
        run: RunId(Uuid::from_u128(1)),
        subscription: SubscriptionId(Uuid::from_u128(2)),
    };
    outbox(kind, body)
}

fn text(text: &str) -> FieldValue {
    FieldValue::Text(text.to_owned())
}

#[test]
fn changed_fields_have_their_types() {
    let event = change(
        "opportunity_updated",
        &[
            ("name", text("Old"), text("New")),
            ("amount", FieldValue::Null, FieldValue::Decimal("12.50".parse().unwrap())),
            ("custom.Region__c", text("north"), FieldValue::Null),
        ],
    );
    let updated = OpportunityUpdated::read(&event).unwrap();
    assert_eq!(updated.changes.name, Some(Step { from: Some("Old".to_owned()), to: Some("New".to_owned()) }));
    let amount: Decimal = "12.50".parse().unwrap();
    assert_eq!(updated.changes.amount, Some(Step { from: None, to: Some(amount) }));
    assert_eq!(updated.changes.custom[0].field, "custom.Region__c");
    assert_eq!(
        (updated.id, updated.external_id.as_str(), updated.source.as_str()),
        (event.id, "006", "integration")
    );
    assert_eq!(updated.tenant, event.tenant);
    assert_eq!(OpportunityEvent::read(&event).unwrap(), Some(OpportunityEvent::Updated(updated)));
}

#[test]
fn other_events_and_other_types_are_named() {
    let event = change("opportunity_updated", &[("amount", FieldValue::Null, text("much"))]);
    let error = OpportunityUpdated::read(&event).unwrap_err();
    assert!(matches!(&error, EventReadError::Field { field, .. } if field == "amount"), "{error}");
    assert!(error.to_string().contains("decimal") && !error.to_string().contains("much"), "{error}");
    let error = OpportunityCreated::read(&event).unwrap_err();
    assert!(error.to_string().contains("opportunity_updated, not opportunity_created"), "{error}");
    assert_eq!(OpportunityEvent::read(&change("account_updated", &[])), Ok(None));
}

#[test]
fn own_event_comes_back_as_it_was_published() {
    let won = OpportunityWon {
        opportunity_id: "5".to_owned(),
        amount: Some("1250.10".parse().unwrap()),
        closed_on: NaiveDate::from_ymd_opt(2026, 9, 30),
    };
    assert_eq!((OpportunityWon::KIND, OpportunityWon::LANE), ("opportunity_won", Lane::Outbound));
    assert_eq!(won.payload()["amount"], "1250.10");
    let event = outbox("opportunity_won", EventBody::Message(won.payload()));
    assert_eq!(OpportunityWon::read(&event).unwrap(), won);
    let empty = outbox("opportunity_won", EventBody::Message(serde_json::json!({"amount": null})));
    let error = OpportunityWon::read(&empty).unwrap_err();
    assert!(error.to_string().contains("opportunity_id") && error.to_string().contains("empty"), "{error}");
}
