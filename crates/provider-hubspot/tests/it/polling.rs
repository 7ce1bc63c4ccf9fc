//! Polling in good weather: late rows, edits while reading, new properties, every kind of object.

use std::collections::BTreeSet;
use std::time::Duration;

use crm_sandbox::hubspot::model::PropertyType;
use crm_sandbox::hubspot::schema::PropertySpec;
use crm_sandbox::hubspot::{HubspotSettings, RowChange, RowChanges};
use futures::StreamExt;
use provider_hubspot::{CustomFieldSelection, HubspotConfig, HubspotPollSource};
use serde_json::json;
use sync_core::{ChangeSource, Cursor, ExternalId, FieldValue, Payload, SourceError};
use sync_detection::{Filter, FilterOp};

use crate::entity::{Company, Contact, Misspelt, Opportunity, Project, Ticket};
use crate::world::{Replica, World, config, fresh, id, last_cursor, properties, small_pages, subscription};

#[tokio::test]
async fn values_links_and_custom_properties_are_read() {
    let world = World::new().await;
    let deal = world.seed(1)[0];
    let company = world.insert("companies", &json!({"name": "Acme"}));
    world.associate(("deals", deal), ("companies", company), Some("Primary"));
    world.update(
        deal,
        &json!({"amount": "1,200.50", "region": "emea", "score": "1.5E2", "renewal_date": "2026-03-31"}),
    );
    world.settle();
    let changes = world.read::<Opportunity>(None).await;
    let Payload::Upsert(record) = &changes[0].payload else { panic!("{changes:?}") };
    let value = &record.value;
    assert_eq!(value.amount, Some("1200.50".parse().unwrap()));
    assert_eq!(value.close_date, Some("2026-06-30".parse().unwrap()));
    assert_eq!(value.account, Some(id(company)));
    assert_eq!(value.custom.get("region"), Some(&FieldValue::Text("emea".into())));
    assert_eq!(value.custom.get("score"), Some(&FieldValue::Decimal("150".parse().unwrap())));
    assert_eq!(value.custom.get("renewal_date"), Some(&FieldValue::Date("2026-03-31".parse().unwrap())));
    assert_eq!(value.custom.get("product"), Some(&FieldValue::Null));
}

/// The index lags by minutes: such a record appears behind a position already passed.
#[tokio::test]
async fn record_that_the_index_shows_late_is_found_within_the_overlap() {
    let world = World::new().await;
    let ids = world.seed(3);
    let mut replica = Replica::default();
    replica.run(&world).await.unwrap();
    let late = RowChanges {
        index_after_ms: Some(300_000),
        ops: vec![RowChange::Update {
            object: "deals".to_owned(),
            id: ids[0],
            properties: properties(&json!({"dealname": "Late"})),
        }],
        ..RowChanges::default()
    };
    world.apply(&late);
    world.settle();
    world.update(ids[1], &json!({"dealname": "In time"}));
    world.settle();
    replica.run(&world).await.unwrap();
    assert_ne!(replica.rows, world.truth());

    world.control().advance(Duration::from_secs(300));
    let changes = replica.run(&world).await.unwrap();
    let found = changes.iter().find(|change| change.external_id == id(ids[0])).unwrap();
    assert!(found.reread);
    assert_eq!(replica.rows, world.truth());
}

#[tokio::test]
async fn settle_lag_leaves_the_newest_for_the_next_run() {
    let world = World::new().await;
    let ids = world.seed(2);
    let mut replica = Replica::default();
    replica.run(&world).await.unwrap();
    world.settle();
    world.update(ids[0], &json!({"dealname": "Just now"}));
    replica.run(&world).await.unwrap();
    assert_ne!(replica.rows, world.truth());
    world.settle();
    replica.run(&world).await.unwrap();
    assert_eq!(replica.rows, world.truth());
}

/// Edits move records out of the window that is read, and shift no other across a page's edge.
#[tokio::test]
async fn records_edited_while_they_are_read_are_complete_in_the_end() {
    let world = World::paged(7).await;
    let ids = world.seed(100);
    let mut replica = Replica::default();
    for run in 0..2 {
        let mut stream = world.source().list_changes(&subscription(), replica.cursor.as_ref());
        let mut n = 0;
        while let Some(change) = stream.next().await {
            replica.apply(&change.unwrap());
            if n % 9 == 0 {
                world.update(ids[(n * 31) % ids.len()], &json!({"dealname": format!("Edit {run} {n}")}));
                world.control().advance(Duration::from_secs(2));
            }
            n += 1;
        }
        world.settle();
    }
    replica.run(&world).await.unwrap();
    assert_eq!(replica.rows, world.truth());
}

