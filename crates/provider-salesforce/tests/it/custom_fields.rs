//! The customer's own fields: which there are, and their values for records that were read before.

use std::collections::BTreeMap;
use std::sync::Arc;

use crm_sandbox::salesforce::model::{FieldType, RecordId, Value};
use crm_sandbox::salesforce::schema::FieldSpec;
use crm_sandbox::{Fault, FaultRule};
use futures::StreamExt;
use provider_salesforce::{SalesforceConfig, SalesforceFields};
use sync_core::{
    Change, Coverage, CustomFieldSource, FieldKind, FieldSet, FieldValue, Payload, RemoteField, SourceError,
};
use sync_detection::{Filter, FilterOp};

use crate::entity::Opportunity;
use crate::world::{World, config, subscription};

const OBJECT: &str = "Opportunity";

fn fields(world: &World) -> SalesforceFields<Opportunity> {
    SalesforceFields::new(world.client.clone())
}

async fn described(world: &World) -> BTreeMap<String, RemoteField> {
    let fields = fields(world).custom_fields(&subscription()).await.unwrap();
    fields.into_iter().map(|field| (field.name.to_string(), field)).collect()
}

fn add(world: &World, name: &str, field_type: FieldType) {
    world.control().add_field(OBJECT, &FieldSpec::new(name, field_type)).unwrap();
}

fn fill(world: &World, name: &str, value: impl Fn(usize) -> Option<Value>) {
    world.control().fill_field(OBJECT, name, value).unwrap();
}

async fn backfill(world: &World, names: &[&str]) -> Vec<Result<Change<Opportunity>, SourceError>> {
    let names: Vec<Arc<str>> = names.iter().map(|name| Arc::from(*name)).collect();
    fields(world).backfill(&subscription(), &names).collect().await
}

/// What came, by record; with what every change of a backfill has to be.
fn values(
    world: &World,
    changes: Vec<Result<Change<Opportunity>, SourceError>>,
) -> BTreeMap<String, Vec<(String, FieldValue)>> {
    let truth = world.truth();
    let mut values: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for change in changes {
        let change = change.unwrap();
        assert_eq!(change.cursor, None);
        assert_eq!(change.version, Some(truth[&change.external_id].0));
        let Payload::Upsert(record) = change.payload else { panic!("{:?}", change.payload) };
        assert_eq!(record.coverage, Coverage::Partial(FieldSet::EMPTY));
        assert_eq!(record.value.name, None);
        let sent = record.value.custom.iter().map(|(name, value)| (name.to_owned(), value.clone()));
        values.entry(change.external_id.to_string()).or_default().extend(sent);
    }
    values
}

/// INV-CFS-1: what can be read and is not mapped is listed, with what its values are read as.
#[tokio::test]
async fn readable_fields_that_are_not_mapped_are_listed() {
    let world = World::new().await;
    let before = described(&world).await;
    assert!(before.contains_key("Score__c") && !before.contains_key("Name"), "{before:?}");
    add(&world, "Zone__c", FieldType::Picklist);
    add(&world, "Due__c", FieldType::DateTime);
    let after = described(&world).await;
    assert_eq!(after.len(), before.len() + 2);
    assert_eq!((&*after["Zone__c"].remote_type, after["Zone__c"].kind), ("picklist", FieldKind::Text));
    assert_eq!((&*after["Due__c"].remote_type, after["Due__c"].kind), ("datetime", FieldKind::Instant));
    assert!(after.values().any(|field| field.calculated), "the org has formula fields: {after:?}");
    world.control().remove_field(OBJECT, "Zone__c").unwrap();
    assert!(!described(&world).await.contains_key("Zone__c"));
}

/// INV-CFS-1: an org that can't be asked is an error, not an object without fields.
#[tokio::test]
async fn description_that_breaks_off_is_an_error() {
    let world = World::new().await;
    world.control().add_fault(FaultRule::new(Fault::Garbage).on("describe"));
    fields(&world).custom_fields(&subscription()).await.unwrap_err();
}

/// What is confirmed to be unchanged is not sent again.
#[tokio::test]
async fn unchanged_description_is_confirmed_only() {
    let world = World::new().await;
    world.settle();
    let first = described(&world).await;
    assert_eq!(described(&world).await, first);
    assert_eq!(world.asked("describe"), 2);
}

/// INV-CFS-2: the named fields' values come, of records that have one, page by page, whatever breaks off.
#[tokio::test]
async fn values_come_for_records_that_have_one() {
    let world = World::with(config(), 2).await;
    let ids = world.seed(7);
    add(&world, "Zone__c", FieldType::String);
    add(&world, "Rank__c", FieldType::Double);
    add(&world, "Other__c", FieldType::String);
    fill(&world, "Zone__c", |n| (n < 5).then(|| Value::text(format!("region {n}"))));
    fill(&world, "Rank__c", |n| (n == 4 || n == 5).then_some(Value::Double(n as f64 / 2.0)));
    fill(&world, "Other__c", |_| Some(Value::text("not asked for")));
    world.control().delete(ids[0]).unwrap();
    world.control().add_fault(FaultRule::new(Fault::InvalidLocator).on("query_more").times(1));
    let values = values(&world, backfill(&world, &["Zone__c", "Rank__c"]).await);
    let text = |n: usize| FieldValue::Text(format!("region {n}"));
    let half = |n: i64| FieldValue::Decimal(rust_decimal::Decimal::new(n * 5, 1));
    let row = |rank, region| vec![("Rank__c".to_owned(), rank), ("Zone__c".to_owned(), region)];
    let expected = BTreeMap::from([
        (ids[1].to_string(), row(FieldValue::Null, text(1))),
        (ids[2].to_string(), row(FieldValue::Null, text(2))),
        (ids[3].to_string(), row(FieldValue::Null, text(3))),
        (ids[4].to_string(), row(half(4), text(4))),
        (ids[5].to_string(), row(half(5), FieldValue::Null)),
    ]);
    assert_eq!(values, expected);
}

