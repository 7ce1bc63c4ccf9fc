//! Owners: two lists, told apart by stamps on our side.

use crm_sandbox::HubspotSandbox;
use crm_sandbox::hubspot::generate::AccountSpec;
use futures::StreamExt;
use provider_hubspot::{HubspotFetcher, HubspotListing};
use sync_core::{Change, DeleteEvidence, ExternalId, Fetched, ListingPart, Payload, RemoteListing};

use crate::entity::{Owner, User};
use crate::world::{World, config, fresh, id, last_cursor, subscription};

/// How many owners there are, the one that is archived included.
const OWNERS: usize = 12;

async fn world() -> World {
    let spec = AccountSpec { owners: OWNERS, ..AccountSpec::default() };
    let account = HubspotSandbox::builder().account(spec).start().await.unwrap();
    World::of(account, config()).await
}

fn live<T>(changes: &[Change<T>]) -> Vec<ExternalId> {
    let upserts = changes.iter().filter(|change| matches!(change.payload, Payload::Upsert(_)));
    upserts.map(|change| change.external_id.clone()).collect()
}

fn number(id: &ExternalId) -> u64 {
    id.as_str().parse().unwrap()
}

#[tokio::test]
async fn owners_come_once_and_archived_ones_as_deletions() {
    let world = world().await;
    let changes = world.read::<Owner>(None).await;
    let live = live(&changes);
    assert_eq!((live.len(), changes.len()), (OWNERS - 1, OWNERS));
    let again = world.read::<Owner>(last_cursor(&changes).as_ref()).await;
    assert!(fresh(&again).is_empty(), "{again:?}");

    assert!(world.control().archive_owner(number(&live[3]), true));
    world.settle();
    let changes = world.read::<Owner>(last_cursor(&changes).as_ref()).await;
    let [gone] = fresh(&changes)[..] else { panic!("{changes:?}") };
    assert_eq!(gone.external_id, live[3]);
    assert!(
        matches!(&gone.payload, Payload::Delete(deletion) if deletion.evidence == DeleteEvidence::DeleteLog)
    );

    assert!(world.control().archive_owner(number(&live[3]), false));
    world.settle();
    let changes = world.read::<Owner>(last_cursor(&changes).as_ref()).await;
    assert!(fresh(&changes).iter().any(|change| change.external_id == live[3]), "{changes:?}");
}

/// An entity that reads `archived` wants to know the people who left.
#[tokio::test]
async fn archived_owners_are_records_to_who_reads_archived() {
    let world = world().await;
    let changes = world.read::<User>(None).await;
    assert_eq!(live(&changes).len(), OWNERS);
    let is_archived = |payload: &Payload<User>| matches!(payload, Payload::Upsert(record) if record.value.archived == Some(true));
    assert_eq!(changes.iter().filter(|change| is_archived(&change.payload)).count(), 1);

    let parts: Vec<_> =
        HubspotListing::of::<User>(world.client.clone()).list_ids(&subscription()).collect().await;
    let Some(Ok(ListingPart::Complete { total })) = parts.last() else { panic!("{parts:?}") };
    assert_eq!(*total, OWNERS as u64);
    let parts: Vec<_> =
        HubspotListing::of::<Owner>(world.client.clone()).list_ids(&subscription()).collect().await;
    assert!(matches!(parts.last(), Some(Ok(ListingPart::Complete { total })) if *total == OWNERS as u64 - 1));
}

#[tokio::test]
async fn owners_are_fetched_by_id() {
    let world = world().await;
    let live = live(&world.read::<Owner>(None).await);
    let fetcher = HubspotFetcher::<Owner>::new(world.client.clone());
    assert!(matches!(fetcher.get(&live[0]).await.unwrap(), Fetched::Found { .. }));
    assert_eq!(fetcher.get(&id(1)).await.unwrap(), Fetched::Gone(DeleteEvidence::LookedUp));
}
