//! Changes that could not be applied: parked, tried again, folded, superseded.

use std::time::Duration;

use sync_core::*;

use crate::world::{Deal, World, deal, gone, seen};

async fn park(world: &World, id: &str) -> RunReport {
    world.sink.refused.lock().unwrap().insert(id.to_owned(), true);
    let report = world.sync([seen(id, deal("parked", "new"), 1), seen("ok", deal("ok", "new"), 2)]).await;
    world.sink.refused.lock().unwrap().clear();
    report
}

fn unreadable(id: &str) -> Change<Deal> {
    let payload = Payload::Unreadable(Unreadable { reason: "Amount is too long".into(), raw: "{}".into() });
    Change::new(id, payload).at(Cursor::new("1"))
}

/// R11: a failing change is parked with its payload while the cursor moves past it.
#[tokio::test]
async fn failing_change_is_parked_with_its_payload() {
    let world = World::new().await;
    let report = park(&world, "A").await;
    let letter = world.letters().await.remove(0);
    assert_eq!((letter.external_id.as_str(), letter.attempts), ("A", 1));
    assert_eq!((letter.error_class.as_str(), letter.error.as_str()), ("constraint", "refused by the test"));
    assert_eq!(letter.run, report.run);
    assert_eq!(letter.payload.restore::<Deal>(), Change::upsert("A", deal("parked", "new")).payload);
    assert_eq!(world.cursor().await.as_deref(), Some("2"));
}

/// R11: it is tried again by a later run once its time has come, with backoff, and closed when it lands.
#[tokio::test]
async fn parked_change_is_tried_again_with_backoff() {
    let world = World::new().await;
    park(&world, "A").await;
    assert_eq!(world.sync([]).await.counts.found, 0, "its time has not come");
    world.sink.refused.lock().unwrap().insert("A".into(), true);
    world.clock.advance(Duration::from_secs(61));
    let again = world.sync([]).await;
    assert_eq!((again.counts.found, again.counts.parked), (1, 1));
    assert_eq!(world.letters().await[0].attempts, 2);
    world.sink.refused.lock().unwrap().clear();
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(world.sync([]).await.counts.found, 0, "the second wait is twice as long");
    world.clock.advance(Duration::from_secs(61));
    let landed = world.sync([]).await;
    assert_eq!(world.story(&landed).await, ["A created/success"]);
    assert!(world.letters().await.is_empty());
}

/// R11: an operator's replay makes it due at once.
#[tokio::test]
async fn replay_does_not_wait() {
    let world = World::new().await;
    park(&world, "A").await;
    let mut tx = world.store.begin().await.unwrap();
    let filter = DeadLetterFilter { error_class: Some("constraint".into()), ..DeadLetterFilter::default() };
    let due = world.store.make_due(&mut tx, &world.scope(), &filter, world.clock.now()).await.unwrap();
    world.store.commit(tx).await.unwrap();
    assert_eq!(due, 1);
    let report = world.engine().execute(world.request().action(Action::Replay)).await.unwrap();
    assert_eq!(report.counts.created, 1);
}

/// R11: a later full record supersedes the parked one, which then never comes back.
#[tokio::test]
async fn later_full_record_supersedes() {
    let world = World::new().await;
    park(&world, "A").await;
    world.sync([seen("A", deal("newer", "won"), 3)]).await;
    assert!(world.letters().await.is_empty());
    world.clock.advance(Duration::from_secs(86_400));
    assert_eq!(world.sync([]).await.counts.found, 0);
    assert_eq!(world.row("A").await.unwrap().record, deal("newer", "won"));
}

/// R11: so does a later deletion.
#[tokio::test]
async fn later_deletion_supersedes() {
    let world = World::new().await;
    park(&world, "A").await;
    world.sync([gone("A", 3)]).await;
    assert!(world.letters().await.is_empty());
}

