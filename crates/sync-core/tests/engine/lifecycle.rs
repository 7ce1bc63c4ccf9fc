//! Runs from their opening to their end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sync_core::*;
use tokio_util::sync::CancellationToken;

use crate::world::{Deal, World, deal, seen};

/// R1: with multi-tenancy on, a missing tenant fails before any run is opened.
#[tokio::test]
async fn missing_tenant_opens_no_run() {
    let mut world = World::new().await;
    world.options.multi_tenant = true;
    world.says([seen("A", deal("a", "new"), 1)]);
    let error = world.engine().execute(world.request()).await.unwrap_err();
    assert!(matches!(error, SyncError::MissingTenantId(_)), "{error}");
    assert!(world.runs().await.is_empty());
    assert!(world.script.asked.lock().unwrap().is_empty(), "the source was not asked");
}

/// R1: a tenant that is not the subscription's is refused the same way.
#[tokio::test]
async fn another_tenant_is_refused() {
    let world = World::new().await;
    let request = RunRequest { tenant_id: Some("other".into()), ..world.request() };
    assert!(matches!(world.engine().execute(request).await, Err(SyncError::WrongTenant)));
    assert!(world.runs().await.is_empty());
}

/// R2: a run tells its cursors, counts and duration when it has ended.
#[tokio::test]
async fn run_tells_what_it_did() {
    let world = World::new().await;
    world.sync([seen("A", deal("a", "new"), 1)]).await;
    let report = world.sync([seen("A", deal("a", "won"), 2), seen("B", deal("b", "new"), 3)]).await;
    let run = world.runs().await.into_iter().find(|run| run.id == report.run).unwrap();
    assert_eq!(
        (run.status, run.direction, run.action),
        (RunStatus::Success, Direction::Inbound, Action::Poll)
    );
    assert_eq!((run.counts.found, run.counts.updated, run.counts.created), (2, 1, 1));
    assert_eq!(run.cursor_before.unwrap().as_str(), "1");
    assert_eq!(run.cursor_after.unwrap().as_str(), "3");
    assert!(run.finished_at.is_some() && run.duration_ms.is_some() && run.error.is_none());
}

/// R2: a run that found nothing says so and keeps the cursor.
#[tokio::test]
async fn quiet_run_has_no_changes() {
    let world = World::new().await;
    world.sync([seen("A", deal("a", "new"), 1)]).await;
    let report = world.sync([]).await;
    assert_eq!(report.status, RunStatus::NoChanges);
    assert_eq!(report.cursor_after.unwrap().as_str(), "1");
    assert_eq!(world.cursor().await.as_deref(), Some("1"), "R5: never overwritten with nothing");
}

/// R5: a source that breaks off midway leaves the run failed, with everything before applied and the cursor there.
#[tokio::test]
async fn source_breaking_off_keeps_what_came_before() {
    let world = World::new().await;
    world.then_breaks(|| SourceError::Transient { call: "query", source: "reset".into() });
    let report = world.sync([seen("A", deal("a", "new"), 1), seen("B", deal("b", "new"), 2)]).await;
    assert_eq!(report.status, RunStatus::Failed);
    assert_eq!(report.counts.created, 2);
    assert_eq!(world.cursor().await.as_deref(), Some("2"));
    assert_eq!(
        world.runs().await[0].error.as_deref(),
        Some("query failed for now; the next run resumes from the cursor: reset")
    );
}

/// R5: a source that fails before its first change leaves the cursor alone.
#[tokio::test]
async fn source_failing_at_once_leaves_the_cursor() {
    let world = World::new().await;
    world.sync([seen("A", deal("a", "new"), 1)]).await;
    world.then_breaks(|| SourceError::Permanent { call: "query", code: "X".into(), reason: "no".into() });
    let report = world.sync([]).await;
    assert_eq!(report.status, RunStatus::Failed);
    assert_eq!(world.cursor().await.as_deref(), Some("1"));
}