#[tokio::test]
async fn new_custom_property_is_read_without_a_restart() {
    let world = World::new().await;
    let ids = world.seed(2);
    let cursor = last_cursor(&world.read::<Opportunity>(None).await);
    world.control().add_property("deals", &PropertySpec::new("margin", PropertyType::Number)).unwrap();
    world.update(ids[0], &json!({"margin": "0.1"}));
    world.settle();
    let changes = world.read::<Opportunity>(cursor.as_ref()).await;
    let [change] = fresh(&changes)[..] else { panic!("{changes:?}") };
    let Payload::Upsert(record) = &change.payload else { panic!("{change:?}") };
    assert_eq!(record.value.custom.get("margin"), Some(&FieldValue::Decimal("0.1".parse().unwrap())));
}

/// Answers leave out a property that is gone without a word: the object is described anew, and reading goes on.
#[tokio::test]
async fn custom_property_that_vanishes_while_reading_is_left_out() {
    let world = World::paged(10).await;
    world.seed(50);
    let mut stream = world.source().list_changes(&subscription(), None);
    let mut replica = Replica::default();
    for _ in 0..5 {
        replica.apply(&stream.next().await.unwrap().unwrap());
    }
    world.control().archive_property("deals", "region").unwrap();
    let mut last = None;
    while let Some(change) = stream.next().await {
        let change = change.unwrap();
        replica.apply(&change);
        last = Some(change);
    }
    assert_eq!(replica.rows, world.truth());
    assert!(replica.unreadable.is_empty());
    let Some(Payload::Upsert(record)) = last.map(|change| change.payload) else { panic!() };
    assert_eq!(record.value.custom.get("region"), None);
}

#[tokio::test]
async fn unselected_custom_properties_are_not_read() {
    let custom_fields = CustomFieldSelection::Only(vec!["score".to_owned()]);
    let world =
        World::with(HubspotConfig { custom_fields, ..config() }, HubspotSettings::without_bursts()).await;
    world.seed(1);
    let changes = world.read::<Opportunity>(None).await;
    let Payload::Upsert(record) = &changes[0].payload else { panic!() };
    let names: Vec<_> = record.value.custom.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["score"]);
}

