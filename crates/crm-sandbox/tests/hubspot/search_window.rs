//! Reading changes by windows over the modified date, as a sync does: late index, shared stamps, the cap.

use std::collections::BTreeSet;
use std::time::Duration;

use crm_sandbox::hubspot::{ChangeSource, RowChange, RowChanges};

use crate::support::{Json, World, ids, json, props};

/// Everything modified in `[from, to)`, by id, after an id.
fn window(property: &str, from: i64, to: i64, after_id: u64) -> Json {
    let filter = |name: &str, operator: &str, value: String| json!({"propertyName": name, "operator": operator, "value": value});
    json!({
        "filterGroups": [{"filters": [
            filter(property, "GTE", from.to_string()),
            filter(property, "LT", to.to_string()),
            filter("hs_object_id", "GT", after_id.to_string()),
        ]}],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "limit": 200,
    })
}

const START: i64 = 1_767_600_000_000;

#[tokio::test]
async fn edges_of_a_window_are_exact() {
    let world = World::empty().await;
    let at = |ms: i64| RowChanges {
        stamp: Some((START + ms).to_string()),
        ops: vec![RowChange::Insert {
            object: "contacts".into(),
            properties: props(json!({"lastname": ms})),
        }],
        ..RowChanges::default()
    };
    let made: Vec<u64> =
        [-1, 0, 1, 999, 1000].map(|ms| world.control().apply(&at(ms)).remove(0).unwrap()).into();
    for property in ["lastmodifieddate", "hs_lastmodifieddate"] {
        let found = world.found("contacts", window(property, START, START + 1000, 0)).await;
        assert_eq!(found, made[1..4], "{property}");
        let found = world.found("contacts", window(property, START, START + 1000, made[1])).await;
        assert_eq!(found, made[2..4], "{property}");
    }
    assert_eq!(world.found("contacts", window("lastmodifieddate", START + 5, START, 0)).await, [0_u64; 0]);
}

#[tokio::test]
async fn the_index_lags_behind_lists() {
    let world = World::empty().await;
    world.control().edit_settings(|settings| settings.index_lag = Duration::from_secs(30));
    let deal = world.insert("deals", json!({"dealname": "A", "amount": "1"}));
    assert_eq!(world.found("deals", json!({})).await, [0_u64; 0]);
    assert_eq!(ids(&world.get("/crm/v3/objects/deals").await.1), [deal], "lists know at once");
    world.control().advance(Duration::from_secs(30));
    assert_eq!(world.found("deals", json!({})).await, [deal]);

    world.control().update("deals", deal, &props(json!({"amount": "2"}))).unwrap();
    let amount = async || {
        let (_, page) = world.search("deals", json!({"properties": ["amount"]})).await;
        page["results"][0]["properties"]["amount"].clone()
    };
    let by_new_stamp = window("hs_lastmodifieddate", START + 30_000, START + 31_000, 0);
    let by_old_stamp = window("hs_lastmodifieddate", START, START + 1, 0);
    assert_eq!(amount().await, "1", "search shows what the index knows");
    assert_eq!(world.found("deals", by_new_stamp.clone()).await, [0_u64; 0]);
    assert_eq!(world.found("deals", by_old_stamp.clone()).await, [deal]);
    world.control().advance(Duration::from_secs(29));
    assert_eq!(amount().await, "1");
    world.control().advance(Duration::from_secs(1));
    assert_eq!(amount().await, "2");
    assert_eq!(world.found("deals", by_new_stamp).await, [deal]);
    assert_eq!(world.found("deals", by_old_stamp).await, [0_u64; 0]);
}

#[tokio::test]
async fn a_search_asked_again_sees_what_time_alone_has_brought() {
    let world = World::empty().await;
    world.control().edit_settings(|settings| settings.index_lag = Duration::from_secs(30));
    let deal = world.insert("deals", json!({"dealname": "A"}));
    assert_eq!(world.found("deals", json!({})).await, [0_u64; 0]);
    world.control().clock().advance(Duration::from_secs(30));
    assert_eq!(world.found("deals", json!({})).await, [deal], "although nobody told the account");
}

