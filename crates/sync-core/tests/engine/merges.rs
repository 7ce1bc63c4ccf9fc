//! Deletions that say what the record was merged into.

use sync_core::*;

use crate::world::{Deal, World, deal, seen};

fn merged(id: &str, into: &str, cursor: u32) -> Change<Deal> {
    let deletion = Deletion { evidence: DeleteEvidence::Feed, merged_into: Some(into.into()) };
    Change::new(id, Payload::Delete(deletion)).at(Cursor::new(cursor.to_string()))
}

fn merges(world: &World) -> Vec<String> {
    let merges = std::mem::take(&mut *world.sink.merges.lock().unwrap());
    merges.iter().map(|merge| format!("{} into {}", merge.loser, merge.winner)).collect()
}

async fn reasons(world: &World, report: &RunReport) -> Vec<Option<String>> {
    world.items(report).await.into_iter().map(|item| item.reason.map(Into::into)).collect()
}

/// R3, R20: a merge is one deletion that says into what, with the last image; links move in its transaction.
#[tokio::test]
async fn merge_is_a_deletion_that_says_so() {
    let world = World::new().await;
    world.sync([seen("A", deal("a", "new"), 1), seen("B", deal("b", "new"), 2)]).await;
    let report = world.sync([merged("A", "B", 3)]).await;
    assert_eq!(world.story(&report).await, ["A deleted/success"]);
    assert_eq!(reasons(&world, &report).await, [Some("feed; merged into B".to_owned())]);
    assert_eq!(world.items(&report).await[0].last_image.as_ref().unwrap()["name"], "a");
    assert_eq!(merges(&world), ["A into B"]);
    assert!(world.row("A").await.unwrap().deleted);
}

/// R3: a merge of a record that is deleted already, or was never here, is a noop that moves links all the same.
#[tokio::test]
async fn merge_of_nothing_moves_links() {
    let world = World::new().await;
    world.sync([seen("A", deal("a", "new"), 1)]).await;
    world.sync([merged("A", "B", 2)]).await;
    merges(&world);
    let report = world.sync([merged("A", "C", 3), merged("X", "C", 4)]).await;
    assert_eq!(world.story(&report).await, ["A noop/success", "X noop/success"]);
    let because = Some("feed; merged into C".to_owned());
    assert_eq!(reasons(&world, &report).await, [because.clone(), because]);
    assert_eq!(merges(&world), ["A into C", "X into C"]);
    assert_eq!(report.status, RunStatus::NoChanges);
}

/// R14: a merge that is older than the row is left out, links included.
#[tokio::test]
async fn stale_merge_moves_nothing() {
    let world = World::new().await;
    world.sync([seen("A", deal("a", "new"), 1).version(9)]).await;
    let report = world.sync([merged("A", "B", 2).version(8)]).await;
    assert_eq!(world.story(&report).await, ["A noop/skipped"]);
    assert!(merges(&world).is_empty());
}

/// R15: of several changes of a record in a batch, the last says whether it is merged, and into what.
#[tokio::test]
async fn last_change_of_a_batch_decides_on_the_merge() {
    let world = World::new().await;
    let report = world
        .sync([
            seen("A", deal("a", "new"), 1),
            merged("A", "B", 2),
            seen("A", deal("a", "back"), 3),
            seen("C", deal("c", "new"), 4),
            merged("C", "X", 5),
            merged("C", "Y", 6),
        ])
        .await;
    let story = world.story(&report).await;
    assert_eq!(story[..3], ["A created/success", "A deleted/success", "A restored/success"]);
    assert_eq!(story[3..], ["C created/success", "C deleted/success", "C noop/success"]);
    assert_eq!(merges(&world), ["C into Y"]);
    assert!(!world.row("A").await.unwrap().deleted);
}

/// R10, R11: a merge that closes a circle is parked with its deletion and applied when the circle is gone; its
/// neighbours land at once.
#[tokio::test]
async fn circle_is_parked_and_tried_again() {
    let world = World::new().await;
    world.sync(["A", "B", "C"].map(|id| seen(id, deal(id, "new"), 1))).await;
    world.sync([merged("A", "B", 2)]).await;
    let report = world.sync([merged("B", "A", 3), merged("C", "B", 4)]).await;
    assert_eq!(world.story(&report).await, ["B deleted/failed", "C deleted/success"]);
    assert_eq!(world.letters().await[0].error_class, "merge_cycle");
    assert!(!world.row("B").await.unwrap().deleted);
    world.sync([seen("A", deal("a", "back"), 5)]).await;
    world.clock.advance(std::time::Duration::from_secs(3_600));
    world.sync([]).await;
    assert!(world.row("B").await.unwrap().deleted);
    assert!(world.letters().await.is_empty());
}
