//! Both sides changed the same.

use sync_core::*;

use crate::world::{Answer, Deal, World, deal};

async fn both_changed(rule: ConflictRule) -> World {
    let world = World::new(rule).await;
    world.shared("A", deal("Big", "Open")).await;
    world.edit("A", |deal| (deal.stage, deal.name) = (Some("Won".into()), Some("Ours".into()))).await;
    world.crm.put([("A".into(), deal("Big", "Lost"))]);
    world
}

/// Each rule decides as it says, whichever side looks first.
#[tokio::test]
async fn rules_decide_whichever_side_looks_first() {
    let table = [
        (ConflictRule::LocalWins, deal("Ours", "Won")),
        (ConflictRule::RemoteWins, deal("Ours", "Lost")),
        // The memory's stamps are no instants: the CRM's change counts.
        (ConflictRule::Newest, deal("Ours", "Lost")),
    ];
    for (rule, expected) in table {
        for inbound_first in [false, true] {
            let world = both_changed(rule).await;
            if inbound_first {
                world.inbound().await;
            }
            world.outbound().await;
            world.inbound().await;
            assert_eq!(world.there("A"), Some(expected.clone()), "{rule:?} {inbound_first}");
            assert_eq!(world.here("A"), Some(expected.clone()), "{rule:?} {inbound_first}");
            world.check_audit("A").await;
        }
    }
}

/// A question holds back its field alone, and is carried out once it is decided.
#[tokio::test]
async fn question_holds_back_its_field_alone() {
    for (choice, stage) in [(Choice::Local, "Won"), (Choice::Remote, "Lost")] {
        for inbound_first in [false, true] {
            let world = both_changed(ConflictRule::Ask).await;
            if inbound_first {
                world.inbound().await;
            }
            let report = world.outbound().await;
            assert_eq!(report.counts.updated, 1);
            let reason = world.items(&report).remove(0).reason;
            assert_eq!(reason.as_deref(), Some("waits for a decision about stage"));
            assert_eq!(world.there("A"), Some(deal("Ours", "Lost")));
            assert_eq!(world.here("A"), Some(deal("Ours", "Won")));
            let conflict = world.conflicts().await.remove(0);
            assert_eq!(
                (conflict.field.as_deref(), conflict.kind),
                (Some("stage"), ConflictKind::BothChanged)
            );
            assert_eq!(conflict.base, FieldValue::Text("Open".into()));
            // Nothing is done until it is decided, and nothing is asked twice.
            world.inbound().await;
            assert_eq!(world.outbound().await.counts.found, 0);
            assert_eq!(world.conflicts().await.len(), 1);
            world.resolve(choice).await;
            world.outbound().await;
            assert_eq!(world.there("A"), Some(deal("Ours", stage)));
            assert_eq!(world.here("A"), Some(deal("Ours", stage)));
            assert_eq!((world.conflicts().await, world.waiting().await), (vec![], vec![]));
            world.check_audit("A").await;
        }
    }
}

/// A decision about a value that the CRM no longer holds is asked again.
#[tokio::test]
async fn decision_about_an_older_value_is_asked_again() {
    let world = both_changed(ConflictRule::Ask).await;
    world.outbound().await;
    world.resolve(Choice::Local).await;
    world.crm.put([("A".into(), deal("Ours", "Paused"))]);
    world.outbound().await;
    assert_eq!(world.there("A"), Some(deal("Ours", "Paused")));
    let conflict = world.conflicts().await.remove(0);
    assert_eq!((conflict.remote, conflict.choice), (FieldValue::Text("Paused".into()), None));
}

/// A question that answers itself is closed.
#[tokio::test]
async fn question_that_answers_itself_is_closed() {
    let world = both_changed(ConflictRule::Ask).await;
    world.outbound().await;
    world.crm.put([("A".into(), deal("Ours", "Won"))]);
    world.inbound().await;
    assert_eq!(world.conflicts().await, []);
    world.check_audit("A").await;
}

/// Deleted in the CRM, changed here: the default rule decides, whichever side looks first.
#[tokio::test]
async fn record_deleted_there_and_changed_here() {
    let table =
        [(ConflictRule::LocalWins, true), (ConflictRule::RemoteWins, false), (ConflictRule::Newest, false)];
    for (rule, lives) in table {
        for inbound_first in [false, true] {
            let world = World::new(rule).await;
            world.shared("A", deal("Big", "Open")).await;
            world.edit("A", |deal| deal.stage = Some("Won".into())).await;
            world.crm.delete(&"A".into());
            if inbound_first {
                world.inbound().await;
            }
            world.outbound().await;
            world.inbound().await;
            assert_eq!(world.here("A"), None, "{rule:?}");
            assert_eq!(world.waiting().await, []);
            let made: Vec<String> = world.done();
            assert_eq!(made.len(), usize::from(lives), "{rule:?} {made:?}");
            if let Some(id) = made.first().and_then(|made| made.strip_prefix("create ")) {
                assert_eq!(
                    (world.here(id), world.there(id)),
                    (Some(deal("Big", "Won")), Some(deal("Big", "Won")))
                );
            }
        }
    }
}

/// Deleted here, changed in the CRM: asked, and either side can be taken.
#[tokio::test]
async fn record_deleted_here_and_changed_there() {
    for (choice, lives) in [(Choice::Local, false), (Choice::Remote, true)] {
        for inbound_first in [false, true] {
            let world = World::new(ConflictRule::Ask).await;
            world.shared("A", deal("Big", "Open")).await;
            world.delete("A").await;
            world.crm.put([("A".into(), deal("Big", "Won"))]);
            if inbound_first {
                world.inbound().await;
            }
            world.outbound().await;
            assert_eq!(world.here("A"), None);
            assert!(world.there("A").is_some());
            assert_eq!(world.conflicts().await[0].kind, ConflictKind::DeletedHere);
            world.resolve(choice).await;
            world.outbound().await;
            assert_eq!((world.here("A").is_some(), world.there("A").is_some()), (lives, lives));
            assert_eq!(world.conflicts().await, []);
            world.check_audit("A").await;
        }
    }
}

/// R16: a record that is restored is told from what both sides agreed on before any edit, also a field that was empty
/// then, edited, and emptied again by the deletion.
#[tokio::test]
async fn restored_record_is_told_from_before_the_first_edit() {
    for by_inbound in [true, false] {
        let world = World::new(ConflictRule::RemoteWins).await;
        world.shared("A", Deal { stage: None, ..deal("Big", "") }).await;
        world.edit("A", |deal| deal.stage = Some("Won".into())).await;
        world.answers([Some(Answer::LostAfter)]);
        world.outbound().await;
        world.delete("A").await;
        world.crm.put([("A".into(), deal("Bigger", "Won"))]);
        world.later(100_000);
        if by_inbound {
            world.inbound().await;
        } else {
            world.outbound().await;
        }
        assert_eq!(world.here("A"), Some(deal("Bigger", "Won")), "{by_inbound}");
        world.check_audit("A").await;
    }
}
