//! Runs and items are recorded, once, and stay.

use super::fixture::StoreFixture;
use super::setup::{
    at, commit, ids, item, new_run, open_run, read_items, read_runs, subscribe, subscribe_as,
};
use crate::{
    Action, Counts, Cursor, Direction, ItemStatus, NewRun, RunEnd, RunId, RunRecorder, RunStatus, Scope,
    Store, StoreError, UnitOfWork,
};

/// A run that was opened reads as running, with everything it was opened with.
pub async fn opened_run_is_running<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let opened = NewRun {
        direction: Direction::Outbound,
        action: Action::Writeback,
        cursor_before: Some(Cursor::new("7")),
        started_at: at(5),
        ..new_run()
    };
    commit(&*store, async |tx| store.open_run(tx, &scope, &opened).await.unwrap()).await;
    let run = &read_runs(&*store, &scope).await[0];
    assert_eq!((run.id, run.subscription, run.tenant.clone()), (opened.id, scope.subscription, None));
    assert_eq!((run.entity.as_str(), run.direction, run.action), ("sample", opened.direction, opened.action));
    assert_eq!((run.status, run.counts), (RunStatus::Running, Counts::default()));
    assert_eq!((run.cursor_before.as_ref(), run.started_at), (opened.cursor_before.as_ref(), at(5)));
    assert_eq!((run.finished_at, run.duration_ms, run.error.as_ref()), (None, None, None));
}

/// A run that was closed reads as it was closed, with its duration.
pub async fn closed_run_reads_as_closed<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    for status in [RunStatus::Success, RunStatus::NoChanges, RunStatus::Failed, RunStatus::Cancelled] {
        let run = open_run(&*store, &scope).await;
        let (error, degraded) = (Some("why\0 'not'".to_owned()), Some("without\0 'this'".to_owned()));
        let closed = RunEnd { status, error, degraded, ..end() };
        commit(&*store, async |tx| store.close_run(tx, &scope, run, &closed).await.unwrap()).await;
        let run = &read_runs(&*store, &scope).await[0];
        assert_eq!(
            (run.status, run.counts, run.cursor_after.as_ref()),
            (status, counts(), closed.cursor_after.as_ref())
        );
        assert_eq!((run.finished_at, run.duration_ms), (Some(at(2)), Some(2_000)));
        assert_eq!(run.error.as_deref(), Some("why\u{FFFD} 'not'"));
        assert_eq!(run.degraded.as_deref(), Some("without\u{FFFD} 'this'"));
    }
}

/// INV-REC-1: items are seen with their transaction, in the order of their numbers.
pub async fn items_come_with_their_transaction<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let run = open_run(&*store, &scope).await;
    let items: Vec<_> = (1..).zip(["r3", "r1", "r3"]).map(|(seq, id)| item(seq, id)).collect();
    commit(&*store, async |tx| store.record_items(tx, &scope, run, &items[..2], at(1)).await.unwrap()).await;
    let mut tx = store.begin_across_tenants().await.unwrap();
    store.record_items(&mut tx, &scope, run, &items[2..], at(2)).await.unwrap();
    store.rollback(tx).await.unwrap();
    let read = read_items(&*store, &scope, run).await;
    assert_eq!(read.iter().map(|recorded| recorded.item.clone()).collect::<Vec<_>>(), items[..2]);
    assert!(read.iter().all(|recorded| recorded.run == run && recorded.recorded_at == at(1)));
}

/// INV-REC-1: items that were undone to a savepoint may be recorded anew under the same numbers.
pub async fn items_go_with_their_savepoint<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let run = open_run(&*store, &scope).await;
    commit(&*store, async |tx| {
        store.savepoint(tx).await.unwrap();
        store.record_items(tx, &scope, run, &[item(1, "undone")], at(1)).await.unwrap();
        store.rollback_to_savepoint(tx).await.unwrap();
        store.record_items(tx, &scope, run, &[item(1, "kept")], at(1)).await.unwrap();
    })
    .await;
    let read = read_items(&*store, &scope, run).await;
    assert_eq!(read.iter().map(|recorded| recorded.item.external_id.as_str()).collect::<Vec<_>>(), ["kept"]);
}

/// INV-REC-1, INV-UOW-2: a number is recorded once in a run; the statement that fails for it takes nothing else along.
pub async fn taken_number_fails_its_call_only<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let run = open_run(&*store, &scope).await;
    commit(&*store, async |tx| {
        store.record_items(tx, &scope, run, &[item(1, "first")], at(1)).await.unwrap();
        store.savepoint(tx).await.unwrap();
        store.record_items(tx, &scope, run, &[item(2, "new"), item(1, "again")], at(1)).await.unwrap_err();
        store.rollback_to_savepoint(tx).await.unwrap();
        store.record_items(tx, &scope, run, &[item(2, "second")], at(1)).await.unwrap();
    })
    .await;
    let read = read_items(&*store, &scope, run).await;
    let ids: Vec<_> = read.iter().map(|recorded| recorded.item.external_id.as_str()).collect();
    assert_eq!(ids, ["first", "second"]);
}