/// R5: changes without a position (webhooks, overlaps) never move the cursor.
#[tokio::test]
async fn changes_without_position_leave_the_cursor() {
    let world = World::new().await;
    world.sync([seen("A", deal("a", "new"), 1)]).await;
    world.sync([Change::upsert("B", deal("b", "new"))]).await;
    assert_eq!(world.cursor().await.as_deref(), Some("1"));
}

/// R12: a second run of the same subscription is refused while the first holds the lease, and opens nothing.
#[tokio::test]
async fn second_run_is_refused_while_the_first_goes_on() {
    let world = World::new().await;
    let mut tx = world.store.begin().await.unwrap();
    let now = world.clock.now();
    world
        .store
        .acquire(&mut tx, &world.scope(), &"other".into(), now, Duration::from_secs(60))
        .await
        .unwrap();
    world.store.commit(tx).await.unwrap();
    let error = world.engine().execute(world.request()).await.unwrap_err();
    assert!(
        matches!(&error, SyncError::AlreadyRunning { holder, .. } if holder.as_str() == "other"),
        "{error}"
    );
    assert!(world.runs().await.is_empty());
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(world.sync([seen("A", deal("a", "new"), 1)]).await.status, RunStatus::Success);
}

/// R12: runs left `running` by a dead process are closed as failed when the next run takes the lease.
#[tokio::test]
async fn abandoned_run_is_closed_by_the_next() {
    let world = World::new().await;
    let abandoned = RunId(uuid::Uuid::now_v7());
    let mut tx = world.store.begin().await.unwrap();
    let run = NewRun {
        id: abandoned,
        direction: Direction::Inbound,
        action: Action::Poll,
        cursor_before: None,
        started_at: world.clock.now(),
    };
    world.store.open_run(&mut tx, &world.scope(), &run).await.unwrap();
    world.store.commit(tx).await.unwrap();
    world.run().await;
    let run = world.runs().await.into_iter().find(|run| run.id == abandoned).unwrap();
    assert_eq!(run.status, RunStatus::Failed);
    assert!(run.error.unwrap().contains("process ended"));
}

/// R12: a holder whose lease was taken over can't commit: its batch is undone, and it touches the run no more.
#[tokio::test]
async fn stale_holder_commits_nothing() {
    /// Lets another take the lease as soon as the source is read.
    struct TakenOver(Arc<sync_memory::MemoryStore>, Scope, chrono::DateTime<chrono::Utc>);

    impl ChangeSource<Deal> for TakenOver {
        fn label(&self) -> String {
            "taken-over".into()
        }

        fn list_changes(&self, _: &Subscription, _: Option<&Cursor>) -> ChangeStream<Deal> {
            let (store, scope, now) = (Arc::clone(&self.0), self.1.clone(), self.2);
            Box::pin(futures_util::stream::once(async move {
                let mut tx = store.begin().await.unwrap();
                let later = now + Duration::from_secs(3_600);
                store
                    .acquire(&mut tx, &scope, &"thief".into(), later, Duration::from_secs(60))
                    .await
                    .unwrap();
                store.commit(tx).await.unwrap();
                Ok(seen("A", deal("a", "new"), 1))
            }))
        }
    }

    let world = World::new().await;
    let source = TakenOver(Arc::clone(&world.store), world.scope(), world.clock.now());
    let engine = world.builder().source(Arc::new(source)).build().unwrap();
    let report = engine.execute(world.request()).await.unwrap();
    assert!(matches!(report.failure, Some(RunFailure::Store(StoreError::Fenced))), "{:?}", report.failure);
    assert!(world.row("A").await.is_none());
    assert_eq!(world.cursor().await, None);
    assert_eq!(world.runs().await[0].status, RunStatus::Running, "left for the new holder to close");
}