/// The filter decides on every record, read by list or by search, whatever the search makes of it.
#[tokio::test]
async fn filters_count_in_loads_and_in_windows_alike() {
    let world = World::paged(4).await;
    let ids = world.seed(10);
    let filter = |op, value: &str| Filter::new("dealname", op, value).unwrap();
    for (op, value, expected) in
        [(FilterOp::Eq, "Chosen", 1), (FilterOp::Neq, "Chosen", 9), (FilterOp::Eq, "chosen", 0)]
    {
        world.update(ids[4], &json!({"dealname": "Chosen"}));
        world.settle();
        let source = world.source().filters([filter(op, value)]);
        let changes: Vec<_> = source.list_changes(&subscription(), None).collect().await;
        assert_eq!(changes.len(), expected, "{op} {value}");

        let before = Cursor::new(r#"{"v":1,"at":"done","until":"2026-01-05T07:00:00Z"}"#);
        let changes: Vec<_> = source.list_changes(&subscription(), Some(&before)).collect().await;
        assert_eq!(changes.len(), expected, "{op} {value}");
    }
}

/// Pages on which nothing passes would be read again by each run; a marker moves the position past them.
#[tokio::test]
async fn long_stretches_without_a_passing_record_are_read_once() {
    let world = World::paged(5).await;
    world.seed(100);
    let none = Filter::new("dealname", FilterOp::Eq, "Nobody").unwrap();
    let source = world.source().filters([none]);
    let changes: Vec<_> = source.list_changes(&subscription(), None).collect().await;
    let changes: Vec<_> = changes.into_iter().map(Result::unwrap).collect();
    assert!(changes.iter().all(|change| matches!(change.payload, Payload::Skip(_)) && change.reread));
    world.control().reset_request_counts();
    let again: Vec<_> = source.list_changes(&subscription(), last_cursor(&changes).as_ref()).collect().await;
    assert!(again.is_empty());
    assert!(world.asked("list") <= 6, "{}", world.asked("list"));
}

#[tokio::test]
async fn values_that_can_not_be_mapped_stand_alone() {
    let world = World::paged(2).await;
    let ids = world.seed(5);
    world.update(ids[0], &json!({"amount": "123456789012345678901234567890.5"}));
    world.update(ids[1], &json!({"closedate": "soon"}));
    world.update(ids[2], &json!({"score": "n/a"}));
    world.settle();
    let mut replica = Replica::default();
    let changes = replica.run(&world).await.unwrap();
    assert_eq!(changes.len(), 5);
    let bad: BTreeSet<_> = replica.unreadable.iter().cloned().collect();
    assert_eq!(bad, ids[..3].iter().copied().map(id).collect());
    let again = replica.run(&world).await.unwrap();
    assert!(fresh(&again).is_empty());
}

#[tokio::test]
async fn unknown_values_of_enumerations_are_kept() {
    let world = World::new().await;
    let ids = world.seed(1);
    world.update(ids[0], &json!({"dealstage": "invented_yesterday", "region": "atlantis"}));
    world.settle();
    let changes = world.read::<Opportunity>(None).await;
    let Payload::Upsert(record) = &changes[0].payload else { panic!("{changes:?}") };
    assert_eq!(record.value.stage.as_deref(), Some("invented_yesterday"));
    assert_eq!(record.value.custom.get("region"), Some(&FieldValue::Text("atlantis".into())));
}

#[tokio::test]
async fn cleared_values_are_empty_whether_null_or_empty_text() {
    let settings = HubspotSettings { cleared_reads_empty: true, ..HubspotSettings::without_bursts() };
    let world = World::with(config(), settings).await;
    let ids = world.seed(1);
    world.update(ids[0], &json!({"amount": "", "closedate": "", "dealname": "", "region": ""}));
    world.settle();
    let changes = world.read::<Opportunity>(None).await;
    let Payload::Upsert(record) = &changes[0].payload else { panic!("{changes:?}") };
    assert_eq!((&record.value.name, record.value.amount, record.value.close_date), (&None, None, None));
    assert_eq!(record.value.custom.get("region"), Some(&FieldValue::Null));
}

/// Every object by its own modification stamp; contacts have another one than the rest.
#[tokio::test]
async fn every_kind_of_object_is_polled() {
    let world = World::new().await;
    let contact = world.insert("contacts", &json!({"email": "ann@example.test"}));
    let company = world.insert("companies", &json!({"name": "Acme"}));
    let ticket =
        world.insert("tickets", &json!({"subject": "Printer", "hs_pipeline": "0", "hs_pipeline_stage": "1"}));
    let project = world.insert("projects", &json!({"name": "Move", "code": "M1"}));
    let deal = world.insert("deals", &json!({"dealname": "A", "dealstage": "x", "pipeline": "default"}));
    world.associate(("projects", project), ("deals", deal), None);
    world.settle();

    macro_rules! polled {
        ($entity:ty, $object:literal, $id:expr, $edit:expr) => {
            let changes = world.read::<$entity>(None).await;
            assert_eq!(
                changes.iter().map(|change| change.external_id.clone()).collect::<Vec<_>>(),
                [id($id)]
            );
            world.control().update($object, $id, &properties(&$edit)).unwrap();
            world.settle();
            let changes = world.read::<$entity>(last_cursor(&changes).as_ref()).await;
            assert_eq!(fresh(&changes).len(), 1, "{}: {changes:?}", $object);
        };
    }
    polled!(Contact, "contacts", contact, json!({"email": "ann.roe@example.test"}));
    polled!(Company, "companies", company, json!({"name": "Acme AG"}));
    polled!(Ticket, "tickets", ticket, json!({"subject": "Printers"}));
    polled!(Project, "projects", project, json!({"name": "Moved"}));
    let projects = world.read::<Project>(None).await;
    let Payload::Upsert(record) = &projects[0].payload else { panic!("{projects:?}") };
    assert_eq!((record.value.name.as_deref(), &record.value.deal), (Some("Moved"), &Some(id(deal))));
}

#[tokio::test]
async fn account_without_custom_objects_has_none() {
    let settings = HubspotSettings {
        scopes: vec!["crm.objects.deals.read".to_owned()],
        ..HubspotSettings::without_bursts()
    };
    let world = World::with(config(), settings).await;
    assert!(world.client.schemas().await.unwrap().is_empty());
    let objects = world.client.describe_global().await.unwrap();
    assert!(
        objects.iter().any(|object| object.name == "deals") && objects.iter().all(|object| !object.custom)
    );
}

#[tokio::test]
async fn scope_that_is_missing_is_named() {
    let settings = HubspotSettings { scopes: vec!["oauth".to_owned()], ..HubspotSettings::without_bursts() };
    let world = World::with(config(), settings).await;
    let error = Replica::default().run(&world).await.unwrap_err();
    assert!(matches!(error, SourceError::Unauthorised { .. }), "{error:?}");
    assert!(error.to_string().contains("crm.") && error.to_string().contains(".deals.read"), "{error}");
}

#[tokio::test]
async fn mapped_property_that_is_not_there_is_refused_before_anything_is_read() {
    let world = World::new().await;
    world.seed(1);
    let source = HubspotPollSource::<Misspelt>::new(world.client.clone());
    let outcome = source.list_changes(&subscription(), None).next().await.unwrap();
    let Err(error) = outcome else { panic!("{outcome:?}") };
    assert!(
        error.to_string().contains("UNKNOWN_FIELD") && error.to_string().contains("`delname`"),
        "{error}"
    );
    assert_eq!(world.asked("list") + world.asked("search"), 0);
}

/// The consumer works on one page while the next is fetched; nobody reads once the consumer is gone.
#[tokio::test]
async fn pages_are_fetched_ahead_but_not_far_and_not_for_nobody() {
    let world = World::paged(10).await;
    world.seed(100);
    let mut stream = world.source().list_changes(&subscription(), None);
    stream.next().await.unwrap().unwrap();
    // One list is that of archived records.
    let read_ahead = async {
        while world.asked("list") < 3 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), read_ahead).await.expect("the next page is fetched ahead");
    drop(stream);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(world.asked("list") <= 5, "{}", world.asked("list"));
}

