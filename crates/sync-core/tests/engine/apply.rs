//! What becomes of changes: find, diff, apply, and failing records that hurt nobody else.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use sync_core::*;

use crate::world::{Deal, World, deal, gone, seen};

/// R3: created or updated is told by the local row; what did not change is a noop without a write.
#[tokio::test]
async fn operation_follows_the_local_row() {
    let world = World::new().await;
    let first = world.sync([seen("A", deal("a", "new"), 1)]).await;
    let second = world.sync([seen("A", deal("a", "won"), 2), seen("B", deal("b", "new"), 3)]).await;
    let writes_before = world.sink.upserts.lock().unwrap().len();
    let third = world.sync([seen("A", deal("a", "won"), 4)]).await;
    assert_eq!(world.story(&first).await, ["A created/success"]);
    assert_eq!(world.story(&second).await, ["A updated/success", "B created/success"]);
    assert_eq!(world.story(&third).await, ["A noop/success"]);
    assert_eq!(world.sink.upserts.lock().unwrap().len(), writes_before);
    assert_eq!(third.status, RunStatus::NoChanges);
}

/// R3: a deletion marks the row; of a row that is not there, or marked already, it is a noop.
#[tokio::test]
async fn deletion_of_nothing_is_a_noop() {
    let world = World::new().await;
    world.sync([seen("A", deal("a", "new"), 1)]).await;
    let report = world.sync([gone("A", 2), gone("A", 3), gone("Z", 4)]).await;
    assert_eq!(world.story(&report).await, ["A deleted/success", "A noop/success", "Z noop/success"]);
    assert!(world.row("A").await.unwrap().deleted);
    assert!(world.row("Z").await.is_none());
}

/// R3: a record that comes back after a deletion is restored, even if it comes back as it was.
#[tokio::test]
async fn returning_record_is_restored() {
    let world = World::new().await;
    world.sync([seen("A", deal("a", "new"), 1)]).await;
    world.sync([gone("A", 2)]).await;
    let report = world.sync([seen("A", deal("a", "new"), 3)]).await;
    assert_eq!(world.story(&report).await, ["A restored/success"]);
    assert!(!world.row("A").await.unwrap().deleted);
    assert_eq!(report.counts.restored, 1);
}

/// R4, R10: a record that can't be written stands alone; its neighbours land in the same run, whether the sink
/// names the culprit or not.
#[tokio::test]
async fn bad_record_does_not_hold_back_its_neighbours() {
    for named in [true, false] {
        let world = World::new().await;
        world.sink.refused.lock().unwrap().extend([("C".into(), named), ("F".into(), named)]);
        let ids = ["A", "B", "C", "D", "E", "F", "G"];
        let report = world.sync(ids.iter().zip(1..).map(|(id, n)| seen(id, deal(id, "new"), n))).await;
        assert_eq!(report.status, RunStatus::Success, "named: {named}");
        assert_eq!((report.counts.created, report.counts.parked), (5, 2), "named: {named}");
        for id in ids {
            assert_eq!(world.row(id).await.is_some(), !["C", "F"].contains(&id), "{id}, named: {named}");
        }
        let failed: Vec<_> =
            world.items(&report).await.into_iter().filter(|i| i.status == ItemStatus::Failed).collect();
        assert_eq!(failed.len(), 2);
        assert_eq!(failed[0].error.as_deref(), Some("refused by the test"));
        assert!(failed[0].changed_fields.is_empty(), "nothing was changed");
        assert_eq!(world.cursor().await.as_deref(), Some("7"));
    }
}

/// R4: a run in which every record failed is failed.
#[tokio::test]
async fn run_of_failures_only_is_failed() {
    let world = World::new().await;
    world.sink.refused.lock().unwrap().extend([("A".into(), true), ("B".into(), true)]);
    let report = world.sync([seen("A", deal("a", "new"), 1), seen("B", deal("b", "new"), 2)]).await;
    assert_eq!(report.status, RunStatus::Failed);
    assert!(matches!(report.failure, Some(RunFailure::AllFailed(2))));
    assert_eq!(world.cursor().await.as_deref(), Some("2"), "the changes are parked, the cursor may pass");
}