/// R12: a source that is silent for long does not lose the lease.
#[tokio::test(start_paused = true)]
async fn lease_is_renewed_while_the_source_is_silent() {
    struct Slow(Arc<crate::world::SteppedClock>);

    impl ChangeSource<Deal> for Slow {
        fn label(&self) -> String {
            "slow".into()
        }

        fn list_changes(&self, _: &Subscription, _: Option<&Cursor>) -> ChangeStream<Deal> {
            let clock = Arc::clone(&self.0);
            Box::pin(futures_util::stream::once(async move {
                for _ in 0..100 {
                    tokio::time::sleep(Duration::from_secs(3)).await;
                    clock.advance(Duration::from_secs(3));
                }
                Ok(seen("A", deal("a", "new"), 1))
            }))
        }
    }

    let world = World::new().await;
    let engine = world.builder().source(Arc::new(Slow(Arc::clone(&world.clock)))).build().unwrap();
    let run = tokio::spawn({
        let request = world.request();
        async move { engine.execute(request).await }
    });
    tokio::time::sleep(Duration::from_secs(200)).await;
    let mut tx = world.store.begin().await.unwrap();
    let now = world.clock.now();
    let thief =
        world.store.acquire(&mut tx, &world.scope(), &"thief".into(), now, Duration::from_secs(60)).await;
    assert!(matches!(thief.unwrap(), Acquired::Busy { .. }));
    drop(tx);
    assert_eq!(run.await.unwrap().unwrap().counts.created, 1);
}

/// R18: cancellation ends the run after the batch in hand; it closes as cancelled and the next resumes.
#[tokio::test]
async fn cancelled_run_resumes_from_its_cursor() {
    struct CancelAfterFirst(CancellationToken, AtomicBool);

    impl RunObserver for CancelAfterFirst {
        fn batch_committed(&self, _: &Counts) {
            self.0.cancel();
            self.1.store(true, Ordering::SeqCst);
        }
    }

    let mut world = World::new().await;
    world.options.batch_size = 2.try_into().unwrap();
    world.says((1..=6).map(|n| seen(&format!("R{n}"), deal("r", "new"), n)));
    let token = CancellationToken::new();
    let observer = Arc::new(CancelAfterFirst(token.clone(), AtomicBool::new(false)));
    let request = world.request().cancel(token).observer(Arc::clone(&observer) as _);
    let report = world.engine().execute(request).await.unwrap();
    assert!(observer.1.load(Ordering::SeqCst));
    assert_eq!(report.status, RunStatus::Cancelled);
    assert_eq!(report.counts.created, 2);
    assert_eq!(world.cursor().await.as_deref(), Some("2"));
    assert_eq!(world.runs().await[0].status, RunStatus::Cancelled);
    world.sync([]).await;
    assert_eq!(world.script.asked.lock().unwrap().last().unwrap().as_deref(), Some("2"));
}

/// R18: a spent API budget ends a run cleanly, as cancelled; it is no failure.
#[tokio::test]
async fn spent_budget_is_no_failure() {
    let world = World::new().await;
    world.then_breaks(|| SourceError::BudgetSpent { used: 12_000, max: 15_000 });
    let report = world.sync([seen("A", deal("a", "new"), 1)]).await;
    assert_eq!(report.status, RunStatus::Cancelled);
    assert_eq!(report.counts.created, 1);
    assert!(world.runs().await[0].error.as_deref().unwrap().contains("API budget"));
}

/// R2: what can't be run opens no run: a paused subscription, or one of another entity.
#[tokio::test]
async fn what_cannot_run_opens_nothing() {
    let world = World::new().await;
    let mut paused = world.request();
    paused.subscription.paused = true;
    assert!(matches!(world.engine().execute(paused).await, Err(SyncError::Paused)));
    let mut other = world.request();
    other.subscription.domain = "lead".into();
    let error = world.engine().execute(other).await.unwrap_err();
    assert_eq!(error.to_string(), "the subscription is for `lead`, this engine syncs `deal`");
    assert!(world.runs().await.is_empty());
}

/// R2: an engine that lacks parts can't be built, and the error names all of them.
#[test]
fn missing_parts_are_named_together() {
    let error = ExecuteSync::<Deal, sync_memory::MemoryStore>::builder().build().err().unwrap();
    assert_eq!(error.missing, ["store", "sink", "source"]);
    assert_eq!(
        error.to_string(),
        "the `deal` sync can't be built, these parts are missing: store, sink, source"
    );
}
