//! What we wrote comes back.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sync_core::*;
use sync_memory::{MemoryLoopbackStore, MemoryTx};

use crate::world::{Answer, Deal, World, deal};

async fn sent() -> World {
    let mut world = World::new(ConflictRule::Ask).await;
    world.loopback =
        Some(MemoryLoopbackStore::with_clock(Duration::from_secs(60), Arc::clone(&world.clock) as _));
    world.shared("A", deal("Big", "Open")).await;
    world.edit("A", |deal| deal.stage = Some("Won".into())).await;
    world.outbound().await;
    world
}

/// R6: the echo is skipped, and the cursor moves on.
#[tokio::test]
async fn echo_is_skipped_and_the_cursor_moves() {
    let world = sent().await;
    let report = world.inbound().await;
    assert_eq!((report.counts.skipped, report.counts.found), (1, 1));
    assert_ne!(report.cursor_before, report.cursor_after);
    assert_eq!(world.inbound().await.counts.found, 0);
    assert_eq!(world.outbound().await.counts.found, 0);
}

/// A change that arrives soon after our write, and a workflow that rewrites our value, are no echoes.
#[tokio::test]
async fn other_changes_are_no_echoes() {
    for theirs in [deal("Big", "WON"), deal("Bigger", "Won"), deal("Big", "Open")] {
        let world = sent().await;
        world.crm.put([("A".into(), theirs.clone())]);
        assert_eq!(world.inbound().await.counts.updated, 1);
        assert_eq!(world.here("A"), Some(theirs));
        world.check_audit("A").await;
    }
}

/// Fingerprints that can't be kept hold nothing up: the echo is applied and changes nothing.
#[tokio::test]
async fn without_fingerprints_the_echo_is_a_noop() {
    struct Away;

    #[async_trait]
    impl WriteRecorder<Deal, MemoryTx> for Away {
        async fn record_writes(
            &self,
            _: &mut MemoryTx,
            _: &Scope,
            _: &[(ExternalId, Deal)],
        ) -> Result<(), LoopbackError> {
            Err(LoopbackError("unplugged".into()))
        }
    }

    let world = World::new(ConflictRule::Ask).await;
    world.shared("A", deal("Big", "Open")).await;
    world.edit("A", |deal| deal.stage = Some("Won".into())).await;
    let report = world.writeback().recorder(Arc::new(Away)).execute(world.request()).await.unwrap();
    assert_eq!(report.counts.updated, 1);
    let degraded = report.degraded.unwrap();
    assert!(
        degraded.contains("could not be kept (the fingerprint store is unavailable: unplugged)"),
        "{degraded}"
    );
    let report = world.inbound().await;
    assert_eq!((report.counts.noop, report.degraded), (1, None));
}

/// A change that was read before our write and is applied after it does not undo it.
#[tokio::test]
async fn older_change_does_not_undo_our_write() {
    let world = World::new(ConflictRule::Ask).await;
    world.shared("A", deal("Big", "Open")).await;
    let older = world.row("A").unwrap().version.unwrap();
    world.edit("A", |deal| deal.stage = Some("Won".into())).await;
    world.outbound().await;
    let late = Change::upsert("A", deal("Big", "Open")).version(older.0);
    let source = Arc::new(sync_memory::ScriptedSource::numbered([late]));
    world.engine().execute(world.request().mode(ReadMode::Full).source_override(source)).await.unwrap();
    assert_eq!(world.here("A"), Some(deal("Big", "Won")));
}

/// A write whose answer was lost, and which counts no longer, has no echo: somebody who makes the same of the record by
/// hand is heard.
#[tokio::test]
async fn write_that_counts_no_longer_has_no_echo() {
    let mut world = World::new(ConflictRule::RemoteWins).await;
    let long = Duration::from_secs(1_000_000);
    world.loopback = Some(MemoryLoopbackStore::with_clock(long, Arc::clone(&world.clock) as _));
    world.shared("A", deal("Big", "Open")).await;
    world.edit("A", |deal| deal.stage = Some("Won".into())).await;
    world.answers([Some(Answer::LostBefore)]);
    world.outbound().await;
    world.crm.put([("A".into(), deal("Big", "Lost"))]);
    world.later(100_000);
    world.outbound().await;
    assert_eq!(world.here("A"), Some(deal("Big", "Lost")));
    world.crm.put([("A".into(), deal("Big", "Won"))]);
    assert_eq!(world.inbound().await.counts.updated, 1);
    assert_eq!(world.here("A"), Some(deal("Big", "Won")));
}
