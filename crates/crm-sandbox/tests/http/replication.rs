//! getUpdated and getDeleted.

use std::time::Duration;

use crate::support::{Json, V, World, code, json};

async fn window(world: &World, which: &str, start: &str, end: &str) -> (u16, Json) {
    world.get(&format!("{V}/sobjects/Account/{which}/?start={start}&end={end}")).await
}

#[tokio::test]
async fn updated_and_deleted_rows_are_told_apart() {
    let world = World::empty().await;
    let kept = world.create("Account", json!({"Name": "A"})).await;
    let gone = world.create("Account", json!({"Name": "B"})).await;
    let purged = world.create("Account", json!({"Name": "C"})).await;
    world.control().advance(Duration::from_secs(600));
    world.delete(&format!("{V}/sobjects/Account/{gone}")).await;
    world.control().purge(purged.parse().unwrap()).unwrap();
    let (start, end) = ("2026-01-05T07:59:30Z", "2026-01-05T08:30:00%2B00:00");
    let (status, updated) = window(&world, "updated", start, end).await;
    assert_eq!((status, &updated["ids"]), (200, &json!([kept])));
    assert_eq!(updated["latestDateCovered"], "2026-01-05T08:08:00.000+0000", "two minutes behind");
    let (_, deleted) = window(&world, "deleted", start, end).await;
    let ids: Vec<&str> =
        deleted["deletedRecords"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [gone.as_str(), purged.as_str()], "emptied ones included");
    assert_eq!(deleted["deletedRecords"][0]["deletedDate"], "2026-01-05T08:10:00.000+0000");
    world.control().undelete(gone.parse().unwrap()).unwrap();
    let (_, deleted) = window(&world, "deleted", start, end).await;
    assert_eq!(deleted["deletedRecords"].as_array().unwrap().len(), 1, "undeleted rows leave the log");
}

#[tokio::test]
async fn impossible_windows_are_refused() {
    let world = World::empty().await;
    for (which, start, end) in [
        ("updated", "2026-01-05T08:00:10Z", "2026-01-05T08:00:50Z"),
        ("updated", "2026-01-05T08:00:00Z", "2026-01-05T07:00:00Z"),
        ("updated", "2025-12-01T00:00:00Z", "2026-01-05T07:00:00Z"),
        ("deleted", "2025-12-15T00:00:00Z", "2026-01-05T07:00:00Z"),
        ("deleted", "yesterday", "2026-01-05T07:00:00Z"),
    ] {
        let (status, body) = window(&world, which, start, end).await;
        assert_eq!((status, code(&body)), (400, "INVALID_REPLICATION_DATE"), "{which} {start}");
    }
}

#[tokio::test]
async fn the_bin_empties_after_15_days() {
    let world = World::empty().await;
    let id = world.create("Account", json!({"Name": "A"})).await;
    world.control().delete(id.parse().unwrap()).unwrap();
    world.control().advance(Duration::from_secs(15 * 24 * 3600 + 1));
    let found = world.control().read(|org| org.table("Account").unwrap().len());
    assert_eq!(found, 0);
    assert!(world.control().undelete(id.parse().unwrap()).is_err());
}