#[tokio::test]
async fn unchanged_account_costs_three_calls() {
    let world = World::new().await;
    world.seed(3);
    let mut replica = Replica::default();
    for _ in 0..2 {
        replica.run(&world).await.unwrap();
        world.control().advance(Duration::from_secs(700));
    }
    world.control().reset_request_counts();
    replica.run(&world).await.unwrap();
    let calls: u64 = world.control().request_counts().values().sum();
    assert_eq!(calls, 3, "{:?}", world.control().request_counts());
}

#[tokio::test]
async fn foreign_cursor_is_refused_before_any_call() {
    let world = World::new().await;
    let cursor = Cursor::new(r#"{"v":9,"at":"done"}"#);
    let outcome = world.source().list_changes(&subscription(), Some(&cursor)).next().await.unwrap();
    assert!(matches!(outcome, Err(SourceError::BadCursor { .. })));
    assert!(world.control().request_counts().is_empty());
}

#[tokio::test]
async fn properties_and_objects_are_told() {
    let world = World::new().await;
    let deals = world.client.properties("deals").await.unwrap();
    assert!(
        deals.property("region").is_some_and(|property| property.is_custom() && !property.options.is_empty())
    );
    assert!(
        deals.property("dealname").is_some_and(|property| !property.is_custom() && property.is_writable())
    );
    assert!(deals.property("num_associated_contacts").is_some_and(|property| property.calculated));
    let projects = world.client.properties("projects").await.unwrap();
    assert!(projects.path.starts_with("2-") && projects.property("budget").is_some());
    let objects = world.client.describe_global().await.unwrap();
    let project = objects.iter().find(|object| object.name == "projects").unwrap();
    assert!(project.custom && project.type_id.as_deref() == Some(&projects.path));
    let error = world.client.properties("nonsense").await.unwrap_err();
    assert!(matches!(&error, SourceError::Permanent { .. }), "{error:?}");
}

#[tokio::test]
async fn label_names_provider_mode_and_entity() {
    let world = World::with(small_pages(1), HubspotSettings::default()).await;
    assert_eq!(ChangeSource::<Opportunity>::label(&world.source()), "hubspot-poll-opportunity");
    let _: ExternalId = id(1);
}
