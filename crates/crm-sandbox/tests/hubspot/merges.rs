//! Merges and deletes for good: who lives on, under which ids.

use crm_sandbox::hubspot::LinkSpec;

use crate::support::{Json, V3, World, id, ids, json};

async fn pair() -> (World, u64, u64) {
    let world = World::empty().await;
    let winner = world.insert("contacts", json!({"email": "a@example.test", "firstname": "Ann"}));
    let loser =
        world.insert("contacts", json!({"email": "b@example.test", "firstname": "Bob", "phone": "7", "createdate": "2024-02-29T00:00:00Z"}));
    (world, winner, loser)
}

async fn merge(world: &World, winner: u64, loser: u64) -> (u16, Json) {
    let body = json!({"primaryObjectId": winner.to_string(), "objectIdToMerge": loser.to_string()});
    world.post(&format!("{V3}/contacts/merge"), body).await
}

#[tokio::test]
async fn the_primary_row_takes_the_other_in() {
    let (world, winner, loser) = pair().await;
    let company = world.insert("companies", json!({"name": "C"}));
    world
        .control()
        .associate(LinkSpec::new(("contacts", loser), ("companies", company)).label("Primary"))
        .unwrap();
    let (status, row) = merge(&world, winner, loser).await;
    assert_eq!((status, id(&row)), (200, winner));
    assert_eq!(row["properties"]["hs_merged_object_ids"], loser.to_string());
    assert_eq!(row["createdAt"], "2024-02-29T00:00:00Z", "the older of both dates");
    let path = format!("{V3}/contacts/{loser}?properties=firstname,phone,associatedcompanyid");
    let (status, row) = world.get(&path).await;
    assert_eq!((status, id(&row)), (200, winner), "the old id is an alias");
    assert_eq!(
        (
            &row["properties"]["firstname"],
            &row["properties"]["phone"],
            &row["properties"]["associatedcompanyid"]
        ),
        (&json!("Ann"), &json!("7"), &json!(company.to_string()))
    );
    assert_eq!(ids(&world.get(&format!("{V3}/contacts")).await.1), [winner]);
    assert_eq!(world.found("contacts", json!({})).await, [winner]);
    assert!(ids(&world.get(&format!("{V3}/contacts?archived=true")).await.1).is_empty());
    let read = json!({"inputs": [{"id": loser.to_string()}]});
    assert_eq!(ids(&world.post(&format!("{V3}/contacts/batch/read"), read).await.1), [winner]);
    assert_eq!(merge(&world, winner, loser).await.0, 400, "they are one already");
}

#[tokio::test]
async fn a_merge_may_make_a_new_row() {
    let (world, winner, loser) = pair().await;
    world.control().edit_settings(|settings| settings.merge_makes_new_id = true);
    let (_, row) = merge(&world, winner, loser).await;
    let survivor = id(&row);
    assert!(survivor != winner && survivor != loser);
    assert_eq!(row["properties"]["hs_merged_object_ids"], format!("{winner};{loser}"));
    for old in [winner, loser] {
        assert_eq!(id(&world.get(&format!("{V3}/contacts/{old}")).await.1), survivor);
    }
    let third = world.insert("contacts", json!({"lastname": "C"}));
    let (_, row) = merge(&world, loser, third).await;
    assert_eq!(row["properties"]["hs_merged_object_ids"], format!("{winner};{loser};{survivor};{third}"));
    assert_eq!(
        id(&world.get(&format!("{V3}/contacts/{winner}")).await.1),
        id(&row),
        "aliases are followed on"
    );
}

#[tokio::test]
async fn a_row_takes_in_250_others_at_most() {
    let world = World::empty().await;
    let winner = world.insert("contacts", json!({"lastname": "W"}));
    for n in 0..250 {
        let loser = world.insert("contacts", json!({"lastname": n}));
        assert_eq!(world.control().merge("contacts", winner, loser), Ok(winner));
    }
    let loser = world.insert("contacts", json!({"lastname": "one too many"}));
    assert_eq!(merge(&world, winner, loser).await.0, 414);
    assert!(world.control().row("contacts", loser).is_some());
}

#[tokio::test]
async fn bad_merges_are_refused() {
    let (world, winner, loser) = pair().await;
    assert_eq!(merge(&world, winner, winner).await.0, 400);
    assert_eq!(merge(&world, winner, 7).await.0, 404);
    world.control().archive("contacts", loser).unwrap();
    assert_eq!(merge(&world, winner, loser).await.0, 404);
}

#[tokio::test]
async fn what_gdpr_deletes_is_nowhere() {
    let (world, winner, loser) = pair().await;
    let gone = json!({"objectId": "b@example.test", "idProperty": "email"});
    assert_eq!(world.search("contacts", json!({})).await.1["total"], 2);
    assert_eq!(world.post(&format!("{V3}/contacts/gdpr-delete"), gone).await.0, 204);
    assert_eq!(world.search("contacts", json!({})).await.1["total"], 1);
    world.control().archive("contacts", winner).unwrap();
    let by_id = json!({"objectId": winner.to_string()});
    assert_eq!(world.post(&format!("{V3}/contacts/gdpr-delete"), by_id).await.0, 204, "archived ones too");
    for contact in [winner, loser] {
        assert_eq!(world.get(&format!("{V3}/contacts/{contact}")).await.0, 404);
        assert_eq!(world.get(&format!("{V3}/contacts/{contact}?archived=true")).await.0, 404);
    }
    assert!(ids(&world.get(&format!("{V3}/contacts?archived=true")).await.1).is_empty());
}
