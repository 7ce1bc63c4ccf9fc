//! Events as changes.

use futures_util::StreamExt;
use serde_json::json;
use sync_core::{Change, ChangeSource, Cursor, FieldSet, Payload, Provenance, SourceError, Subscription};

use super::*;
use crate::{CursorKind, PollConfig};

const PLAIN: WebhookConfig = WebhookConfig::new("eventId");
const AT: WebhookConfig =
    WebhookConfig::at("eventId", CursorConfig::new(CursorKind::EventId, "meta.sequence"));

/// A ticket's subject by its id.
fn ticket(event: &Json) -> Result<Change<String>, &'static str> {
    let id = event["objectId"].as_str().ok_or("field `objectId` is missing")?;
    let subject = event["subject"].as_str().unwrap_or_default().to_owned();
    Ok(Change::partial(id, subject, FieldSet::EMPTY))
}

async fn read(config: WebhookConfig, events: Vec<Json>, cursor: Option<&Cursor>) -> Vec<Change<String>> {
    let config = DetectionConfig::webhook(config, &[]);
    let source = WebhookChangeSource::new("hubspot-webhook-ticket", &config, events, ticket).unwrap();
    let subscription = Subscription::new("acme", "hubspot-webhook", "ticket");
    source.list_changes(&subscription, cursor).map(Result::unwrap).collect().await
}

fn event(id: &str, record: &str) -> Json {
    json!({"eventId": id, "objectId": record, "subject": "Printer"})
}

#[tokio::test]
async fn each_event_is_a_change_in_order() {
    let changes = read(PLAIN, vec![event("e1", "7"), event("e2", "8"), event("e3", "7")], None).await;
    let ids: Vec<_> = changes.iter().map(|change| change.external_id.as_str()).collect();
    assert_eq!(ids, ["7", "8", "7"]);
    let first = &changes[0];
    assert!(matches!(first.payload, Payload::Upsert(_)));
    assert_eq!((first.source, first.dedup_key.as_deref()), (Provenance::Webhook, Some("e1")));
    assert!(changes.iter().all(|change| change.cursor.is_none() && !change.reread));
}

#[tokio::test]
async fn repeat_within_a_batch_is_left_out_and_counted() {
    let changes = read(PLAIN, vec![event("e1", "7"), event("e2", "8"), event("e1", "7")], None).await;
    assert_eq!(changes.len(), 3);
    let Payload::Skip(reason) = &changes[2].payload else { panic!("{changes:?}") };
    assert_eq!(reason, "the event came twice in one batch");
    assert_eq!(changes[2].external_id.as_str(), "7");
}

#[tokio::test]
async fn numbers_are_event_ids_too() {
    let events = vec![json!({"eventId": 100, "objectId": "7"}), json!({"eventId": 100, "objectId": "7"})];
    let changes = read(PLAIN, events, None).await;
    assert_eq!(changes[0].dedup_key.as_deref(), Some("100"));
    assert!(matches!(changes[1].payload, Payload::Skip(_)));
}

#[tokio::test]
async fn malformed_events_are_set_aside_under_stable_ids() {
    let malformed = || {
        vec![
            json!("text"),
            json!({"objectId": "7"}),
            json!({"eventId": "", "objectId": "7"}),
            json!({"eventId": null, "objectId": "7"}),
            json!({"eventId": "e1"}),
            json!({"eventId": "e2", "objectId": ""}),
        ]
    };
    let changes = read(PLAIN, malformed(), None).await;
    let reasons: Vec<_> = changes
        .iter()
        .map(|change| match &change.payload {
            Payload::Unreadable(unreadable) => unreadable.reason.as_str(),
            _ => panic!("{change:?}"),
        })
        .collect();
    assert_eq!(
        reasons,
        [
            "the event is no json object",
            "field `eventId` is missing in the event",
            "field `eventId` of the event holds no id",
            "field `eventId` of the event holds no id",
            "field `objectId` is missing",
            "the event names no record",
        ]
    );
    let ids = |changes: &[Change<String>]| changes.iter().map(|c| c.external_id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&changes), ids(&read(PLAIN, malformed(), None).await));
    assert_eq!(changes[4].external_id.as_str(), "event:e1");
    let distinct: std::collections::BTreeSet<_> = ids(&changes).into_iter().collect();
    assert_eq!(distinct.len(), 6);
}

