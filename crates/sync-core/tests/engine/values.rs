//! What counts as changed, and records of which only a part was sent.

use std::sync::Arc;

use serde_json::json;
use sync_core::*;

use crate::world::{Deal, World, deal, gone, seen};

fn partial(id: &str, record: Deal, fields: &[&str], cursor: u32) -> Change<Deal> {
    let fields = FieldSet::named::<Deal>(fields.iter().copied());
    Change::partial(id, record, fields).at(Cursor::new(cursor.to_string()))
}

async fn changed(world: &World, report: &RunReport) -> Vec<serde_json::Value> {
    world.items(report).await.iter().map(|item| serde_json::to_value(&item.changed_fields).unwrap()).collect()
}

/// R8: on create every non-null field from null; on update the mutated fields only; on noop nothing.
#[tokio::test]
async fn changed_fields_tell_from_and_to() {
    let world = World::new().await;
    let mut first = deal("a", "new");
    first.custom.set("Region__c", FieldValue::Text("EMEA".into()));
    first.custom.set("Score__c", FieldValue::Null);
    let created = world.sync([seen("A", first.clone(), 1)]).await;
    let mut second = Deal { amount: Some(5), ..first.clone() };
    second.custom.set("Region__c", FieldValue::Null);
    let updated = world.sync([seen("A", second.clone(), 2)]).await;
    let noop = world.sync([seen("A", second, 3)]).await;
    assert_eq!(
        changed(&world, &created).await,
        [json!({
            "name": {"from": null, "to": "a"},
            "stage": {"from": null, "to": "new"},
            "custom.Region__c": {"from": null, "to": "EMEA"},
        })]
    );
    assert_eq!(
        changed(&world, &updated).await,
        [json!({"amount": {"from": null, "to": 5}, "custom.Region__c": {"from": "EMEA", "to": null}})]
    );
    assert_eq!(changed(&world, &noop).await, [json!({})]);
}

/// R8: a deletion keeps the last image aside, so that a restore can be explained.
#[tokio::test]
async fn deletion_keeps_the_last_image() {
    let world = World::new().await;
    world.sync([seen("A", deal("a", "new"), 1)]).await;
    let deleted = world.sync([gone("A", 2)]).await;
    let restored = world.sync([seen("A", deal("a", "won"), 3)]).await;
    let item = world.items(&deleted).await.remove(0);
    assert_eq!(item.last_image.unwrap()["stage"], json!("new"));
    assert_eq!(item.reason.as_deref(), Some("feed"), "R20: a deletion carries its evidence");
    assert_eq!(changed(&world, &restored).await, [json!({"stage": {"from": "new", "to": "won"}})]);
}

/// R8: a custom field that means the same in another form is no change, and one that was not sent stays.
#[tokio::test]
async fn custom_fields_are_compared_by_meaning_and_kept_when_not_sent() {
    let world = World::new().await;
    let mut first = deal("a", "new");
    first.custom.set("Score__c", FieldValue::Text("12.50".into()));
    first.custom.set("Region__c", FieldValue::Text("EMEA".into()));
    world.sync([seen("A", first, 1)]).await;
    let mut second = deal("a", "new");
    second.custom.set("Score__c", FieldValue::Decimal("12.5".parse().unwrap()));
    let noop = world.sync([seen("A", second.clone(), 2)]).await;
    assert_eq!(noop.counts.noop, 1);
    second.stage = Some("won".into());
    world.sync([seen("A", second, 3)]).await;
    let row = world.row("A").await.unwrap();
    assert_eq!(row.record.custom.get("Region__c"), Some(&FieldValue::Text("EMEA".into())));
}

/// R8: ignored fields are neither compared nor recorded; `unignore` takes it back.
#[tokio::test]
async fn ignored_fields_are_not_compared() {
    for (ignored, applied) in [(true, 0), (false, 1)] {
        let world = World::new().await;
        world.sync([seen("A", deal("a", "new"), 1)]).await;
        world.says([seen("A", deal("a", "won"), 2)]);
        let mut differ = DeepEqualDiffer::<Deal>::default().ignore(["stage"]);
        if !ignored {
            differ = differ.unignore(["stage"]);
        }
        let engine = world.builder().differ(Arc::new(differ)).build().unwrap();
        let report = engine.execute(world.request()).await.unwrap();
        assert_eq!(report.counts.updated, applied);
    }
}

