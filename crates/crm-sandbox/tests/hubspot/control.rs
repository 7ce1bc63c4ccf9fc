//! The control API and what only it can do.

use std::time::Duration;

use crm_sandbox::HubspotSandbox;
use crm_sandbox::hubspot::{HubspotSettings, LinkSpec};

use crate::support::{Json, V3, World, id, json, props};

#[tokio::test]
async fn rows_are_written_in_lists_with_any_text() {
    let world = World::empty().await;
    let body = json!({
    "stamp": "2025-12-31T23:59:59.007Z",
    "ops": [
        {"op": "insert", "object": "deals", "properties": {"dealname": "A", "amount": "a lot", "hs_object_id": "77", "createdate": "2025-01-01T00:00:00Z"}},
        {"op": "insert", "object": "companies", "properties": {"name": "C", "hs_object_id": "88"}},
        {"op": "associate", "from_object": "deals", "from": 77, "to_object": "companies", "to": 88, "labels": ["Primary"]},
        {"op": "update", "object": "deals", "id": 77, "properties": {"hs_priority": ""}},
        {"op": "archive", "object": "companies", "id": 88},
        {"op": "restore", "object": "companies", "id": 88},
        {"op": "update", "object": "deals", "id": 1, "properties": {}},
        {"op": "insert", "object": "deals", "properties": {"nope": "x"}},
    ]});
    let (status, done) = world.post("/_sandbox/rows", body).await;
    assert_eq!(status, 200, "{done}");
    let told: Vec<_> = done.as_array().unwrap().iter().map(|one| one["success"].as_bool().unwrap()).collect();
    assert_eq!(told, [true, true, true, true, true, true, false, false]);
    let (_, row) = world.get("/_sandbox/rows/deals/77").await;
    assert_eq!(
        (&row["createdAt"], &row["updatedAt"]),
        (&json!("2025-01-01T00:00:00Z"), &json!("2025-12-31T23:59:59.007Z"))
    );
    assert_eq!(
        (&row["properties"]["amount"], &row["properties"]["hs_priority"]),
        (&json!("a lot"), &json!(""))
    );
    let (_, links) = world.get("/_sandbox/associations/deals/companies").await;
    assert_eq!(links, json!([{"from": "77", "to": "88", "labels": ["Primary"]}]));
    let (_, rows) = world.get("/_sandbox/rows/deals").await;
    assert_eq!(rows.as_array().unwrap().len(), 1);
    let rest = json!({"ops": [
        {"op": "disassociate", "from_object": "deals", "from": 77, "to_object": "companies", "to": 88, "labels": ["Primary"]},
        {"op": "purge", "object": "deals", "id": 77}]});
    world.post("/_sandbox/rows", rest).await;
    assert_eq!(world.get("/_sandbox/rows/deals/77").await.0, 404);
}

#[tokio::test]
async fn upsert_makes_or_changes_a_row_under_its_id() {
    let world = World::empty().await;
    for amount in ["1", "2"] {
        world.control().upsert("deals", 4_242, &props(json!({"amount": amount}))).unwrap();
    }
    assert_eq!(world.control().row("deals", 4_242).unwrap()["properties"]["amount"], "2");
    assert_eq!(world.control().rows("deals", false).len(), 1);
    world.control().upsert("deals", 50_000_000_000, &props(json!({}))).unwrap();
    assert_eq!(world.insert("deals", json!({})), 50_000_000_001, "ids given by hand are not given again");
}

#[tokio::test]
async fn calculated_properties_change_without_moving_the_modified_date() {
    let world = World::empty().await;
    let company = world.insert("companies", json!({"name": "C", "tier": "a"}));
    let deal = world.insert(
        "deals",
        json!({"dealname": "D", "amount": "1000", "dealstage": "qualifiedtobuy", "pipeline": "default"}),
    );
    world
        .control()
        .associate(LinkSpec::new(("deals", deal), ("companies", company)).label("Primary"))
        .unwrap();
    let see = || {
        world.control().read(|account| {
            let value = |object, id, name| account.value(object, id, name).unwrap_or_default();
            [
                value("deals", deal, "company_tier"),
                value("deals", deal, "hs_projected_amount"),
                value("deals", deal, "hs_lastmodifieddate"),
                value("companies", company, "hs_total_deal_value"),
                value("companies", company, "num_associated_deals"),
                value("companies", company, "hs_lastmodifieddate"),
            ]
        })
    };
    let start = "2026-01-05T08:00:00Z";
    assert_eq!(see(), ["a", "400", start, "1000", "1", start]);
    world.control().advance(Duration::from_secs(60));
    world.control().update("companies", company, &props(json!({"tier": "b"}))).unwrap();
    assert!(world.control().set_stage_probability("qualifiedtobuy", "0.5"));
    assert_eq!(see(), ["b", "500", start, "1000", "1", "2026-01-05T08:01:00Z"]);
    world.control().advance(Duration::from_secs(60));
    world.control().update("deals", deal, &props(json!({"amount": "1.5E3"}))).unwrap();
    assert_eq!(see()[2..], ["2026-01-05T08:02:00Z", "1500", "1", "2026-01-05T08:01:00Z"]);
    let (_, page) = world
        .search(
            "deals",
            json!({"filterGroups": [{"filters": [
        {"propertyName": "company_tier", "operator": "EQ", "value": "b"}]}], "properties": ["company_tier"]}),
        )
        .await;
    assert_eq!(page["results"][0]["properties"]["company_tier"], "b");

    world.control().edit_settings(|settings| settings.calculated_moves_modified = true);
    world.control().advance(Duration::from_secs(60));
    world.control().update("deals", deal, &props(json!({"amount": "7"}))).unwrap();
    assert_eq!(see()[5], "2026-01-05T08:03:00Z", "the company moved with its deal");
}