/// Ids of events without one don't move with a release of the compiler or of this crate.
#[tokio::test]
async fn id_of_an_event_without_one_is_pinned() {
    let changes = read(PLAIN, vec![json!({"objectId": "7"})], None).await;
    assert_eq!(changes[0].external_id.as_str(), "unidentified:9776b16d4a030a197fa909841e2a2644");
}

#[tokio::test]
async fn long_malformed_events_are_cut() {
    let changes = read(PLAIN, vec![json!(["é".repeat(20_000)])], None).await;
    let Payload::Unreadable(unreadable) = &changes[0].payload else { panic!() };
    assert!(unreadable.raw.len() <= 16 * 1024 && unreadable.raw.len() > 16_000);
}

fn numbered(id: &str, record: &str, sequence: &Json) -> Json {
    json!({"eventId": id, "objectId": record, "meta": {"sequence": sequence}})
}

#[tokio::test]
async fn positions_never_fall() {
    let events = vec![
        numbered("e1", "7", &json!(10)),
        numbered("e2", "8", &json!(9)),
        numbered("e3", "9", &json!(12)),
        numbered("e4", "9", &json!(null)),
    ];
    let changes = read(AT, events, None).await;
    let positions: Vec<_> = changes.iter().map(|change| change.cursor.as_ref().map(Cursor::as_str)).collect();
    assert_eq!(positions, [Some(r#"{"event":10,"v":1}"#), None, Some(r#"{"event":12,"v":1}"#), None]);
    assert!(changes.iter().all(|change| !change.reread));
}

#[tokio::test]
async fn events_up_to_the_stored_position_are_read_again() {
    let stored = Cursor::new(r#"{"event":10,"v":1}"#);
    let events = vec![
        numbered("e1", "7", &json!(9)),
        numbered("e2", "8", &json!(10)),
        numbered("e3", "9", &json!(11)),
    ];
    let changes = read(AT, events, Some(&stored)).await;
    let reread: Vec<_> = changes.iter().map(|change| change.reread).collect();
    assert_eq!(reread, [true, true, false]);
    assert!(changes[0].cursor.is_none() && changes[2].cursor.is_some());
}

#[tokio::test]
async fn numbers_in_text_are_ordered_as_numbers() {
    let events = vec![numbered("e1", "7", &json!("9")), numbered("e2", "8", &json!("10"))];
    let changes = read(AT, events, None).await;
    assert!(changes[1].cursor.is_some());
}

#[tokio::test]
async fn foreign_position_is_refused() {
    let config = DetectionConfig::webhook(AT, &[]);
    let source = WebhookChangeSource::new("w", &config, vec![event("e1", "7")], ticket).unwrap();
    let subscription = Subscription::new("acme", "hubspot-webhook", "ticket");
    for cursor in ["7", r#"{"v":9,"event":1}"#, r#"{"v":1}"#, "nonsense"] {
        let cursor = Cursor::new(cursor);
        let changes: Vec<_> = source.list_changes(&subscription, Some(&cursor)).collect().await;
        assert!(matches!(changes[..], [Err(SourceError::BadCursor { .. })]), "{cursor}");
    }
}

/// A batch of events can be run by a subscription that is otherwise polled: its position is not touched.
#[tokio::test]
async fn without_a_position_of_its_own_any_stored_one_will_do() {
    let stored = Cursor::new(r#"{"stamp":"2026-03-01T09:30:00Z"}"#);
    let changes = read(PLAIN, vec![event("e1", "7")], Some(&stored)).await;
    assert!(changes[0].cursor.is_none());
}

#[test]
fn other_modes_are_refused() {
    let stamp = CursorConfig::new(CursorKind::Timestamp, "stamp");
    let config = DetectionConfig::poll(PollConfig::new(stamp), &[]);
    let error = WebhookChangeSource::new("w", &config, Vec::new(), ticket).err().unwrap();
    assert_eq!(error.to_string(), "the configuration is for mode `poll`, a webhook's source needs `webhook`");
}
