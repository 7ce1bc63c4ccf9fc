//! Edits reach the CRM, once, and are recorded.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sync_core::*;

use crate::world::{Answer, Deal, World, deal};

/// R2, R16, R19: an edit is sent, recorded as any other run, and the audit folds to the row.
#[tokio::test]
async fn edit_is_sent_and_recorded() {
    let world = World::new(ConflictRule::Ask).await;
    world.shared("A", deal("Big", "Open")).await;
    world.edit("A", |deal| deal.stage = Some("Won".into())).await;
    world.edit("A", |deal| deal.custom.set("Tier__c", FieldValue::Text("gold".into()))).await;
    let report = world.outbound().await;
    assert_eq!((report.status, report.counts.updated), (RunStatus::Success, 1));
    assert_eq!(world.there("A"), world.here("A"));
    assert_eq!(world.there("A").unwrap().stage.as_deref(), Some("Won"));
    let run = world.store.recorder().latest_run(world.subscription.id).unwrap();
    assert_eq!((run.direction, run.action), (Direction::Outbound, Action::Writeback));
    let item = world.items(&report).remove(0);
    let stage = item.changed_fields.get("stage").unwrap();
    assert_eq!((&stage.from, &stage.to), (&FieldValue::Text("Open".into()), &FieldValue::Text("Won".into())));
    assert!(item.changed_fields.get("custom.Tier__c").is_some());
    world.check_audit("A").await;
    assert_eq!(world.outbound().await.status, RunStatus::NoChanges);
    assert_eq!(world.done(), ["update A"]);
}

/// What waits is not overwritten by what the CRM held before, and other fields go on.
#[tokio::test]
async fn edit_survives_what_comes_before_it_is_sent() {
    let world = World::new(ConflictRule::RemoteWins).await;
    world.shared("A", deal("Big", "Open")).await;
    world.edit("A", |deal| deal.stage = Some("Won".into())).await;
    world.crm.put([("A".into(), deal("Bigger", "Open"))]);
    world.inbound().await;
    assert_eq!(world.here("A"), Some(deal("Bigger", "Won")));
    world.outbound().await;
    assert_eq!(world.there("A"), Some(deal("Bigger", "Won")));
    world.check_audit("A").await;
}

/// Both sides made the same change: nothing is sent, and the audit tells it once.
#[tokio::test]
async fn same_change_on_both_sides_is_settled() {
    let world = World::new(ConflictRule::Ask).await;
    world.shared("A", deal("Big", "Open")).await;
    world.edit("A", |deal| deal.stage = Some("Won".into())).await;
    world.crm.put([("A".into(), deal("Big", "Won"))]);
    let report = world.inbound().await;
    assert_eq!(report.counts.updated, 1);
    world.check_audit("A").await;
    assert_eq!(world.outbound().await.status, RunStatus::NoChanges);
    assert_eq!(world.done(), Vec::<String>::new());
}

/// A deletion is sent; one that reached the CRM before is no second one.
#[tokio::test]
async fn deletion_is_sent_once() {
    let world = World::new(ConflictRule::Ask).await;
    world.shared("A", deal("Big", "Open")).await;
    world.delete("A").await;
    world.inbound().await;
    assert_eq!(world.here("A"), None);
    world.answers([Some(Answer::LostAfter)]);
    world.outbound().await;
    world.later(3_600);
    let report = world.outbound().await;
    assert_eq!(report.counts.deleted, 1);
    let last_image = world.items(&report).remove(0).last_image.unwrap();
    assert_eq!(last_image["name"], "Big");
    assert_eq!(world.done(), ["archive A"]);
    world.check_audit("A").await;
}

/// A lost answer is looked up: what is there is done, what is not is sent again.
#[tokio::test]
async fn lost_answers_are_looked_up() {
    let world = World::new(ConflictRule::Ask).await;
    for (id, answer) in [("A", Answer::LostAfter), ("B", Answer::LostBefore)] {
        world.shared(id, deal("Big", "Open")).await;
        world.edit(id, |deal| deal.stage = Some("Won".into())).await;
        world.answers([Some(answer)]);
        let report = world.outbound().await;
        assert_eq!((report.counts.parked, report.status), (1, RunStatus::Failed));
        assert_eq!(world.waiting().await[0].error_class.as_deref(), Some("in_doubt"));
        world.later(3_600);
        assert_eq!(world.outbound().await.counts.updated, 1);
        world.check_audit(id).await;
    }
    assert_eq!(world.done(), ["update A", "update B"]);
}

