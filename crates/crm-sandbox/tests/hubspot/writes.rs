//! Rows that fail one by one, automations, answers that get lost.

use std::time::Duration;

use crm_sandbox::hubspot::schema::PropertySpec;
use crm_sandbox::hubspot::{HubspotSettings, RowFailure, RowRule};
use crm_sandbox::{Fault, FaultRule, HubspotSandbox, Workflow};
use reqwest::Method;

use crate::support::{Json, V3, World, category, id, json};

const KEY: &str = "hexsync_key";

async fn world() -> World {
    let builder = HubspotSandbox::builder().settings(HubspotSettings::without_bursts());
    let builder = ["contacts", "companies"]
        .iter()
        .fold(builder, |one, object| one.property(*object, PropertySpec::key(KEY)));
    World::start(builder).await
}

#[expect(clippy::needless_pass_by_value, reason = "so that callers write it in place")]
fn upsert(key: &str, properties: Json) -> Json {
    json!({"id": key, "idProperty": KEY, "properties": properties, "objectWriteTraceId": key})
}

async fn batch(world: &World, operation: &str, inputs: &[Json]) -> (u16, Json) {
    world.post(&format!("{V3}/companies/batch/{operation}"), json!({"inputs": inputs})).await
}

#[tokio::test]
async fn an_account_is_given_a_key_that_rows_are_upserted_by() {
    let world = world().await;
    let (_, property) = world.get(&format!("/crm/v3/properties/companies/{KEY}")).await;
    assert_eq!(property["hasUniqueValue"], true);
    let inputs = [upsert("k1", json!({"name": "A"})), upsert("k2", json!({"name": "B"}))];
    for new in [true, false] {
        let (status, body) = batch(&world, "upsert", &inputs).await;
        assert_eq!((status, body["results"].as_array().unwrap().len()), (200, 2));
        assert!(body["results"].as_array().unwrap().iter().all(|row| row["new"] == new));
    }
    let taken = json!({"properties": {"name": "C", KEY: "k1"}});
    let (status, refused) = world.post(&format!("{V3}/companies"), taken).await;
    assert_eq!((status, category(&refused)), (400, "VALIDATION_ERROR"));
    assert!(refused["message"].as_str().unwrap().contains("CONFLICTING_UNIQUE_VALUE"));
    let (_, cleared) = batch(&world, "upsert", &[upsert("k1", json!({"name": "A", "domain": ""}))]).await;
    assert_eq!(cleared["results"][0]["properties"]["domain"], Json::Null);
}

#[tokio::test]
async fn bad_rows_of_a_batch_fail_alone_or_take_all_along() {
    let world = world().await;
    world
        .control()
        .set_row_rules(vec![RowRule::new(RowFailure::ValidationError).with("name", "Bad").message("no")]);
    let traced = [upsert("k1", json!({"name": "Good"})), upsert("k2", json!({"name": "Bad"}))];
    let (status, body) = batch(&world, "upsert", &traced).await;
    assert_eq!((status, &body["numErrors"], &body["errors"][0]["message"]), (207, &json!(1), &json!("no")));
    assert_eq!(body["errors"][0]["context"]["objectWriteTraceId"], json!(["k2"]));
    assert_eq!(world.control().rows("companies", false).len(), 1);
    let mut bare = [upsert("k3", json!({"name": "Good"})), upsert("k4", json!({"name": "Bad"}))];
    for input in &mut bare {
        input.as_object_mut().unwrap().remove("objectWriteTraceId");
    }
    assert_eq!(batch(&world, "upsert", &bare).await.0, 400);
    assert_eq!(world.control().rows("companies", false).len(), 1, "all of it was undone");
}

#[tokio::test]
async fn locked_rows_give_way_after_some_tries() {
    let world = world().await;
    world.control().set_row_rules(vec![RowRule::new(RowFailure::Locked).on("company").first_tries(2)]);
    let path = format!("{V3}/companies");
    for expected in [423, 423, 201] {
        assert_eq!(world.post(&path, json!({"properties": {"name": "A", KEY: "k"}})).await.0, expected);
    }
    for (failure, status, name) in [
        (RowFailure::ObjectNotFound, 404, "OBJECT_NOT_FOUND"),
        (RowFailure::Conflict, 409, "CONFLICT"),
        (RowFailure::InsufficientPermissions, 403, "INSUFFICIENT_PERMISSIONS"),
        (RowFailure::InternalError, 500, "INTERNAL_ERROR"),
    ] {
        world.control().set_row_rules(vec![RowRule::new(failure).times(1)]);
        let (code, body) = world.post(&path, json!({"properties": {"name": "B"}})).await;
        assert_eq!((code, category(&body)), (status, name));
    }
    let (status, _) = world.post(&path, json!({"properties": {"name": "B"}})).await;
    assert_eq!(status, 201);
}

#[tokio::test]
async fn an_automation_rewrites_a_row_after_the_answer() {
    let world = world().await;
    world.control().set_workflows(vec![Workflow::append("companies", "name", " GmbH").times(1)]);
    let (_, made) = world.post(&format!("{V3}/companies"), json!({"properties": {"name": "A"}})).await;
    assert_eq!(made["properties"]["name"], "A", "the writer sees its own work");
    let path = format!("{V3}/companies/{}?properties=name&propertiesWithHistory=name", id(&made));
    let (_, row) = world.get(&path).await;
    assert_eq!(row["properties"]["name"], "A GmbH");
    assert_eq!(
        (&made["updatedAt"], &row["updatedAt"]),
        (&json!("2026-01-05T08:00:00Z"), &json!("2026-01-05T08:00:00.001Z"))
    );
    let sources: Vec<_> = row["propertiesWithHistory"]["name"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["sourceType"])
        .collect();
    assert_eq!(sources, ["AUTOMATION_PLATFORM", "API"]);
}

#[tokio::test]
async fn an_answer_may_be_lost_after_the_rows_were_written() {
    let world = world().await;
    world.control().edit_settings(|settings| settings.log_bodies = true);
    let url = format!("{V3}/companies/batch/upsert");
    let body = json!({"inputs": [upsert("k1", json!({"name": "A"}))]});
    let send = || world.request(Method::POST, &url).json(&body).timeout(Duration::from_millis(400)).send();
    for fault in [Fault::DropAnswer, Fault::LateAnswer { ms: 60_000 }] {
        world.control().set_faults(vec![FaultRule::new(fault).on("batch_write").times(1)]);
        assert!(send().await.is_err());
    }
    assert_eq!(world.control().rows("companies", false).len(), 1);
    for (fault, status) in [
        (Fault::Locked, 423),
        (Fault::Migration { retry_after_s: Some(1) }, 477),
        (Fault::BurstLimit, 429),
        (Fault::Twice, 200),
    ] {
        world.control().set_faults(vec![FaultRule::new(fault).on("batch_write").times(1)]);
        assert_eq!(send().await.unwrap().status().as_u16(), status);
    }
    assert_eq!(world.control().rows("companies", false).len(), 1);
    let log = world.control().request_log();
    let statuses: Vec<_> = log.iter().map(|one| one.status).collect();
    assert_eq!(statuses, [None, Some(200), Some(423), Some(477), Some(429), Some(200), Some(200)]);
    assert!(log.iter().all(|one| one.body.as_ref() == Some(&body)));
}
