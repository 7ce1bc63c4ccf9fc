//! Comparing ids with the provider, and the brake on deletions.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use sync_core::*;

use crate::world::{World, deal, seen};

/// A listing as it is told to be.
struct Listing {
    ids: Vec<(&'static str, Option<i64>)>,
    total: Option<u64>,
}

impl RemoteListing for Listing {
    fn list_ids(
        &self,
        _: &Subscription,
    ) -> futures_util::stream::BoxStream<'static, Result<ListingPart, SourceError>> {
        let rows = self
            .ids
            .iter()
            .map(|(id, version)| ListedRow { external_id: (*id).into(), version: version.map(Version) });
        let parts =
            [Some(ListingPart::Ids(rows.collect())), self.total.map(|total| ListingPart::Complete { total })];
        stream::iter(parts.into_iter().flatten().map(Ok).collect::<Vec<_>>()).boxed()
    }
}

async fn reconcile(world: &World, listing: Listing, brake: Brake) -> RunReport {
    let source = ReconcileSource {
        remote: Arc::new(listing),
        local: Arc::clone(&world.sink) as _,
        fetcher: Arc::clone(&world.shelf) as _,
        unit_of_work: Arc::clone(&world.store),
        scope: world.scope(),
        brake,
    };
    let request = world.request().action(Action::Reconcile).source_override(Arc::new(source));
    world.engine().execute(request).await.unwrap()
}

async fn with_records(n_records: u32) -> World {
    let world = World::new().await;
    world.sync((1..=n_records).map(|n| seen(&format!("R{n}"), deal("r", "new"), n).version(10))).await;
    for n in 1..=n_records {
        world.shelf.put(&format!("R{n}"), deal("r", "new"));
    }
    world
}

/// R20: what is missing here is fetched, what is older here is refreshed, and the cursor stays.
#[tokio::test]
async fn missing_and_stale_records_are_fetched() {
    let world = with_records(2).await;
    world.shelf.put("R2", deal("r", "won"));
    world.shelf.put("R3", deal("late", "new"));
    let ids = vec![("R1", Some(10)), ("R2", Some(11)), ("R3", Some(9))];
    let report = reconcile(&world, Listing { ids, total: Some(3) }, Brake::default()).await;
    assert_eq!(world.story(&report).await, ["R2 updated/success", "R3 created/success"]);
    assert_eq!(world.cursor().await.as_deref(), Some("2"));
    assert_eq!(world.runs().await[0].action, Action::Reconcile);
}

/// R20: a ghost is deleted after a look-up by id confirmed it, with that evidence.
#[tokio::test]
async fn confirmed_ghost_is_deleted() {
    let world = with_records(3).await;
    world.shelf.remove("R2");
    // R3 is missing from the listing too, but a look-up finds it.
    let report =
        reconcile(&world, Listing { ids: vec![("R1", None)], total: Some(1) }, Brake::default()).await;
    assert_eq!(report.counts.deleted, 1);
    assert!(world.row("R2").await.unwrap().deleted);
    assert!(!world.row("R3").await.unwrap().deleted);
    let deleted = world.items(&report).await.into_iter().find(|item| item.operation == Operation::Deleted);
    assert_eq!(deleted.unwrap().reason.as_deref(), Some("id_sweep"));
}

/// R20: a listing that is cut off deletes nothing, whether its end is missing or its count does not fit.
#[tokio::test]
async fn incomplete_listing_deletes_nothing() {
    for total in [None, Some(3)] {
        let world = with_records(3).await;
        world.shelf.remove("R2");
        world.shelf.remove("R3");
        let report = reconcile(&world, Listing { ids: vec![("R1", None)], total }, Brake::OFF).await;
        assert_eq!(report.status, RunStatus::Failed);
        assert_eq!(report.counts.deleted, 0);
        let failure = report.failure.unwrap();
        assert!(matches!(failure, RunFailure::Source(SourceError::IncompleteListing { .. })), "{failure}");
    }
}

/// R20: a sweep that would delete more than the brake allows stops and says how many.
#[tokio::test]
async fn brake_stops_a_large_sweep() {
    let world = with_records(30).await;
    for n in 2..=30 {
        world.shelf.remove(&format!("R{n}"));
    }
    let listing = || Listing { ids: vec![("R1", None)], total: Some(1) };
    let braked = reconcile(&world, listing(), Brake::default()).await;
    assert_eq!(braked.counts.deleted, 0);
    let failure = braked.failure.unwrap();
    let expected = SourceError::Braked { ghosts: 29, local: 30, limit: 20 };
    assert_eq!(failure.to_string(), expected.to_string());
    let allowed = reconcile(&world, listing(), Brake::OFF).await;
    assert_eq!(allowed.counts.deleted, 29);
}
