//! The change script does what it says.

use std::collections::BTreeSet;

use crm_sandbox::HubspotSandbox;
use crm_sandbox::hubspot::HubspotSettings;
use crm_sandbox::hubspot::evolve::{ChangePlan, Changes, RowKey};

use crate::support::{SMALL, World, json};

fn plan() -> ChangePlan {
    ChangePlan { unfit: 3, late: 0.1, merged: 2, purged: 2, relinked: 6, ..ChangePlan::default() }
}

fn told(changes: &Changes) -> Vec<RowKey> {
    let lists = [&changes.updated, &changes.inserted, &changes.restored, &changes.unfit];
    lists
        .into_iter()
        .flatten()
        .cloned()
        .chain(changes.merged.iter().map(|one| one.survivor.clone()))
        .collect()
}

#[tokio::test]
async fn report_is_exactly_what_moved() {
    let world = World::with(SMALL).await;
    let before = world.control().clock().now_ms();
    let links = world.control().associations("deals", "contacts");
    let changes = world.control().evolve(9, &plan());
    let told_once: BTreeSet<RowKey> = told(&changes).into_iter().collect();
    assert_eq!(told(&changes).len(), told_once.len(), "no row is in two lists");
    let (moved, archived) = world.control().read(|account| {
        let names: Vec<String> = account.objects().map(|def| def.name.clone()).collect();
        let all = |binned: bool| {
            let names = names.iter();
            let rows =
                names.flat_map(move |name| account.rows(name, binned).map(move |(id, row)| (name, id, row)));
            rows.filter(|(.., row)| row.archived_at.unwrap_or(row.updated_at) > before)
                .map(|(name, id, _)| RowKey { object: name.clone(), id })
                .collect::<BTreeSet<_>>()
        };
        (all(false), all(true))
    });
    assert_eq!(told_once, moved);
    assert_eq!(changes.archived.iter().cloned().collect::<BTreeSet<_>>(), archived);
    assert_ne!(links, world.control().associations("deals", "contacts"));
    for gone in &changes.purged {
        assert!(world.control().row(&gone.object, gone.id).is_none());
    }
    for merged in &changes.merged {
        let survivor = world.control().row(&merged.survivor.object, merged.survivor.id).unwrap();
        for id in &merged.gone {
            let ids = survivor["properties"]["hs_merged_object_ids"].as_str().unwrap();
            assert!(ids.split(';').any(|one| one == id.to_string()));
        }
    }
    assert_eq!(world.control().clock().now_ms(), before + 600_000);
}

#[tokio::test]
async fn shares_follow_the_plan() {
    let world = World::with(SMALL).await;
    let changes = world.control().evolve(9, &plan());
    let of = |keys: &[RowKey], object: &str| keys.iter().filter(|key| key.object == object).count();
    // 848 live deals, 419 live contacts.
    assert_eq!((of(&changes.updated, "deals"), of(&changes.inserted, "deals")), (42, 8));
    assert_eq!((of(&changes.archived, "deals"), of(&changes.archived, "companies")), (8, 0));
    assert_eq!(
        (changes.merged.len(), changes.purged.len(), changes.relinked.len(), changes.unfit.len()),
        (4, 2, 6, 3)
    );
    assert_eq!(of(&changes.restored, "deals"), 1);
    let stamps: BTreeSet<i64> = world.control().read(|account| {
        let deals = changes.same_stamp.iter().filter(|key| key.object == "deals");
        deals.map(|key| account.row("deals", key.id).unwrap().updated_at).collect()
    });
    assert_eq!((of(&changes.same_stamp, "deals"), stamps.len(), of(&changes.late, "deals")), (8, 1, 4));
}

#[tokio::test]
async fn the_same_seed_does_the_same() {
    let run = async |seed: u64| -> Changes { World::with(SMALL).await.control().evolve(seed, &plan()) };
    assert_eq!(run(1).await, run(1).await);
    assert_ne!(run(1).await, run(2).await);
}

#[tokio::test]
async fn control_api_runs_scripts() {
    let world = World::with(SMALL).await;
    let body = json!({"seed": 9, "plan": plan()});
    let (status, body) = world.post("/_sandbox/evolve", body).await;
    assert_eq!(status, 200);
    let over_http: Changes = serde_json::from_value(body).unwrap();
    assert_eq!(over_http, World::with(SMALL).await.control().evolve(9, &plan()));
}

#[tokio::test]
async fn merges_may_make_new_rows() {
    let settings = HubspotSettings { merge_makes_new_id: true, ..HubspotSettings::without_bursts() };
    let world = World::start(HubspotSandbox::builder().account(SMALL).settings(settings)).await;
    let changes = world.control().evolve(9, &plan());
    assert!(changes.merged.iter().all(|merged| merged.gone.len() == 2));
}
