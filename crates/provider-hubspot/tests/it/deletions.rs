//! What is gone: archived, merged, purged, and what comes back.

use std::time::Duration;

use crm_sandbox::hubspot::HubspotSettings;
use provider_hubspot::HubspotConfig;
use serde_json::json;
use sync_core::{Change, DeleteEvidence, Payload, Version};

use crate::entity::Opportunity;
use crate::world::{Replica, World, config, fresh, id};

fn deletions(changes: &[Change<Opportunity>]) -> Vec<(&str, DeleteEvidence, Option<&str>)> {
    let deletion = |change: &'_ Change<Opportunity>| match &change.payload {
        Payload::Delete(deletion) => Some((deletion.evidence, deletion.merged_into.clone())),
        _ => None,
    };
    changes
        .iter()
        .filter_map(|change| {
            let (evidence, _) = deletion(change)?;
            let Payload::Delete(gone) = &change.payload else { return None };
            Some((change.external_id.as_str(), evidence, gone.merged_into.as_ref().map(|id| id.as_str())))
        })
        .collect()
}

#[tokio::test]
async fn archived_record_is_told_once_and_its_restore_as_well() {
    let world = World::new().await;
    let ids = world.seed(3);
    let mut replica = Replica::default();
    replica.run(&world).await.unwrap();

    let archived_at = world.control().clock().now_ms();
    world.control().archive("deals", ids[1]).unwrap();
    world.settle();
    let changes = replica.run(&world).await.unwrap();
    let [gone] = fresh(&changes)[..] else { panic!("{changes:?}") };
    assert_eq!((gone.external_id.clone(), gone.version), (id(ids[1]), Some(Version(archived_at))));
    assert_eq!(deletions(&changes), [(&*ids[1].to_string(), DeleteEvidence::DeleteLog, None)]);
    assert!(fresh(&replica.run(&world).await.unwrap()).is_empty());

    world.control().advance(Duration::from_secs(3_600));
    assert!(fresh(&replica.run(&world).await.unwrap()).is_empty());
    assert!(replica.run(&world).await.unwrap().is_empty(), "beyond the overlap it is old news");

    world.control().restore("deals", ids[1]).unwrap();
    world.settle();
    let changes = replica.run(&world).await.unwrap();
    assert!(matches!(fresh(&changes)[..], [Change { payload: Payload::Upsert(_), .. }]), "{changes:?}");
    assert_eq!(replica.rows, world.truth());
}

/// The index shows a record as live for a while after it was archived.
#[tokio::test]
async fn archived_record_that_the_index_still_shows_is_not_revived() {
    let settings =
        HubspotSettings { index_lag: Duration::from_secs(300), ..HubspotSettings::without_bursts() };
    let world = World::with(config(), settings).await;
    let ids = world.seed(3);
    let mut replica = Replica::default();
    replica.run(&world).await.unwrap();
    world.control().archive("deals", ids[1]).unwrap();
    for _ in 0..40 {
        world.settle();
        replica.run(&world).await.unwrap();
        assert!(!replica.rows.contains_key(&id(ids[1])));
    }
    assert_eq!(replica.rows, world.truth());
}