/// R4: the cursor can be told to wait instead when everything failed.
#[tokio::test]
async fn cursor_is_held_when_all_failed_and_so_configured() {
    let mut world = World::new().await;
    world.options.all_failed = AllFailedPolicy::Hold;
    world.sink.refused.lock().unwrap().insert("A".into(), true);
    world.sync([seen("A", deal("a", "new"), 1)]).await;
    assert_eq!(world.cursor().await, None);
}

/// R7: a sink that projects derived rows sees noops too; the audit still says noop.
#[tokio::test]
async fn reprojecting_sink_sees_noops() {
    let world = World::with_sink(|sink| sink.reprojects = true).await;
    world.sync([seen("A", deal("a", "new"), 1)]).await;
    let report = world.sync([seen("A", deal("a", "new"), 2)]).await;
    assert_eq!(*world.sink.upserts.lock().unwrap(), [1]);
    assert_eq!(*world.sink.reprojections.lock().unwrap(), [1]);
    assert_eq!(world.story(&report).await, ["A noop/success"]);
    assert_eq!(report.status, RunStatus::NoChanges);
}

/// R15: the same record twice in a batch keeps its order and gets an item each; the row is written once.
#[tokio::test]
async fn repeated_record_keeps_its_order() {
    let world = World::new().await;
    let report = world
        .sync([
            seen("A", deal("a", "new"), 1),
            seen("A", deal("a", "won"), 2),
            seen("A", deal("a", "won"), 3),
            seen("A", deal("a", "lost"), 4),
        ])
        .await;
    let story = ["A created/success", "A updated/success", "A noop/success", "A updated/success"];
    assert_eq!(world.story(&report).await, story);
    assert_eq!(world.row("A").await.unwrap().record.stage.as_deref(), Some("lost"));
    assert_eq!(*world.sink.upserts.lock().unwrap(), [1]);
    let steps: Vec<_> = world.items(&report).await;
    let step = |n: usize| steps[n].changed_fields.get("stage").map(|c| (c.from.to_json(), c.to.to_json()));
    assert_eq!(step(1), Some(("new".into(), "won".into())));
    assert_eq!(step(3), Some(("won".into(), "lost".into())));
}

/// R15: created, changed and deleted within one batch leaves a row that is marked as deleted and holds what the
/// audit tells.
#[tokio::test]
async fn record_deleted_in_the_batch_that_made_it_leaves_a_trace() {
    let world = World::new().await;
    let report =
        world.sync([seen("A", deal("a", "new"), 1), seen("A", deal("a", "won"), 2), gone("A", 3)]).await;
    assert_eq!(world.story(&report).await, ["A created/success", "A updated/success", "A deleted/success"]);
    let row = world.row("A").await.unwrap();
    assert!(row.deleted);
    assert_eq!(row.record.stage.as_deref(), Some("won"));
}

/// R6: an echo of our own write is recorded as skipped, the sink is not called, and the cursor moves on.
#[tokio::test]
async fn echo_is_skipped_and_passed() {
    struct Echoes;

    #[async_trait::async_trait]
    impl LoopbackFingerprintStore<Deal> for Echoes {
        async fn are_echoes(&self, _: &Scope, changes: &[Change<Deal>]) -> Result<Vec<bool>, LoopbackError> {
            Ok(changes.iter().map(|change| change.external_id.as_str() == "ours").collect())
        }
    }

    let world = World::new().await;
    world.says([seen("ours", deal("o", "new"), 1)]);
    let engine = world.builder().loopback(Arc::new(Echoes)).build().unwrap();
    let report = engine.execute(world.request()).await.unwrap();
    assert_eq!(world.story(&report).await, ["ours noop/skipped"]);
    assert_eq!(world.items(&report).await[0].reason.as_deref(), Some("echo of our own write"));
    assert!(world.sink.upserts.lock().unwrap().is_empty());
    assert_eq!(world.cursor().await.as_deref(), Some("1"));
    assert_eq!(report.status, RunStatus::NoChanges);
}

