//! Listings of ids: complete, or no proof of anything.

use crm_sandbox::{Fault, FaultRule};
use futures::StreamExt;
use provider_salesforce::SalesforceListing;
use sync_core::{ExternalId, ListingPart, RemoteListing, SourceError};
use sync_detection::{Filter, FilterOp};

use crate::world::{World, config, subscription};

async fn list(world: &World) -> Vec<Result<ListingPart, SourceError>> {
    SalesforceListing::new(world.client.clone(), "Opportunity").list_ids(&subscription()).collect().await
}

fn ids(parts: &[Result<ListingPart, SourceError>]) -> Vec<ExternalId> {
    let rows = parts.iter().filter_map(|part| match part {
        Ok(ListingPart::Ids(rows)) => Some(rows),
        _ => None,
    });
    rows.flatten().map(|row| row.external_id.clone()).collect()
}

fn is_complete(parts: &[Result<ListingPart, SourceError>]) -> bool {
    parts.iter().any(|part| matches!(part, Ok(ListingPart::Complete { .. })))
}

#[tokio::test]
async fn live_records_are_listed_with_their_versions() {
    let world = World::with(config(), 4).await;
    let seeded = world.seed(10);
    world.control().delete(seeded[3]).unwrap();
    let parts = list(&world).await;
    assert!(matches!(parts.last(), Some(Ok(ListingPart::Complete { total: 9 }))), "{parts:?}");
    let mut expected: Vec<ExternalId> = seeded.iter().map(|id| id.as_str().into()).collect();
    expected.remove(3);
    let mut found = ids(&parts);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    let Some(Ok(ListingPart::Ids(rows))) = parts.first() else { panic!("{parts:?}") };
    assert_eq!(rows[0].version, Some(world.truth()[&rows[0].external_id].0));
}

#[tokio::test]
async fn empty_object_is_complete() {
    let world = World::new().await;
    let parts = list(&world).await;
    assert!(matches!(parts.last(), Some(Ok(ListingPart::Complete { total: 0 }))), "{parts:?}");
}

#[tokio::test]
async fn listing_that_breaks_off_is_never_complete() {
    for fault in [Fault::InvalidLocator, Fault::Garbage, Fault::Html, Fault::QueryTimeout] {
        let world = World::with(config(), 4).await;
        world.seed(10);
        world.control().add_fault(FaultRule::new(fault.clone()).on("query_more").skip(1));
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
    world.rename(seeded[2], "Other");
    let filter = Filter::new("Name", FilterOp::Neq, "Other").unwrap();
    let listing = SalesforceListing::new(world.client.clone(), "Opportunity").filters([filter]);
    let parts: Vec<_> = listing.list_ids(&subscription()).collect().await;
    assert_eq!(ids(&parts).len(), 2);
    assert!(is_complete(&parts));
}
