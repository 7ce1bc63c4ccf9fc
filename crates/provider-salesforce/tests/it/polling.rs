//! Polling in good weather: ties, late rows, edits while reading, deletions, new fields.

use std::collections::BTreeSet;
use std::time::Duration;

use crm_sandbox::salesforce::model::{FieldType, RecordId};
use crm_sandbox::salesforce::schema::FieldSpec;
use crm_sandbox::salesforce::{RowChange, RowChanges};
use futures::StreamExt;
use provider_salesforce::{CustomFieldSelection, SalesforceConfig};
use serde_json::json;
use sync_core::{ChangeSource, DeleteEvidence, ExternalId, FieldValue, Payload, SourceError};
use sync_detection::{Filter, FilterOp};

use crate::entity::Opportunity;
use crate::world::{Replica, World, config, fields, fresh, subscription};

fn external(id: RecordId) -> ExternalId {
    id.as_str().into()
}

/// Bulk loads stamp thousands of records alike: none is skipped, none comes twice, wherever a run breaks off.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_records_of_one_stamp_are_read_once_each() {
    let world = World::new().await;
    let ids: BTreeSet<_> = world.seed(10_001).into_iter().map(external).collect();
    let mut replica = Replica::default();
    let mut seen = BTreeSet::new();
    for broken_off_after in [3_333, 1_999, 1, usize::MAX] {
        let source = world.source();
        let mut stream = source.list_changes(&subscription(), replica.cursor.as_ref());
        let mut taken = 0;
        while let Some(change) = stream.next().await {
            let change = change.unwrap();
            replica.apply(&change);
            if !change.reread {
                assert!(seen.insert(change.external_id.clone()), "{} came twice", change.external_id);
                taken += 1;
            }
            if taken == broken_off_after {
                break;
            }
        }
    }
    assert_eq!(seen, ids);
    assert_eq!(replica.rows, world.truth());
    let again = replica.run(&world).await.unwrap();
    assert!(fresh(&again).is_empty());
}

#[tokio::test]
async fn record_that_appears_late_is_found_within_the_overlap() {
    let world = World::new().await;
    let ids = world.seed(3);
    let mut replica = Replica::default();
    let late = RowChanges {
        visible_after_s: Some(300),
        ops: vec![RowChange::Update { id: ids[0], fields: fields(&json!({"Name": "Late"})) }],
        ..RowChanges::default()
    };
    world.apply(&late);
    world.settle();
    world.rename(ids[1], "In time");
    world.settle();
    replica.run(&world).await.unwrap();
    assert_ne!(replica.rows, world.truth());

    world.control().advance(Duration::from_secs(300));
    let changes = replica.run(&world).await.unwrap();
    let found = changes.iter().find(|change| change.external_id == external(ids[0])).unwrap();
    assert!(found.reread && found.cursor.is_none());
    assert_eq!(replica.rows, world.truth());
}

#[tokio::test]
async fn settle_lag_leaves_the_newest_for_the_next_run() {
    let world = World::new().await;
    let ids = world.seed(2);
    world.rename(ids[0], "Just now");
    let mut replica = Replica::default();
    replica.run(&world).await.unwrap();
    assert!(!replica.rows.contains_key(&external(ids[0])));
    world.settle();
    replica.run(&world).await.unwrap();
    assert_eq!(replica.rows, world.truth());
}

#[tokio::test]
async fn records_edited_while_they_are_read_are_complete_in_the_end() {
    let world = World::with(config(), 7).await;
    let ids = world.seed(100);
    let mut replica = Replica::default();
    let mut stream = world.source().list_changes(&subscription(), None);
    let mut n = 0;
    while let Some(change) = stream.next().await {
        replica.apply(&change.unwrap());
        if n % 9 == 0 {
            world.rename(ids[(n * 31) % ids.len()], &format!("Edit {n}"));
            world.control().advance(Duration::from_secs(2));
        }
        n += 1;
    }
    world.settle();
    replica.run(&world).await.unwrap();
    assert_eq!(replica.rows, world.truth());
}

#[tokio::test]
async fn deletions_and_restores_are_told() {
    let world = World::new().await;
    let ids = world.seed(3);
    let mut replica = Replica::default();
    replica.run(&world).await.unwrap();

    world.control().delete(ids[1]).unwrap();
    world.settle();
    let changes = replica.run(&world).await.unwrap();
    let [gone] = fresh(&changes)[..] else { panic!("{changes:?}") };
    assert_eq!(gone.external_id, external(ids[1]));
    let Payload::Delete(deletion) = &gone.payload else { panic!("{gone:?}") };
    assert_eq!((deletion.evidence, &deletion.merged_into), (DeleteEvidence::Feed, &None));

    world.control().undelete(ids[1]).unwrap();
    world.settle();
    let changes = replica.run(&world).await.unwrap();
    let [back] = fresh(&changes)[..] else { panic!("{changes:?}") };
    assert!(matches!(back.payload, Payload::Upsert(_)));
    assert_eq!(replica.rows, world.truth());
}

#[tokio::test]
async fn new_custom_field_is_read_without_a_restart() {
    let world = World::new().await;
    let ids = world.seed(2);
    let mut replica = Replica::default();
    replica.run(&world).await.unwrap();

    world.control().add_field("Opportunity", &FieldSpec::new("Margin__c", FieldType::Double)).unwrap();
    world.control().update(ids[0], &fields(&json!({"Margin__c": 0.1, "Region__c": "North"}))).unwrap();
    world.settle();
    let changes = replica.run(&world).await.unwrap();
    let [change] = fresh(&changes)[..] else { panic!("{changes:?}") };
    let Payload::Upsert(record) = &change.payload else { panic!("{change:?}") };
    assert_eq!(record.value.custom.get("Margin__c"), Some(&FieldValue::Decimal("0.1".parse().unwrap())));
    assert_eq!(record.value.custom.get("Region__c"), Some(&FieldValue::Text("North".into())));
    assert_eq!(record.value.custom.get("Renewal_Date__c"), Some(&FieldValue::Null));
}

