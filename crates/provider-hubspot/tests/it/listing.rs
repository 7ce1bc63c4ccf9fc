//! Listings of ids: complete, or no proof of anything.

use crm_sandbox::{Fault, FaultRule};
use futures::StreamExt;
use provider_hubspot::HubspotListing;
use serde_json::json;
use sync_core::{ExternalId, ListedRow, ListingPart, RemoteListing, SourceError};
use sync_detection::{Filter, FilterOp};

use crate::world::{World, id, subscription};

type Parts = Vec<Result<ListingPart, SourceError>>;

async fn list(world: &World) -> Parts {
    HubspotListing::new(world.client.clone(), "deals").list_ids(&subscription()).collect().await
}

fn rows(parts: &Parts) -> Vec<&ListedRow> {
    let rows = parts.iter().filter_map(|part| match part {
        Ok(ListingPart::Ids(rows)) => Some(rows),
        _ => None,
    });
    rows.flatten().collect()
}

fn ids(parts: &Parts) -> Vec<ExternalId> {
    rows(parts).into_iter().map(|row| row.external_id.clone()).collect()
}

fn is_complete(parts: &Parts) -> bool {
    parts.iter().any(|part| matches!(part, Ok(ListingPart::Complete { .. })))
}

#[tokio::test]
async fn live_records_are_listed_with_their_versions() {
    let world = World::paged(4).await;
    let seeded = world.seed(10);
    world.control().archive("deals", seeded[3]).unwrap();
    world.control().purge("deals", seeded[4]).unwrap();
    world.control().merge("deals", seeded[5], seeded[6]).unwrap();
    let parts = list(&world).await;
    assert!(matches!(parts.last(), Some(Ok(ListingPart::Complete { total: 7 }))), "{parts:?}");
    let truth = world.truth();
    assert_eq!(ids(&parts), truth.keys().cloned().collect::<Vec<_>>());
    assert!(rows(&parts).iter().all(|row| row.version == Some(truth[&row.external_id])));
}

#[tokio::test]
async fn empty_object_is_complete() {
    let world = World::new().await;
    let parts = list(&world).await;
    assert!(matches!(parts.last(), Some(Ok(ListingPart::Complete { total: 0 }))), "{parts:?}");
}

#[tokio::test]
async fn listing_that_breaks_off_is_never_complete() {
    for fault in [Fault::InvalidLocator, Fault::Garbage, Fault::Html, Fault::InternalError, Fault::Drop] {
        let world = World::paged(4).await;
        world.seed(10);
        world.control().add_fault(FaultRule::new(fault.clone()).on("list").skip(2));
        let parts = list(&world).await;
        assert!(!is_complete(&parts), "{fault:?}: {parts:?}");
        assert!(matches!(parts.last(), Some(Err(_))), "{fault:?}: {parts:?}");
        assert_eq!(ids(&parts).len(), 8, "{fault:?}");
    }
}

#[tokio::test]
async fn filters_count_for_listings_as_well() {
    let world = World::new().await;
    let seeded = world.seed(3);
    world.update(seeded[2], &json!({"dealname": "Other"}));
    let filter = Filter::new("dealname", FilterOp::Neq, "Other").unwrap();
    let listing = HubspotListing::new(world.client.clone(), "deals").filters([filter]);
    let parts: Vec<_> = listing.list_ids(&subscription()).collect().await;
    assert_eq!(ids(&parts), [id(seeded[0]), id(seeded[1])]);
    assert!(is_complete(&parts));
}

/// Calculated properties and associations move no stamp.
#[tokio::test]
async fn comparison_of_values_makes_every_record_newer() {
    let world = World::new().await;
    world.seed(3);
    let listing = HubspotListing::new(world.client.clone(), "deals").comparing_values();
    let parts: Vec<_> = listing.list_ids(&subscription()).collect().await;
    let truth = world.truth();
    assert!(rows(&parts).iter().all(|row| row.version > Some(truth[&row.external_id])));
}
