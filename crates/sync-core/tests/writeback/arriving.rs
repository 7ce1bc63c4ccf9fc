//! What comes from the CRM while edits of the same record wait.

use std::sync::Arc;

use sync_core::*;
use sync_memory::ScriptedSource;

use crate::world::{Deal, World, deal};

/// Takes in one change, past the position.
async fn arrives(world: &World, change: Change<Deal>) -> RunReport {
    let source = Arc::new(ScriptedSource::numbered([change]));
    let request = world.request().mode(ReadMode::Full).source_override(source);
    world.engine().execute(request).await.unwrap()
}

/// A change that does not tell of the edited field says nothing about it: the edit waits on, whatever the rule.
#[tokio::test]
async fn change_of_other_fields_leaves_the_edit_waiting() {
    for rule in [ConflictRule::RemoteWins, ConflictRule::Ask] {
        let world = World::new(rule).await;
        world.shared("A", deal("Big", "Open")).await;
        world.edit("A", |deal| deal.stage = Some("Won".into())).await;
        let name = Deal { name: Some("Bigger".into()), ..Deal::default() };
        let told = Change::partial("A", name, FieldSet::named::<Deal>(["name"]));
        assert_eq!(arrives(&world, told).await.counts.updated, 1);
        assert_eq!(world.here("A"), Some(deal("Bigger", "Won")), "{rule:?}");
        assert_eq!(world.conflicts().await, [], "{rule:?}");
        world.crm.put([("A".into(), deal("Bigger", "Open"))]);
        world.outbound().await;
        assert_eq!(world.there("A"), Some(deal("Bigger", "Won")), "{rule:?}");
        world.check_audit("A").await;
    }
}

/// A record that is deleted here and comes as it was is no change of theirs: nobody is asked, it does not come back, and
/// the deletion goes out.
#[tokio::test]
async fn unchanged_record_does_not_question_a_deletion() {
    for rule in [ConflictRule::RemoteWins, ConflictRule::Ask] {
        let world = World::new(rule).await;
        world.shared("A", deal("Big", "Open")).await;
        world.delete("A").await;
        let report = arrives(&world, Change::upsert("A", deal("Big", "Open"))).await;
        assert_eq!((report.counts.skipped, world.here("A")), (1, None), "{rule:?}");
        assert_eq!(world.conflicts().await, [], "{rule:?}");
        world.outbound().await;
        assert_eq!((world.there("A"), world.done()), (None, vec!["archive A".to_owned()]), "{rule:?}");
    }
}

/// A question about the whole record is over when the record comes back with what was edited here.
#[tokio::test]
async fn question_about_a_record_is_closed_by_one_that_agrees() {
    let world = World::new(ConflictRule::Ask).await;
    world.shared("A", deal("Big", "Open")).await;
    world.edit("A", |deal| deal.stage = Some("Won".into())).await;
    world.crm.delete(&"A".into());
    world.inbound().await;
    assert_eq!(world.conflicts().await[0].kind, ConflictKind::DeletedThere);
    world.crm.put([("A".into(), deal("Big", "Won"))]);
    world.inbound().await;
    assert_eq!((world.conflicts().await, world.waiting().await), (vec![], vec![]));
    assert_eq!(world.here("A"), Some(deal("Big", "Won")));
    world.check_audit("A").await;
}

/// `Newest` goes by the time of the CRM's change, where the version tells it; a version that is no time is no reason to
/// overwrite anything.
#[tokio::test]
async fn newest_counts_by_the_time_of_the_crms_change() {
    const SECOND: i64 = 1_000;
    let edited_at = World::new(ConflictRule::Newest).await.clock.now().timestamp_millis();
    let table = [(edited_at - SECOND, "Won"), (edited_at + SECOND, "Lost"), (1_000, "Lost")];
    for (changed_at, expected) in table {
        let world = World::new(ConflictRule::Newest).await;
        world.shared("A", deal("Big", "Open")).await;
        world.edit("A", |deal| deal.stage = Some("Won".into())).await;
        arrives(&world, Change::upsert("A", deal("Big", "Lost")).version(changed_at)).await;
        assert_eq!(world.here("A"), Some(deal("Big", expected)), "{changed_at} against {edited_at}");
    }
}

/// A question that is open is not asked again by the same values, so that whoever was told of it finds it; another edit
/// of the field changes it.
#[tokio::test]
async fn open_question_stays_until_one_side_says_something_else() {
    let world = World::new(ConflictRule::Ask).await;
    world.shared("A", deal("Big", "Open")).await;
    world.edit("A", |deal| deal.stage = Some("Won".into())).await;
    let theirs = || Change::upsert("A", deal("Big", "Lost"));
    arrives(&world, theirs()).await;
    let asked = world.conflicts().await;
    world.later(60);
    arrives(&world, theirs()).await;
    assert_eq!(world.conflicts().await, asked);
    world.edit("A", |deal| deal.stage = Some("Paused".into())).await;
    arrives(&world, theirs()).await;
    let [asked] = &world.conflicts().await[..] else { panic!("one question") };
    assert_eq!(
        (&asked.local, &asked.remote),
        (&FieldValue::Text("Paused".into()), &FieldValue::Text("Lost".into()))
    );
}