/// INV-REC-1: every part of an item comes back, of each status and operation.
pub async fn items_come_back_whole<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let run = open_run(&*store, &scope).await;
    let items = super::setup::items_of_every_kind();
    commit(&*store, async |tx| store.record_items(tx, &scope, run, &items, at(1)).await.unwrap()).await;
    let read: Vec<_> =
        read_items(&*store, &scope, run).await.into_iter().map(|recorded| recorded.item).collect();
    assert_eq!(read, items);
}

/// INV-REC-1: a batch of thousands is recorded in one call, and an empty one is no error.
pub async fn thousands_of_items_at_once<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let run = open_run(&*store, &scope).await;
    let items: Vec<_> = (1..).zip(ids(5_000)).map(|(seq, id)| item(seq, id.as_str())).collect();
    commit(&*store, async |tx| {
        store.record_items(tx, &scope, run, &[], at(1)).await.unwrap();
        store.record_items(tx, &scope, run, &items, at(1)).await.unwrap();
    })
    .await;
    let read = read_items(&*store, &scope, run).await;
    assert_eq!(read.len(), items.len());
    assert!(read.iter().zip(&items).all(|(read, written)| read.item == *written));
}

/// Text that a database can't keep is replaced, never an error; text that it can keep is kept, however long.
pub async fn odd_text_in_items_is_no_error<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let run = open_run(&*store, &scope).await;
    let mut odd = item(1, "r1");
    odd.status = ItemStatus::Failed;
    odd.title = Some("a\0b".into());
    odd.error = Some("\0".to_owned());
    odd.reason = Some("\0\0 end".into());
    let mut long = item(2, "r2");
    long.title = Some("ü".repeat(200_000).into());
    long.error = Some("x".repeat(300_000));
    commit(&*store, async |tx| {
        store.record_items(tx, &scope, run, &[odd, long.clone()], at(1)).await.unwrap();
    })
    .await;
    let read = read_items(&*store, &scope, run).await;
    assert_eq!(read[0].item.title.as_deref(), Some("a\u{FFFD}b"));
    assert_eq!(read[0].item.error.as_deref(), Some("\u{FFFD}"));
    assert_eq!(read[0].item.reason.as_deref(), Some("\u{FFFD}\u{FFFD} end"));
    assert_eq!(read[1].item, long);
}

/// A failed item may quote, in its changed fields, the very text that could not be written.
pub async fn odd_text_in_changed_fields_is_no_error<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let run = open_run(&*store, &scope).await;
    let mut odd = item(1, "r1");
    odd.status = ItemStatus::Failed;
    odd.changed_fields = super::setup::name_change(r"keeps \u0000 as text", "a\0b");
    commit(&*store, async |tx| store.record_items(tx, &scope, run, &[odd], at(1)).await.unwrap()).await;
    let read = read_items(&*store, &scope, run).await;
    let name = read[0].item.changed_fields.get("name").unwrap();
    assert_eq!(name.from, crate::FieldValue::Text(r"keeps \u0000 as text".to_owned()));
    let kept = [crate::FieldValue::Text("a\0b".to_owned()), crate::FieldValue::Text("a\u{FFFD}b".to_owned())];
    assert!(kept.contains(&name.to), "{:?}", name.to);
}

/// INV-REC-2: a batch number is accepted once; the second time nothing is written.
pub async fn batch_is_accepted_once<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let run = open_run(&*store, &scope).await;
    assert!(progress(&*store, &scope, run, 1, counts(), "1").await.unwrap());
    assert!(!progress(&*store, &scope, run, 1, Counts::default(), "0").await.unwrap());
    let read = &read_runs(&*store, &scope).await[0];
    assert_eq!((read.counts, read.cursor_after.clone()), (counts(), Some(Cursor::new("1"))));
    let more = Counts { found: 20, created: 12, ..counts() };
    assert!(progress(&*store, &scope, run, 2, more, "2").await.unwrap());
    let read = &read_runs(&*store, &scope).await[0];
    assert_eq!((read.counts, read.cursor_after.clone()), (more, Some(Cursor::new("2"))));
    assert_eq!(read.status, RunStatus::Running);
}

/// INV-REC-2: a batch that was rolled back was not accepted and comes again.
pub async fn rolled_back_batch_comes_again<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let run = open_run(&*store, &scope).await;
    let mut tx = store.begin_across_tenants().await.unwrap();
    assert!(store.record_progress(&mut tx, &scope, run, 1, &counts(), None).await.unwrap());
    store.rollback(tx).await.unwrap();
    assert!(progress(&*store, &scope, run, 1, counts(), "1").await.unwrap());
}