/// R6: a fingerprint store that can't answer holds nothing up.
#[tokio::test]
async fn sync_goes_on_without_the_fingerprint_store() {
    struct Down;

    #[async_trait::async_trait]
    impl LoopbackFingerprintStore<Deal> for Down {
        async fn are_echoes(&self, _: &Scope, _: &[Change<Deal>]) -> Result<Vec<bool>, LoopbackError> {
            Err(LoopbackError("no route".into()))
        }
    }

    let world = World::new().await;
    world.says([seen("A", deal("a", "new"), 1)]);
    let engine = world.builder().loopback(Arc::new(Down)).build().unwrap();
    let report = engine.execute(world.request()).await.unwrap();
    assert_eq!((report.status, report.counts.created), (RunStatus::Success, 1));
    let degraded = "echoes of own writes could not be told (the fingerprint store is unavailable: no route); they came \
                    in as changes of nothing";
    assert_eq!(report.degraded.as_deref(), Some(degraded));
    assert_eq!(world.runs().await[0].degraded, report.degraded);
}

/// R9: a batch whose store fails for a moment is tried again as a whole and counted once.
#[tokio::test(start_paused = true)]
async fn batch_is_tried_again_while_the_store_is_away() {
    let world = World::new().await;
    world.sink.store_faults.store(2, Ordering::SeqCst);
    let report = world.sync([seen("A", deal("a", "new"), 1), seen("A", deal("a", "won"), 2)]).await;
    assert_eq!(world.story(&report).await, ["A created/success", "A updated/success"]);
    assert_eq!(world.row("A").await.unwrap().record, deal("a", "won"));
    assert_eq!(report.counts.found, 2);
}

/// R9: a store that stays away ends the run as failed, with nothing of the batch applied.
#[tokio::test(start_paused = true)]
async fn run_fails_when_the_store_stays_away() {
    let world = World::new().await;
    world.sink.store_faults.store(u32::MAX, Ordering::SeqCst);
    let report = world.sync([seen("A", deal("a", "new"), 1)]).await;
    assert_eq!(report.status, RunStatus::Failed);
    assert!(world.row("A").await.is_none());
    assert_eq!(world.cursor().await, None);
    assert!(report.failure.unwrap().describe().contains("unplugged"));
}

/// R7: middleware wraps the source, the first outermost; what it leaves out is told and passed.
#[tokio::test]
async fn first_middleware_is_the_outermost() {
    use futures_util::StreamExt;

    struct Rename(&'static str);

    impl ChangeMiddleware<Deal> for Rename {
        fn wrap(&self, _: &Subscription, changes: ChangeStream<Deal>) -> ChangeStream<Deal> {
            let suffix = self.0;
            changes
                .map(move |change| {
                    change.map(|mut change| {
                        if let Payload::Upsert(record) = &mut change.payload {
                            record.value.name = record.value.name.take().map(|name| name + suffix);
                        }
                        change
                    })
                })
                .boxed()
        }
    }

    struct LeaveOut;

    impl ChangeMiddleware<Deal> for LeaveOut {
        fn wrap(&self, _: &Subscription, changes: ChangeStream<Deal>) -> ChangeStream<Deal> {
            changes
                .map(|change| {
                    change.map(|mut change| {
                        if change.external_id.as_str() == "B" {
                            change.payload = Payload::Skip("not ours".into());
                        }
                        change
                    })
                })
                .boxed()
        }
    }

    let world = World::new().await;
    world.says([seen("A", deal("a", "new"), 1), seen("B", deal("b", "new"), 2)]);
    let engine = world
        .builder()
        .middleware(Arc::new(Rename("-outer")))
        .middleware(Arc::new(Rename("-inner")))
        .middleware(Arc::new(LeaveOut))
        .build()
        .unwrap();
    let report = engine.execute(world.request()).await.unwrap();
    assert_eq!(world.row("A").await.unwrap().record.name.as_deref(), Some("a-inner-outer"));
    assert_eq!(world.story(&report).await, ["A created/success", "B noop/skipped"]);
    assert_eq!(world.cursor().await.as_deref(), Some("2"));
}