/// The select list names a field that is gone: the object is described anew, and reading goes on.
#[tokio::test]
async fn custom_field_that_vanishes_while_reading_is_left_out() {
    let world = World::with(config(), 10).await;
    world.seed(50);
    let mut replica = Replica::default();
    let mut stream = world.source().list_changes(&subscription(), None);
    for _ in 0..5 {
        replica.apply(&stream.next().await.unwrap().unwrap());
    }
    world.control().remove_field("Opportunity", "Region__c").unwrap();
    world.control().forget_locators();
    let mut last = None;
    while let Some(change) = stream.next().await {
        let change = change.unwrap();
        replica.apply(&change);
        last = Some(change);
    }
    assert_eq!(replica.rows, world.truth());
    let Some(Payload::Upsert(record)) = last.map(|change| change.payload) else { panic!() };
    assert_eq!(record.value.custom.get("Region__c"), None);
}

#[tokio::test]
async fn unselected_custom_fields_are_not_read() {
    let custom_fields = CustomFieldSelection::Only(vec!["Score__c".to_owned()]);
    let world = World::with(SalesforceConfig { custom_fields, ..config() }, 2_000).await;
    world.seed(1);
    let changes = Replica::default().run(&world).await.unwrap();
    let Payload::Upsert(record) = &changes[0].payload else { panic!() };
    let names: Vec<_> = record.value.custom.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["Score__c"]);
}

#[tokio::test]
async fn filters_and_quoting_reach_the_org() {
    let world = World::new().await;
    let ids = world.seed(3);
    world.rename(ids[1], r"O'Neill \ 100% 'x' OR Name != ''");
    world.settle();
    let filter = Filter::new("Name", FilterOp::Eq, r"O'Neill \ 100% 'x' OR Name != ''").unwrap();
    let source = world.source().filters([filter]);
    let changes: Vec<_> = source.list_changes(&subscription(), None).collect().await;
    let found: Vec<_> = changes.into_iter().map(|change| change.unwrap().external_id).collect();
    assert_eq!(found, [external(ids[1])]);
}

#[tokio::test]
async fn values_that_can_not_be_mapped_stand_alone() {
    let world = World::with(config(), 2).await;
    let ids = world.seed(5);
    let control = world.control();
    control.update(ids[0], &fields(&json!({"Amount": 1e30}))).unwrap();
    control.update(ids[1], &fields(&json!({"Name": {"$raw": "\"\\ud800\""}}))).unwrap();
    control.update(ids[2], &fields(&json!({"CloseDate": {"$raw": "\"soon\""}}))).unwrap();
    world.settle();
    let mut replica = Replica::default();
    let changes = replica.run(&world).await.unwrap();
    assert_eq!(changes.len(), 5);
    let bad: BTreeSet<_> = replica.unreadable.iter().cloned().collect();
    assert_eq!(bad, ids[..3].iter().map(|id| external(*id)).collect());
    assert_eq!(replica.rows, world.truth());
    let again = replica.run(&world).await.unwrap();
    assert!(fresh(&again).is_empty());
}

/// The consumer works on one page while the next is fetched; nobody reads once the consumer is gone.
#[tokio::test]
async fn pages_are_fetched_ahead_but_not_far_and_not_for_nobody() {
    let world = World::with(config(), 10).await;
    world.seed(100);
    let mut stream = world.source().list_changes(&subscription(), None);
    stream.next().await.unwrap().unwrap();
    let read_ahead = async {
        while world.asked("query_more") < 2 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), read_ahead).await.expect("the next page is fetched ahead");
    drop(stream);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(world.asked("query_more") <= 3, "{}", world.asked("query_more"));
}

#[tokio::test]
async fn unchanged_org_costs_three_calls() {
    let world = World::new().await;
    world.seed(3);
    let mut replica = Replica::default();
    replica.run(&world).await.unwrap();
    world.control().reset_request_counts();
    replica.run(&world).await.unwrap();
    let calls: u64 = ["describe", "query", "query_more"].iter().map(|kind| world.asked(kind)).sum();
    assert_eq!(calls, 3);
}

#[tokio::test]
async fn foreign_cursor_is_refused_before_any_call() {
    let world = World::new().await;
    let cursor = sync_core::Cursor::new(r#"{"v":9}"#);
    let outcome = world.source().list_changes(&subscription(), Some(&cursor)).next().await.unwrap();
    assert!(matches!(outcome, Err(SourceError::BadCursor { .. })));
    assert_eq!(world.asked("describe"), 0);
}

#[tokio::test]
async fn described_fields_are_told() {
    let world = World::new().await;
    let object = world.client.describe("Opportunity").await.unwrap();
    assert!(object.field("Region__c").is_some_and(|field| field.custom));
    assert_eq!(object.relationship("Account").map(|field| &*field.name), Some("AccountId"));
    let objects = world.client.describe_global().await.unwrap();
    assert!(objects.iter().any(|object| object.name == "Account" && object.queryable));
    let error = world.client.describe("Nonsense").await.unwrap_err();
    assert!(matches!(&error, SourceError::Permanent { code, .. } if code == "NOT_FOUND"), "{error:?}");
}

#[tokio::test]
async fn label_names_provider_mode_and_entity() {
    let world = World::new().await;
    assert_eq!(ChangeSource::<Opportunity>::label(&world.source()), "salesforce-poll-opportunity");
}