#[tokio::test]
async fn schema_settings_faults_and_clock_over_http() {
    let world = World::empty().await;
    let add = json!({"op": "add", "object": "deals", "property": {"name": "fresh", "type": "number"}});
    assert_eq!(world.post("/_sandbox/schema", add).await.0, 204);
    let change = json!({"op": "change", "object": "deals", "name": "fresh", "property": {"type": "string"}});
    assert_eq!(world.post("/_sandbox/schema", change).await.0, 204);
    assert_eq!(world.get("/crm/v3/properties/deals/fresh").await.1["type"], "string");
    let archive = json!({"op": "archive", "object": "deals", "name": "fresh"});
    assert_eq!(world.post("/_sandbox/schema", archive).await.0, 204);
    let stage = json!({"op": "stage_probability", "stage": "none", "probability": "1"});
    assert_eq!(world.post("/_sandbox/schema", stage).await.0, 404);

    let (_, settings) =
        world.patch("/_sandbox/settings", json!({"index_lag_ms": 1500, "burst_max": null})).await;
    assert_eq!((&settings["index_lag_ms"], &settings["access_token_s"]), (&json!(1500), &json!(1800)));
    assert_eq!(world.control().settings().index_lag, Duration::from_millis(1500));
    assert_eq!(world.patch("/_sandbox/settings", json!({"index_lag_ms": "x"})).await.0, 400);

    let (_, clock) = world.post("/_sandbox/clock/advance", json!({"seconds": 90})).await;
    assert_eq!(clock["now"], "2026-01-05T08:01:30+00:00");
    let rule = json!({"fault": {"kind": "locked"}, "on": ["list"], "times": 1});
    assert_eq!(world.post("/_sandbox/faults", rule).await.1.as_array().unwrap().len(), 1);
    assert_eq!(world.get(&format!("{V3}/deals")).await.0, 423);
    assert_eq!(world.get("/_sandbox/requests").await.1["list"], 1);
    assert_eq!(world.delete("/_sandbox/requests").await.0, 204);
    let (_, app) = world.get("/_sandbox/credentials").await;
    assert_eq!(app["private_app_token"], json!(world.token));
    let limit = json!({"used": 5, "max": 5});
    assert_eq!(world.call(reqwest::Method::PUT, "/_sandbox/daily-limit", Some(limit)).await.0, 204);
    assert_eq!(world.get(&format!("{V3}/deals")).await.0, 429);
}

#[tokio::test]
async fn the_control_api_can_be_switched_off() {
    let settings = HubspotSettings { control_api: false, ..HubspotSettings::default() };
    let world = World::start(HubspotSandbox::builder().settings(settings)).await;
    assert_eq!(world.get("/_sandbox/clock").await.0, 404);
}

#[tokio::test]
async fn ids_may_come_out_of_order() {
    let world = World::empty().await;
    world.control().edit_settings(|settings| settings.ids_out_of_order = true);
    let ids: Vec<u64> = (0..30).map(|n| world.insert("deals", json!({"dealname": n}))).collect();
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), 30, "none twice");
    assert_ne!(ids, sorted);
}

#[tokio::test]
async fn the_same_seed_and_calls_give_the_same_account() {
    let run = async |seed: u64| {
        let world = World::start(HubspotSandbox::builder().seed(seed).account(crate::support::SMALL)).await;
        let (_, made) = world.post(&format!("{V3}/contacts"), json!({"properties": {"lastname": "N"}})).await;
        let page: Json = world.get(&format!("{V3}/deals?limit=100&associations=contacts")).await.1;
        (id(&made), page, world.token.clone(), world.control().open_session())
    };
    assert_eq!(run(3).await, run(3).await);
    assert_ne!(run(3).await, run(4).await);
}