/// INV-CFS-2: fields by which Salesforce can't filter, and flags, which are never empty, are read of all records.
#[tokio::test]
async fn fields_without_a_filter_are_read_of_all_records() {
    let world = World::new().await;
    let ids = world.seed(4);
    add(&world, "Essay__c", FieldType::TextArea);
    world.control().edit(|org| {
        let table = org.table_mut(OBJECT).unwrap();
        let index = table.def.field_index("Essay__c").unwrap();
        table.def.edit_field(index, |field| field.filterable = false);
    });
    fill(&world, "Essay__c", |n| (n == 2).then(|| Value::text("long")));
    let essays = values(&world, backfill(&world, &["Essay__c"]).await);
    assert_eq!(essays.keys().collect::<Vec<_>>(), [&ids[2].to_string()]);
    add(&world, "Vip__c", FieldType::Boolean);
    fill(&world, "Vip__c", |n| Some(Value::Bool(n == 1)));
    let flags = values(&world, backfill(&world, &["Vip__c"]).await);
    assert_eq!(flags.len(), 4);
    assert_eq!(flags[&ids[1].to_string()], [("Vip__c".to_owned(), FieldValue::Bool(true))]);
    assert_eq!(flags[&ids[0].to_string()], [("Vip__c".to_owned(), FieldValue::Bool(false))]);
}

/// INV-CFS-2: a field that goes missing meanwhile is left out; the others come.
#[tokio::test]
async fn field_that_goes_missing_meanwhile_is_left_out() {
    let world = World::with(config(), 2).await;
    world.seed(5);
    for name in ["Stays__c", "Goes__c"] {
        add(&world, name, FieldType::String);
        fill(&world, name, |_| Some(Value::text(name)));
    }
    let names: Vec<Arc<str>> = vec!["Stays__c".into(), "Goes__c".into()];
    let mut stream = fields(&world).backfill(&subscription(), &names);
    let mut changes = vec![stream.next().await.unwrap()];
    world.control().remove_field(OBJECT, "Goes__c").unwrap();
    world.control().forget_locators();
    changes.extend(stream.collect::<Vec<_>>().await);
    let rows = values(&world, changes);
    assert_eq!(rows.len(), 5);
    let value = ("Stays__c".to_owned(), FieldValue::Text("Stays__c".to_owned()));
    assert!(rows.values().all(|row| row.contains(&value)), "{rows:?}");
    assert!(rows.values().any(|row| row.len() == 1), "the last pages lack the field: {rows:?}");

    world.control().remove_field(OBJECT, "Stays__c").unwrap();
    assert!(backfill(&world, &["Stays__c", "Goes__c"]).await.is_empty());
}

/// Hundreds of fields take as many queries as their addresses need, and no more.
#[tokio::test]
async fn long_lists_of_fields_are_split() {
    let world = World::new().await;
    let names: Vec<String> = (0..400).map(|n| format!("A_field_with_a_rather_long_name_{n:03}__c")).collect();
    for name in &names {
        add(&world, name, FieldType::String);
    }
    let ids = world.seed(2);
    fill(&world, &names[0], |n| (n == 0).then(|| Value::text("first")));
    fill(&world, &names[399], |n| (n == 1).then(|| Value::text("last")));
    let asked: Vec<&str> = names.iter().map(String::as_str).collect();
    let rows = values(&world, backfill(&world, &asked).await);
    let of = |id: &RecordId, name: &str| {
        let value = rows[&id.to_string()].iter().find(|(field, _)| field == name);
        value.map(|(_, value)| value.clone())
    };
    assert_eq!(of(&ids[0], &names[0]), Some(FieldValue::Text("first".into())));
    assert_eq!(of(&ids[1], &names[399]), Some(FieldValue::Text("last".into())));
    assert!((2..=8).contains(&world.asked("query")), "{}", world.asked("query"));
}

/// The poll source's filters count, and what is not chosen is not listed.
#[tokio::test]
async fn filters_and_selection_count() {
    let selection = provider_salesforce::CustomFieldSelection::Only(vec!["Score__c".to_owned()]);
    let world = World::with(SalesforceConfig { custom_fields: selection, ..config() }, 2_000).await;
    let ids = world.seed(3);
    world.rename(ids[1], "Other");
    fill(&world, "Score__c", |n| Some(Value::Double(n as f64)));
    assert_eq!(described(&world).await.keys().collect::<Vec<_>>(), ["Score__c"]);
    let filter = Filter::new("Name", FilterOp::Neq, "Other").unwrap();
    let changes: Vec<_> =
        fields(&world).filters([filter]).backfill(&subscription(), &["Score__c".into()]).collect().await;
    let rows = values(&world, changes);
    assert_eq!(rows.keys().collect::<Vec<_>>(), [&ids[0].to_string(), &ids[2].to_string()]);
}

/// A value that can't be read sets its record aside, and no other.
#[tokio::test]
async fn unreadable_value_sets_its_record_aside() {
    let world = World::new().await;
    let ids = world.seed(3);
    add(&world, "Big__c", FieldType::Double);
    fill(&world, "Big__c", |n| Some(Value::Double(if n == 1 { 1e40 } else { 1.0 })));
    let changes = backfill(&world, &["Big__c"]).await;
    let unreadable: Vec<_> = changes
        .iter()
        .flatten()
        .filter(|change| matches!(change.payload, Payload::Unreadable(_)))
        .map(|change| change.external_id.to_string())
        .collect();
    assert_eq!((changes.len(), unreadable), (3, vec![ids[1].to_string()]));
}