/// R11: a later partial record has the parked fields folded in first; its own win.
#[tokio::test]
async fn parked_fields_are_folded_into_a_later_partial_record() {
    let world = World::new().await;
    world.sync([seen("A", Deal { amount: Some(1), ..deal("old", "old") }, 1)]).await;
    world.sink.refused.lock().unwrap().insert("A".into(), true);
    world
        .sync([
            seen("A", Deal { amount: Some(2), ..deal("parked", "parked") }, 2),
            seen("ok", deal("o", "n"), 3),
        ])
        .await;
    world.sink.refused.lock().unwrap().clear();
    let sent = Deal { stage: Some("newest".into()), ..Deal::default() };
    let change = Change::partial("A", sent, FieldSet::named::<Deal>(["stage"])).at(Cursor::new("4"));
    world.sync([change]).await;
    let row = world.row("A").await.unwrap().record;
    assert_eq!(row, Deal { amount: Some(2), ..deal("parked", "newest") });
    assert!(world.letters().await.is_empty());
}

/// R11, R14: nothing old overwrites anything new: a parked change older than the row is dropped as superseded.
#[tokio::test]
async fn parked_change_older_than_the_row_is_dropped() {
    let world = World::new().await;
    world.sink.refused.lock().unwrap().insert("A".into(), true);
    world.sync([seen("A", deal("parked", "old"), 1).version(5), seen("ok", deal("o", "n"), 2)]).await;
    world.sink.refused.lock().unwrap().clear();
    // The row is written by another feed meanwhile.
    let mut tx = world.store.begin().await.unwrap();
    let newer = Upsert {
        external_id: "A".into(),
        local_id: LocalId::from(uuid::Uuid::now_v7()),
        record: deal("newer", "won"),
        version: Some(Version(9)),
        exists: false,
    };
    world.sink.upsert_many(&mut tx, &world.scope(), &[newer], world.clock.now()).await.unwrap();
    world.store.commit(tx).await.unwrap();
    world.clock.advance(Duration::from_secs(61));
    let report = world.sync([]).await;
    assert_eq!(world.story(&report).await, ["A noop/skipped"]);
    assert!(world.letters().await.is_empty());
    assert_eq!(world.row("A").await.unwrap().record, deal("newer", "won"));
}

/// R4, R11: a record that could not be mapped is parked, and fetched by id when it is tried again.
#[tokio::test]
async fn unreadable_record_is_fetched_when_tried_again() {
    let world = World::new().await;
    let report = world.sync([unreadable("A"), seen("ok", deal("o", "n"), 2)]).await;
    assert_eq!(world.story(&report).await, ["A created/failed", "ok created/success"]);
    assert_eq!(world.items(&report).await[0].error.as_deref(), Some("Amount is too long"));
    world.shelf.put("A", deal("mended", "new"));
    world.clock.advance(Duration::from_secs(61));
    let again = world.sync([]).await;
    assert_eq!(world.story(&again).await, ["A created/success"]);
    assert!(world.letters().await.is_empty());
}

/// R11: so is one that the feed's filters turn out to leave out; it is not wanted here and waits no longer.
#[tokio::test]
async fn unreadable_record_that_is_filtered_out_is_let_go() {
    let world = World::new().await;
    world.sync([unreadable("A"), seen("ok", deal("o", "n"), 2)]).await;
    world.shelf.leave_out("A");
    world.clock.advance(Duration::from_secs(61));
    let again = world.sync([]).await;
    assert_eq!(world.story(&again).await, ["A noop/skipped"]);
    assert!(world.letters().await.is_empty());
    assert!(world.row("A").await.is_none());
}

/// R11: several failed changes of one record in a batch are one letter, the newest on top.
#[tokio::test]
async fn failed_changes_of_one_record_are_one_letter() {
    let world = World::new().await;
    world.sink.refused.lock().unwrap().insert("A".into(), true);
    let sent = Deal { stage: Some("second".into()), ..Deal::default() };
    world
        .sync([
            seen("A", deal("first", "first"), 1),
            Change::partial("A", sent, FieldSet::named::<Deal>(["stage"])).at(Cursor::new("2")),
            seen("ok", deal("o", "n"), 3),
        ])
        .await;
    let letters = world.letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].payload.restore::<Deal>(), Change::upsert("A", deal("first", "second")).payload);
}

/// R11: the original's way, to leave failures behind, has to be chosen.
#[tokio::test]
async fn failures_can_be_passed_over() {
    let mut world = World::new().await;
    world.options.failures = FailurePolicy::PassOver;
    let report = park(&world, "A").await;
    assert_eq!(report.counts.parked, 1);
    assert!(world.letters().await.is_empty());
    assert_eq!(world.cursor().await.as_deref(), Some("2"));
}