/// A full load makes good what was archived while nobody looked.
#[tokio::test]
async fn load_tells_of_everything_archived() {
    let world = World::paged(2).await;
    let ids = world.seed(6);
    let mut replica = Replica::default();
    replica.run(&world).await.unwrap();
    world.control().archive("deals", ids[0]).unwrap();
    world.control().archive("deals", ids[5]).unwrap();
    world.control().advance(Duration::from_secs(86_400));
    replica.cursor = None;
    let changes = replica.run(&world).await.unwrap();
    assert_eq!(deletions(&changes).len(), 2);
    assert!(
        changes
            .iter()
            .filter(|change| matches!(change.payload, Payload::Delete(_)))
            .all(|change| change.reread)
    );
    assert_eq!(replica.rows, world.truth());
    assert!(replica.cursor.as_ref().unwrap().as_str().contains(r#""at":"done""#));
}

#[tokio::test]
async fn merged_records_follow_their_survivor() {
    for merge_makes_new_id in [false, true] {
        let settings = HubspotSettings { merge_makes_new_id, ..HubspotSettings::without_bursts() };
        let world = World::with(config(), settings).await;
        let ids = world.seed(4);
        let mut replica = Replica::default();
        replica.run(&world).await.unwrap();
        let survivor = world.control().merge("deals", ids[1], ids[0]).unwrap();
        let survivor = world.control().merge("deals", survivor, ids[3]).unwrap();
        world.settle();
        let changes = replica.run(&world).await.unwrap();
        assert_eq!(replica.rows, world.truth());
        let winner = Some(id(survivor));
        assert_eq!(replica.gone[&id(ids[0])], winner, "chained merges name the last survivor");
        assert_eq!(replica.gone[&id(ids[3])], winner);
        let place =
            |wanted: u64| changes.iter().rposition(|change| change.external_id == id(wanted)).unwrap();
        let upsert = changes.iter().position(|change| {
            change.external_id == id(survivor) && matches!(change.payload, Payload::Upsert(_))
        });
        assert!(
            upsert.unwrap() < place(ids[0]) && upsert.unwrap() < place(ids[3]),
            "the survivor comes first"
        );

        world.update(survivor, &json!({"dealname": "Edited later"}));
        world.control().advance(Duration::from_secs(3_600));
        let changes = replica.run(&world).await.unwrap();
        assert_eq!(fresh(&changes).len(), 1, "what was told before is marked: {changes:?}");
        assert_eq!(replica.rows, world.truth());
    }
}

/// Merged, and the survivor archived, between two runs: no live record names the merged ones any more.
#[tokio::test]
async fn archived_survivor_still_names_what_was_merged_into_it() {
    for merge_makes_new_id in [false, true] {
        let settings = HubspotSettings { merge_makes_new_id, ..HubspotSettings::without_bursts() };
        let world = World::with(config(), settings).await;
        let ids = world.seed(4);
        let mut replica = Replica::default();
        replica.run(&world).await.unwrap();
        let survivor = world.control().merge("deals", ids[1], ids[0]).unwrap();
        world.control().archive("deals", survivor).unwrap();
        world.settle();
        replica.run(&world).await.unwrap();
        assert_eq!(replica.rows, world.truth());
        assert_eq!(replica.gone[&id(ids[0])], Some(id(survivor)));
    }
}

#[tokio::test]
async fn purged_record_is_left_to_the_comparison_of_ids() {
    let world = World::new().await;
    let ids = world.seed(3);
    let mut replica = Replica::default();
    replica.run(&world).await.unwrap();
    world.control().purge("deals", ids[1]).unwrap();
    world.settle();
    assert!(fresh(&replica.run(&world).await.unwrap()).is_empty());
}

#[tokio::test]
async fn archive_is_read_as_often_as_it_is_set_to() {
    let config = HubspotConfig { archived_every: Duration::from_secs(3_600), ..config() };
    let world = World::with(config, HubspotSettings::without_bursts()).await;
    let ids = world.seed(3);
    let mut replica = Replica::default();
    replica.run(&world).await.unwrap();
    world.control().archive("deals", ids[0]).unwrap();
    world.update(ids[1], &json!({"dealname": "Edited"}));
    world.settle();
    world.control().reset_request_counts();
    let changes = replica.run(&world).await.unwrap();
    assert_eq!((deletions(&changes).len(), world.asked("list")), (0, 0));
    world.control().advance(Duration::from_secs(3_600));
    let changes = replica.run(&world).await.unwrap();
    assert_eq!((deletions(&changes).len(), world.asked("list")), (1, 1));
    assert_eq!(replica.rows, world.truth());
}
