//! The customer's own properties, and their values for records read before.

use std::sync::Arc;

use crm_sandbox::hubspot::model::PropertyType;
use crm_sandbox::hubspot::schema::PropertySpec;
use crm_sandbox::{Fault, FaultRule};
use futures::StreamExt;
use provider_hubspot::HubspotFields;
use serde_json::json;
use sync_core::{Coverage, CustomFieldSource, FieldKind, FieldSet, FieldValue, Payload, RemoteField};

use crate::entity::{Opportunity, Owner, Role};
use crate::world::{World, id, subscription};

fn source(world: &World) -> HubspotFields<Opportunity> {
    HubspotFields::new(world.client.clone())
}

fn names(names: &[&str]) -> Vec<Arc<str>> {
    names.iter().map(|name| (*name).into()).collect()
}

/// INV-CFS-1
#[tokio::test]
async fn properties_that_the_customer_made_are_told_with_their_kinds() {
    let world = World::new().await;
    let fields = source(&world).custom_fields(&subscription()).await.unwrap();
    let kind = |name: &str| fields.iter().find(|field| &*field.name == name).map(|field| field.kind);
    assert_eq!(kind("score"), Some(FieldKind::Decimal));
    assert_eq!(kind("renewal_date"), Some(FieldKind::Date));
    assert_eq!(kind("region"), Some(FieldKind::Text));
    assert_eq!((kind("dealname"), kind("hs_lastmodifieddate")), (None, None));

    world.control().add_property("deals", &PropertySpec::new("signed_at", PropertyType::DateTime)).unwrap();
    world.control().archive_property("deals", "region").unwrap();
    let fields = source(&world).custom_fields(&subscription()).await.unwrap();
    let field = |name: &str| -> Option<&RemoteField> { fields.iter().find(|field| &*field.name == name) };
    assert_eq!(
        field("signed_at").map(|field| (field.kind, field.remote_type.as_str())),
        Some((FieldKind::Instant, "datetime"))
    );
    assert_eq!(field("region"), None);

    world.control().add_fault(FaultRule::new(Fault::Garbage).on("properties"));
    assert!(source(&world).custom_fields(&subscription()).await.is_err());
}

/// INV-CFS-2
#[tokio::test]
async fn backfill_brings_the_named_values_and_nothing_else() {
    let world = World::paged(3).await;
    let deals = world.seed(8);
    world.update(deals[2], &json!({"region": "emea"}));
    world.update(deals[5], &json!({"region": "apac", "score": "7", "product": "unasked"}));
    let changes: Vec<_> =
        source(&world).backfill(&subscription(), &names(&["region", "score", "gone"])).collect().await;
    let changes: Vec<_> = changes.into_iter().map(Result::unwrap).collect();
    let ids: Vec<_> = changes.iter().map(|change| change.external_id.clone()).collect();
    assert_eq!(ids, [id(deals[2]), id(deals[5])], "records without any of the values are left out");
    for change in &changes {
        let Payload::Upsert(record) = &change.payload else { panic!("{change:?}") };
        assert_eq!((record.coverage, &change.cursor), (Coverage::Partial(FieldSet::EMPTY), &None));
        let names: Vec<_> = record.value.custom.iter().map(|(name, _)| name).collect();
        assert_eq!((record.value.name.as_ref(), names), (None, vec!["region", "score"]));
        assert_eq!(change.version, Some(world.truth()[&change.external_id]));
    }
    let Payload::Upsert(first) = &changes[0].payload else { panic!() };
    assert_eq!(first.value.custom.get("score"), Some(&FieldValue::Null));
}

#[tokio::test]
async fn backfill_of_nothing_reads_nothing() {
    let world = World::new().await;
    world.seed(2);
    let changes: Vec<_> = source(&world).backfill(&subscription(), &names(&["gone"])).collect().await;
    assert!(changes.is_empty());
    assert_eq!(world.asked("list"), 0);
}

#[tokio::test]
async fn backfill_that_breaks_off_says_so() {
    let world = World::paged(2).await;
    for deal in world.seed(6) {
        world.update(deal, &json!({"region": "emea"}));
    }
    world.control().add_fault(FaultRule::new(Fault::InternalError).on("list").skip(2));
    let changes: Vec<_> = source(&world).backfill(&subscription(), &names(&["region"])).collect().await;
    assert_eq!(changes.iter().filter(|change| change.is_ok()).count(), 4);
    assert!(changes.last().unwrap().is_err());
}

#[tokio::test]
async fn owners_and_associations_have_no_custom_properties() {
    let world = World::new().await;
    let owners = HubspotFields::<Owner>::new(world.client.clone());
    assert!(owners.custom_fields(&subscription()).await.unwrap().is_empty());
    let roles = HubspotFields::<Role>::new(world.client.clone());
    assert!(roles.backfill(&subscription(), &names(&["region"])).next().await.is_none());
}