/// What a write whose answer was lost has made of the record is ours: a later edit has no conflict with it.
#[tokio::test]
async fn lost_answer_is_no_conflict_with_the_next_edit() {
    for inbound_first in [false, true] {
        let world = World::new(ConflictRule::Ask).await;
        world.shared("A", deal("Big", "Open")).await;
        world.edit("A", |deal| deal.stage = Some("Won".into())).await;
        world.answers([Some(Answer::LostAfter)]);
        world.outbound().await;
        world.edit("A", |deal| deal.stage = Some("Paused".into())).await;
        if inbound_first {
            world.inbound().await;
        }
        world.later(3_600);
        world.outbound().await;
        assert_eq!((world.conflicts().await, world.there("A")), (vec![], Some(deal("Big", "Paused"))));
        world.check_audit("A").await;
    }
}

/// An update whose answer was lost and that the CRM's own automation rewrote is sent again, and changes nothing there: no
/// change comes in, so what the record holds is looked up.
#[tokio::test]
async fn update_sent_again_is_looked_at_again() {
    let world = World::new(ConflictRule::LocalWins).await;
    world.shared("A", deal("Big", "Open")).await;
    world.edit("A", |deal| deal.stage = Some("Won".into())).await;
    *world.writer.automation.lock().unwrap() =
        Some(|deal| deal.stage = deal.stage.take().map(|s| s.to_uppercase()));
    world.answers([Some(Answer::LostAfter)]);
    world.outbound().await;
    world.inbound().await;
    world.later(3_600);
    world.outbound().await;
    assert_eq!(world.inbound().await.counts.found, 0);
    assert_eq!((world.here("A"), world.there("A")), (Some(deal("Big", "WON")), Some(deal("Big", "WON"))));
    assert_eq!(world.done(), ["update A", "update A"]);
    world.check_audit("A").await;
}

/// Looks up what the CRM holds, as slowly as it takes another process to take the subscription over.
struct Overtaken {
    crm: sync_memory::MemoryRemote<Deal>,
    store: Arc<sync_memory::MemoryStore>,
    scope: Scope,
    now: DateTime<Utc>,
}

#[async_trait]
impl RecordFetcher<Deal> for Overtaken {
    async fn fetch_many(
        &self,
        subscription: &Subscription,
        ids: &[ExternalId],
    ) -> Result<Vec<Fetched<Deal>>, SourceError> {
        let (holder, ttl) = (HolderId::from("another process"), Duration::from_secs(60));
        let mut tx = self.store.begin().await.unwrap();
        self.store.acquire(&mut tx, &self.scope, &holder, self.now + ttl * 2, ttl).await.unwrap();
        self.store.commit(tx).await.unwrap();
        self.crm.fetch_many(subscription, ids).await
    }
}

/// INV-LEA-2: a run whose lease was lost before it wrote anything sends nothing; the other one does.
#[tokio::test]
async fn run_that_was_taken_over_sends_nothing() {
    let world = World::new(ConflictRule::Ask).await;
    world.shared("A", deal("Big", "Open")).await;
    world.edit("A", |deal| deal.stage = Some("Won".into())).await;
    let (crm, store) = (world.crm.clone(), Arc::clone(&world.store));
    let fetcher = Overtaken { crm, store, scope: world.scope(), now: world.clock.now() };
    let writeback = world.writeback().fetcher(Arc::new(fetcher));
    let report = writeback.execute(world.request()).await.unwrap();
    assert!(matches!(report.failure, Some(RunFailure::Store(StoreError::Fenced))), "{report:?}");
    assert_eq!(world.done(), Vec::<String>::new());
    world.later(3_600);
    world.outbound().await;
    assert_eq!(world.done(), ["update A"]);
}