/// INV-REC-2: runs count their batches apart.
pub async fn batches_are_per_run<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let (one, other) = (open_run(&*store, &scope).await, open_run(&*store, &scope).await);
    assert!(progress(&*store, &scope, one, 1, counts(), "1").await.unwrap());
    assert!(progress(&*store, &scope, other, 1, counts(), "1").await.unwrap());
}

/// INV-REC-3: a run that ended can't be closed again, nor have more batches, and reads as it ended.
pub async fn ended_run_stays_as_it_ended<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let run = open_run(&*store, &scope).await;
    commit(&*store, async |tx| store.close_run(tx, &scope, run, &end()).await.unwrap()).await;
    let ended = read_runs(&*store, &scope).await;
    let refused = close(&*store, &scope, run).await.unwrap_err();
    assert!(matches!(refused, StoreError::Fenced), "{refused:?}");
    let refused = progress(&*store, &scope, run, 1, Counts::default(), "9").await.unwrap_err();
    assert!(matches!(refused, StoreError::Fenced), "{refused:?}");
    assert_eq!(read_runs(&*store, &scope).await, ended);
}

/// INV-REC-3: a run that was closed as stale is fenced: the process that still believes in it commits nothing more.
pub async fn stale_run_is_fenced<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let run = open_run(&*store, &scope).await;
    close_stale(&*store, &scope).await;
    let refused = progress(&*store, &scope, run, 1, Counts::default(), "9").await.unwrap_err();
    assert!(matches!(refused, StoreError::Fenced), "{refused:?}");
    let refused = close(&*store, &scope, run).await.unwrap_err();
    assert!(matches!(refused, StoreError::Fenced), "{refused:?}");
}

/// Runs that a dead process left are closed as failed, with what their last committed batch said; runs that ended
/// and runs of other subscriptions are left alone.
pub async fn stale_runs_are_closed<F: StoreFixture>(f: F) {
    let store = f.store();
    let scope = subscribe(&*store).await;
    let other = subscribe_as(&*store, None, "other").await;
    let ended = open_run(&*store, &scope).await;
    close(&*store, &scope, ended).await.unwrap();
    let (left, empty) = (open_run(&*store, &scope).await, open_run(&*store, &scope).await);
    progress(&*store, &scope, left, 1, counts(), "5").await.unwrap();
    open_run(&*store, &other).await;
    let before = read_runs(&*store, &scope).await;

    let mut closed = close_stale(&*store, &scope).await;
    closed.sort();
    let mut expected = [left, empty];
    expected.sort();
    assert_eq!(closed, expected);
    assert!(close_stale(&*store, &scope).await.is_empty());

    let after = read_runs(&*store, &scope).await;
    let run = after.iter().find(|run| run.id == left).unwrap();
    assert_eq!((run.status, run.error.as_deref()), (RunStatus::Failed, Some("the process died")));
    assert_eq!((run.counts, run.cursor_after.clone()), (counts(), Some(Cursor::new("5"))));
    assert_eq!((run.finished_at, run.duration_ms), (Some(at(90)), Some(90_000)));
    assert!(after.contains(before.iter().find(|run| run.id == ended).unwrap()));
    assert_eq!(read_runs(&*store, &other).await[0].status, RunStatus::Running);
}

fn counts() -> Counts {
    Counts { found: 10, created: 2, updated: 1, deleted: 1, restored: 1, noop: 3, skipped: 1, parked: 1 }
}

fn end() -> RunEnd {
    RunEnd {
        status: RunStatus::Success,
        counts: counts(),
        cursor_after: Some(Cursor::new("8")),
        finished_at: at(2),
        error: None,
        degraded: None,
    }
}

async fn progress<S: Store>(
    store: &S,
    scope: &Scope,
    run: RunId,
    batch: i64,
    counts: Counts,
    cursor: &str,
) -> Result<bool, StoreError> {
    let mut tx = store.begin_across_tenants().await.unwrap();
    let cursor = Cursor::new(cursor);
    let answer = store.record_progress(&mut tx, scope, run, batch, &counts, Some(&cursor)).await;
    if answer.is_ok() {
        store.commit(tx).await.unwrap();
    }
    answer
}

async fn close<S: Store>(store: &S, scope: &Scope, run: RunId) -> Result<(), StoreError> {
    let mut tx = store.begin_across_tenants().await.unwrap();
    let answer = store.close_run(&mut tx, scope, run, &end()).await;
    if answer.is_ok() {
        store.commit(tx).await.unwrap();
    }
    answer
}

async fn close_stale<S: Store>(store: &S, scope: &Scope) -> Vec<RunId> {
    commit(store, async |tx| store.close_stale_runs(tx, scope, at(90), "the process died").await.unwrap())
        .await
}