/// R13: a partial record is merged over the row; what was not sent is never nulled, what was sent as null is.
#[tokio::test]
async fn partial_record_leaves_unsent_fields_alone() {
    let world = World::new().await;
    world.sync([seen("A", Deal { amount: Some(7), ..deal("a", "new") }, 1)]).await;
    let sent = Deal { stage: None, name: None, ..Deal::default() };
    let report = world.sync([partial("A", sent, &["stage"], 2)]).await;
    let row = world.row("A").await.unwrap().record;
    assert_eq!(row, Deal { name: Some("a".into()), stage: None, amount: Some(7), ..Deal::default() });
    assert_eq!(changed(&world, &report).await, [json!({"stage": {"from": "new", "to": null}})]);
}

/// R13: a partial record without a local row is fetched whole.
#[tokio::test]
async fn partial_record_without_a_row_is_hydrated() {
    let world = World::new().await;
    world.shelf.put("A", Deal { amount: Some(7), ..deal("a", "won") });
    let report = world.sync([partial("A", deal("", "won"), &["stage"], 1)]).await;
    assert_eq!(world.story(&report).await, ["A created/success"]);
    assert_eq!(world.row("A").await.unwrap().record.amount, Some(7));
    assert_eq!(*world.shelf.asked.lock().unwrap(), ["A"]);
}

/// R13: one that turns out to be gone is a deletion, here of nothing.
#[tokio::test]
async fn partial_record_that_is_gone_is_not_invented() {
    let world = World::new().await;
    let report = world.sync([partial("A", deal("", "won"), &["stage"], 1)]).await;
    assert_eq!(world.story(&report).await, ["A noop/success"]);
    assert!(world.row("A").await.is_none());
}

/// R13: without a fetcher it fails and is parked, rather than being written with holes.
#[tokio::test]
async fn partial_record_without_row_and_fetcher_is_parked() {
    let world = World::new().await;
    world.says([partial("A", deal("", "won"), &["stage"], 1), seen("B", deal("b", "new"), 2)]);
    let report = world.builder().build().unwrap().execute(world.request()).await.unwrap();
    assert_eq!(world.story(&report).await, ["A created/failed", "B created/success"]);
    assert!(world.row("A").await.is_none());
    assert_eq!(world.letters().await[0].error_class, "partial");
}

/// R13: a full record earlier in the batch is enough to merge over.
#[tokio::test]
async fn partial_record_merges_over_an_earlier_one_of_its_batch() {
    let world = World::new().await;
    let report = world
        .sync([
            seen("A", Deal { amount: Some(7), ..deal("a", "new") }, 1),
            partial("A", deal("", "won"), &["stage"], 2),
        ])
        .await;
    assert_eq!(world.story(&report).await, ["A created/success", "A updated/success"]);
    assert_eq!(world.row("A").await.unwrap().record, Deal { amount: Some(7), ..deal("a", "won") });
    assert!(world.shelf.asked.lock().unwrap().is_empty());
}

/// R14: a change older than the row is skipped with the reason, also a deletion; one of the same age is applied.
#[tokio::test]
async fn older_change_is_skipped() {
    let world = World::new().await;
    world.sync([seen("A", deal("a", "won"), 1).version(20)]).await;
    let report = world
        .sync([
            seen("A", deal("a", "new"), 2).version(19),
            gone("A", 3).version(19),
            seen("A", deal("a", "lost"), 4).version(20),
        ])
        .await;
    assert_eq!(world.story(&report).await, ["A noop/skipped", "A noop/skipped", "A updated/success"]);
    assert_eq!(world.items(&report).await[0].reason.as_deref(), Some("older than the local row"));
    assert_eq!(world.row("A").await.unwrap().record.stage.as_deref(), Some("lost"));
    assert_eq!(report.counts.skipped, 2);
}

/// R14: a full record with a newer version in which nothing changed is a noop, and the row's version moves on, once; a
/// partial one does not vouch for what it leaves out.
#[tokio::test]
async fn version_moves_on_with_a_noop() {
    let world = World::new().await;
    world.sync([seen("A", deal("a", "new"), 1).version(10)]).await;
    let version = async || world.row("A").await.unwrap().version;
    world.sync([partial("A", deal("a", "new"), &["stage"], 2).version(20)]).await;
    assert_eq!(version().await, Some(Version(10)));
    for cursor in [3, 4] {
        let report = world.sync([seen("A", deal("a", "new"), cursor).version(20)]).await;
        assert_eq!(world.story(&report).await, ["A noop/success"]);
        assert_eq!(version().await, Some(Version(20)));
    }
    assert_eq!(world.sink.touched.load(std::sync::atomic::Ordering::SeqCst), 1);
    let report = world.sync([seen("A", deal("a", "old"), 5).version(15)]).await;
    assert_eq!(world.story(&report).await, ["A noop/skipped"]);
}