/// A refused record waits longer each time, is visible, and is tried at once when it is edited again.
#[tokio::test]
async fn refused_record_waits_until_it_is_edited() {
    let world = World::new(ConflictRule::Ask).await;
    world.shared("A", deal("Big", "Open")).await;
    world.edit("A", |deal| deal.stage = Some("Won".into())).await;
    world.answers([Some(Answer::Refused)]);
    let report = world.outbound().await;
    assert_eq!(report.counts.parked, 1);
    assert!(world.items(&report)[0].error.as_deref().unwrap().contains("RULE"));
    assert_eq!(world.outbound().await.counts.found, 0);
    world.edit("A", |deal| deal.stage = Some("Lost".into())).await;
    assert_eq!(world.outbound().await.counts.updated, 1);
    assert_eq!(world.there("A"), Some(deal("Big", "Lost")));
    assert_eq!(world.waiting().await, []);
}

/// What changed between look-up and write is decided again within the run; a lock is waited for.
#[tokio::test]
async fn stale_and_locked_records_are_tried_again() {
    let world = World::new(ConflictRule::Ask).await;
    world.shared("A", deal("Big", "Open")).await;
    world.edit("A", |deal| deal.stage = Some("Won".into())).await;
    world.answers([Some(Answer::Stale), Some(Answer::Later)]);
    let report = world.outbound().await;
    assert_eq!((report.counts.skipped, report.counts.parked), (1, 1));
    assert!(report.counts.conserved());
    world.later(3_600);
    assert_eq!(world.outbound().await.counts.updated, 1);
    assert_eq!(world.done(), ["update A"]);
}

/// A field that the CRM does not take goes back to what the CRM holds, and the audit says why.
#[tokio::test]
async fn field_that_the_crm_does_not_take_goes_back() {
    let world = World::new(ConflictRule::LocalWins).await;
    world.shared("A", deal("Big", "Open")).await;
    world.edit("A", |deal| deal.amount = Some(7)).await;
    let report = world.outbound().await;
    assert!(world.items(&report)[0].reason.as_deref().unwrap().contains("does not take `amount`"));
    assert_eq!(world.here("A"), world.there("A"));
    assert_eq!(world.done(), Vec::<String>::new());
    world.check_audit("A").await;
}

/// Events say whether a change was made here, came from the CRM, or was sent there.
#[tokio::test]
async fn events_say_where_a_change_comes_from() {
    let world = World::new(ConflictRule::Ask).await;
    world.shared("A", deal("Big", "Open")).await;
    world.edit("A", |deal| deal.stage = Some("Won".into())).await;
    world.outbound().await;
    let told: Vec<_> = world.store.outbox().iter().map(|event| (event.kind.clone(), event.source)).collect();
    let expected =
        [("deal_created", "integration"), ("deal_updated", "local"), ("deal_updated", "writeback")];
    assert_eq!(told, expected.map(|(kind, source)| (kind.to_owned(), source)));
}

/// A preview says what would be sent, and sends nothing.
#[tokio::test]
async fn preview_sends_nothing() {
    let world = World::new(ConflictRule::Ask).await;
    world.shared("A", deal("Big", "Open")).await;
    world.edit("A", |deal| deal.stage = Some("Won".into())).await;
    let outgoing = world.writeback().preview(world.request()).await.unwrap();
    assert_eq!(outgoing[0].operation, Some(EditOperation::Update));
    assert!(outgoing[0].fields.get("stage").is_some());
    assert_eq!((world.done(), world.waiting().await), (vec![], vec![]));
}

/// Edits that were taken back kept something out while they waited: it is taken once they are gone.
#[tokio::test]
async fn edits_taken_back_let_in_what_they_kept_out() {
    let world = World::new(ConflictRule::LocalWins).await;
    for id in ["A", "B"] {
        world.shared(id, deal("Big", "Open")).await;
        world.edit(id, |deal| deal.stage = Some("Won".into())).await;
    }
    world.crm.delete(&"A".into());
    world.crm.put([("B".into(), deal("Big", "Lost"))]);
    world.inbound().await;
    assert_eq!(world.here("A"), Some(deal("Big", "Won")));
    for id in ["A", "B"] {
        world.edit(id, |deal| deal.stage = Some("Open".into())).await;
    }
    world.outbound().await;
    world.inbound().await;
    assert_eq!((world.here("A"), world.here("B")), (None, Some(deal("Big", "Lost"))));
    assert_eq!(world.done(), Vec::<String>::new());
    world.check_audit("B").await;
}