#[tokio::test]
async fn lag_may_be_drawn_per_write_or_given_by_hand() {
    let world = World::empty().await;
    world.control().edit_settings(|settings| settings.index_lag_jitter = Duration::from_secs(60));
    let all: Vec<u64> = (0..50).map(|n| world.insert("deals", json!({"dealname": n}))).collect();
    world.control().advance(Duration::from_secs(30));
    let early = world.found("deals", json!({"limit": 200})).await.len();
    assert!((10..40).contains(&early), "{early} of {} after half the time", all.len());
    world.control().advance(Duration::from_secs(31));
    assert_eq!(world.found("deals", json!({"limit": 200})).await.len(), all.len());

    let late = RowChanges {
        stamp: Some("2026-01-01T00:00:00Z".into()),
        index_after_ms: Some(500_000),
        source: ChangeSource::CrmUi,
        ops: vec![RowChange::Update {
            object: "deals".into(),
            id: all[0],
            properties: props(json!({"amount": "7"})),
        }],
    };
    assert_eq!(world.control().apply(&late), [Ok(all[0])]);
    let long_ago = window("hs_lastmodifieddate", 1_767_225_600_000, 1_767_225_600_001, 0);
    assert_eq!(world.found("deals", long_ago.clone()).await, [0_u64; 0]);
    world.control().advance(Duration::from_secs(500));
    assert_eq!(world.found("deals", long_ago).await, [all[0]], "a stamp long past appears late");
}

#[tokio::test]
async fn archived_rows_leave_search_at_once_whatever_the_lag() {
    let world = World::empty().await;
    let deal = world.insert("deals", json!({"dealname": "A"}));
    world.control().edit_settings(|settings| settings.index_lag = Duration::from_secs(30));
    world.control().archive("deals", deal).unwrap();
    assert_eq!(world.found("deals", json!({})).await, [0_u64; 0]);
    world.control().advance(Duration::from_secs(60));
    world.control().restore("deals", deal).unwrap();
    assert_eq!(world.found("deals", json!({})).await, [0_u64; 0], "a restored row has to be indexed again");
    world.control().advance(Duration::from_secs(30));
    assert_eq!(world.found("deals", json!({})).await, [deal]);
}

#[tokio::test]
async fn twelve_thousand_rows_of_one_stamp_are_walked_by_id() {
    let world = World::empty().await;
    let insert =
        |n: u32| RowChange::Insert { object: "deals".into(), properties: props(json!({"dealname": n})) };
    let mass = RowChanges { ops: (0..12_000).map(insert).collect(), ..RowChanges::default() };
    let truth: BTreeSet<u64> = world.control().apply(&mass).into_iter().map(Result::unwrap).collect();
    assert_eq!(truth.len(), 12_000);
    let (mut seen, mut last, mut after) = (BTreeSet::new(), 0, 0);
    loop {
        let mut body = window("hs_lastmodifieddate", START, START + 1, last);
        body["after"] = json!(after.to_string());
        let (status, page) = world.search("deals", body).await;
        if status == 400 {
            // The cap: on with the same window behind the last id.
            assert_eq!(after, 10_000);
            (last, after) = (*seen.last().unwrap(), 0);
            continue;
        }
        seen.extend(ids(&page));
        match page["paging"]["next"]["after"].as_str() {
            Some(next) => after = next.parse().unwrap(),
            None => break,
        }
    }
    assert_eq!(seen, truth);
}

#[tokio::test]
async fn random_windows_find_exactly_what_the_rows_say() {
    let world = World::with(crate::support::SMALL).await;
    let rows: Vec<(u64, i64)> = world
        .control()
        .read(|account| account.rows("deals", false).map(|(id, row)| (id, row.updated_at)).collect());
    let mut rng = fastrand::Rng::with_seed(1);
    for _ in 0..150 {
        // Ends are often stamps that exist, so that edges are met.
        let mut end = || {
            let stamp = rows[rng.usize(..rows.len())].1;
            stamp + [0, 0, 1, -1, 86_400_000][rng.usize(..5)]
        };
        let (from, to) = (end(), end());
        let after = if rng.bool() { 0 } else { rows[rng.usize(..rows.len())].0 };
        let (status, page) = world.search("deals", window("hs_lastmodifieddate", from, to, after)).await;
        assert_eq!(status, 200);
        let truth: Vec<u64> = rows
            .iter()
            .filter(|(id, at)| *id > after && (from..to).contains(at))
            .map(|(id, _)| *id)
            .collect();
        assert_eq!(page["total"], truth.len(), "{from}..{to} after {after}");
        assert_eq!(ids(&page), truth[..truth.len().min(200)], "{from}..{to} after {after}");
    }
}
