//! Changing the org while it runs: the control API, late visibility, shared stamps, formulas, merges.

use std::time::Duration;

use crm_sandbox::salesforce::{RowChange, RowChanges};
use reqwest::Method;

use crate::support::{Json, V, World, code, json};

#[tokio::test]
async fn rows_change_over_the_control_api() {
    let world = World::empty().await;
    let body = json!({
        "stamp": "2026-01-05T07:30:00Z",
        "ops": [
            {"op": "insert", "object": "Account", "fields": {"Name": "A", "CreatedDate": "2025-06-01T00:00:00Z"}},
            {"op": "insert", "object": "Account", "fields": {"Name": "B"}},
            {"op": "insert", "object": "Account", "fields": {"Nope": 1}},
        ],
    });
    let (status, done) = world.post("/_sandbox/rows", body).await;
    assert_eq!(status, 200);
    assert_eq!(done[2]["errors"][0]["statusCode"], "INVALID_FIELD");
    let rows = world.records("SELECT Id, Name, CreatedDate, SystemModstamp FROM Account ORDER BY Name").await;
    assert_eq!(rows[0]["CreatedDate"], "2025-06-01T00:00:00.000+0000");
    assert_eq!(rows[0]["SystemModstamp"], "2026-01-05T07:30:00.000+0000");
    assert_eq!(rows[0]["SystemModstamp"], rows[1]["SystemModstamp"], "one bulk edit, one stamp");

    let id = rows[0]["Id"].as_str().unwrap();
    let ops = json!([
        {"op": "update", "id": id, "fields": {"Name": {"$raw": "{\"odd\": [1"}}},
        {"op": "delete", "id": rows[1]["Id"]},
    ]);
    world.post("/_sandbox/rows", json!({"ops": ops})).await;
    let soql = "SELECT Name FROM Account";
    let answer =
        world.request(Method::GET, &format!("{V}/query")).query(&[("q", soql)]).send().await.unwrap();
    assert!(answer.text().await.unwrap().contains("\"Name\":{\"odd\": [1"), "raw data goes out as it is");
    let (_, odd) = world.get(&format!("/_sandbox/rows/{id}")).await;
    assert_eq!(odd["Name"], "{\"odd\": [1");
}

#[tokio::test]
async fn late_rows_appear_behind_the_clock() {
    let world = World::empty().await;
    let id = world.create("Account", json!({"Name": "Old"})).await.parse().unwrap();
    world.control().advance(Duration::from_secs(60));
    let ops = vec![
        RowChange::Update { id, fields: json!({"Name": "New"}).as_object().unwrap().clone() },
        RowChange::Insert {
            object: "Account".into(),
            fields: json!({"Name": "Late"}).as_object().unwrap().clone(),
        },
    ];
    let done =
        world.control().apply(&RowChanges { visible_after_s: Some(300), ops, ..RowChanges::default() });
    let late = *done[1].as_ref().unwrap();
    let soql = "SELECT Name, SystemModstamp FROM Account ORDER BY SystemModstamp, Id";
    let names = async || -> Vec<Json> {
        world.records(soql).await.into_iter().map(|row| row["Name"].clone()).collect()
    };
    assert_eq!(names().await, ["Old"]);
    assert_eq!(world.get(&format!("{V}/sobjects/Account/{late}")).await.0, 404);
    world.control().advance(Duration::from_secs(299));
    assert_eq!(names().await, ["Old"]);
    world.control().advance(Duration::from_secs(1));
    assert_eq!(names().await, ["New", "Late"]);
    let stamp = &world.records(soql).await[0]["SystemModstamp"];
    assert_eq!(stamp, "2026-01-05T08:01:00.000+0000", "stamped long before it could be seen");
    let since = "SELECT Name FROM Account WHERE SystemModstamp >= 2026-01-05T08:01:00Z";
    assert_eq!(world.records(since).await.len(), 2);
}

#[tokio::test]
async fn formula_changes_leave_the_stamp_alone() {
    let world = World::empty().await;
    let account = world.create("Account", json!({"Name": "A", "Rating": "Hot"})).await;
    let deal = json!({
        "Name": "D", "AccountId": account, "StageName": "Qualification", "CloseDate": "2026-02-01", "Amount": 1000,
    });
    world.create("Opportunity", deal).await;
    let soql = "SELECT Weighted__c, Account_Rating__c, SystemModstamp FROM Opportunity";
    let before = world.records(soql).await.remove(0);
    assert_eq!((&before["Weighted__c"], &before["Account_Rating__c"]), (&json!(100.0), &json!("Hot")));
    world.control().advance(Duration::from_secs(3600));
    world.patch(&format!("{V}/sobjects/Account/{account}"), json!({"Rating": "Cold"})).await;
    let body =
        json!({"op": "formula_factor", "object": "Opportunity", "name": "Weighted__c", "factor": 0.02});
    assert_eq!(world.post("/_sandbox/schema", body).await.0, 204);
    let after = world.records(soql).await.remove(0);
    assert_eq!((&after["Weighted__c"], &after["Account_Rating__c"]), (&json!(200.0), &json!("Cold")));
    assert_eq!(after["SystemModstamp"], before["SystemModstamp"]);
}

#[tokio::test]
async fn automated_edits_move_only_the_system_stamp() {
    let world = World::empty().await;
    let id = world.create("Account", json!({"Name": "A"})).await;
    world.control().advance(Duration::from_secs(60));
    let ops = json!([{"op": "update", "id": id, "fields": {"Phone": "1"}}]);
    world.post("/_sandbox/rows", json!({"keep_last_modified": true, "ops": ops})).await;
    let row = world.records("SELECT LastModifiedDate, SystemModstamp FROM Account").await.remove(0);
    assert_eq!(row["LastModifiedDate"], "2026-01-05T08:00:00.000+0000");
    assert_eq!(row["SystemModstamp"], "2026-01-05T08:01:00.000+0000");
}

#[tokio::test]
async fn merged_rows_point_at_their_winner() {
    let world = World::empty().await;
    let winner = world.create("Account", json!({"Name": "Winner"})).await;
    let loser = world.create("Account", json!({"Name": "Loser"})).await;
    world.create("Contact", json!({"LastName": "Roe", "AccountId": loser})).await;
    let ops = json!([{"op": "merge", "winner": winner, "losers": [loser]}]);
    let (_, done) = world.post("/_sandbox/rows", json!({"ops": ops})).await;
    assert_eq!(done[0]["success"], true, "{done}");
    let soql = "SELECT Id, MasterRecordId FROM Account WHERE IsDeleted = true";
    let (_, all) = world.query_at("queryAll", soql).await;
    assert_eq!(all["records"][0]["Id"], loser.as_str());
    assert_eq!(all["records"][0]["MasterRecordId"], winner.as_str());
    assert_eq!(world.records("SELECT AccountId FROM Contact").await[0]["AccountId"], winner.as_str());
}

#[tokio::test]
async fn purged_row_is_in_no_answer() {
    let world = World::empty().await;
    let id = world.create("Account", json!({"Name": "A"})).await;
    world.post("/_sandbox/rows", json!({"ops": [{"op": "purge", "id": id}]})).await;
    let (_, all) = world.query_at("queryAll", "SELECT Id FROM Account").await;
    assert_eq!(all["totalSize"], 0);
    assert_eq!(world.get(&format!("{V}/sobjects/Account/{id}")).await.0, 404);
}

#[tokio::test]
async fn clock_sessions_and_tokens_obey_the_control_api() {
    let world = World::empty().await;
    let (_, clock) = world.post("/_sandbox/clock/advance", json!({"seconds": 90})).await;
    assert_eq!(clock["now"], "2026-01-05T08:01:30+00:00");
    assert_eq!(world.get("/_sandbox/clock").await.1, clock);
    world.post("/_sandbox/sessions/expire", json!({})).await;
    assert_eq!(code(&world.get(&format!("{V}/limits")).await.1), "INVALID_SESSION_ID");
    let (_, app) = world.get("/_sandbox/credentials").await;
    let form = |token: &Json| {
        let text = |key: &str| app[key].as_str().unwrap().to_owned();
        [
            ("grant_type", "refresh_token".to_owned()),
            ("client_id", text("client_id")),
            ("client_secret", text("client_secret")),
            ("refresh_token", token.as_str().unwrap().to_owned()),
        ]
    };
    let login = async |token: &Json| {
        let fields = form(token);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
        world.form("token", &fields).await
    };
    assert_eq!(login(&app["refresh_token"]).await.0, 200);
    world.post("/_sandbox/refresh-tokens/revoke", json!({})).await;
    assert_eq!(login(&app["refresh_token"]).await.1["error"], "invalid_grant");
    let (_, fresh) = world.post("/_sandbox/refresh-tokens", json!({})).await;
    assert_eq!(login(&fresh["refresh_token"]).await.0, 200);
    let pem = world.request(Method::GET, "/_sandbox/credentials/jwt-key").send().await.unwrap();
    assert!(pem.text().await.unwrap().starts_with("-----BEGIN PRIVATE KEY-----\n"));
}

#[tokio::test]
async fn requests_are_counted_by_kind() {
    let world = World::empty().await;
    world.get(&format!("{V}/limits")).await;
    world.query("SELECT Id FROM Account").await;
    world.query("SELECT Id FROM Account").await;
    world.get(&format!("{V}/sobjects/Account/describe")).await;
    let (_, counts) = world.get("/_sandbox/requests").await;
    assert_eq!(counts, json!({"limits": 1, "query": 2, "describe": 1, "control": 1}));
    world.delete("/_sandbox/requests").await;
    assert_eq!(world.control().request_counts().len(), 0);
}

#[tokio::test]
async fn settings_faults_and_limits_obey_the_control_api() {
    let world = World::empty().await;
    let (status, settings) = world.patch("/_sandbox/settings", json!({"session_timeout_s": 60})).await;
    assert_eq!((status, &settings["session_timeout_s"]), (200, &json!(60)));
    assert_eq!(settings["api_max"], 15_000, "what is not given stays");
    let rules = json!([{"fault": {"kind": "internal_error"}, "on": ["limits"], "times": 1}]);
    world.call(Method::PUT, "/_sandbox/faults", Some(rules)).await;
    assert_eq!(world.get(&format!("{V}/limits")).await.0, 500);
    assert_eq!(world.get(&format!("{V}/limits")).await.0, 200);
    world.delete("/_sandbox/faults").await;
    assert_eq!(world.get("/_sandbox/faults").await.1, json!([]));
    world.call(Method::PUT, "/_sandbox/api-limit", Some(json!({"used": 5, "max": 5}))).await;
    assert_eq!(world.get(&format!("{V}/limits")).await.0, 403);
    assert_eq!(world.post("/_sandbox/rows", json!({"ops": "nonsense"})).await.0, 400);
    assert_eq!(world.get("/_sandbox/nothing").await.0, 404);
}

#[tokio::test]
async fn schema_obeys_the_control_api() {
    let world = World::empty().await;
    let field = json!({"name": "Tier__c", "type": "picklist", "values": ["Gold"]});
    let body = json!({"op": "add", "object": "Account", "field": field});
    assert_eq!(world.post("/_sandbox/schema", body.clone()).await.0, 204);
    assert_eq!(code(&world.post("/_sandbox/schema", body).await.1), "DUPLICATE_DEVELOPER_NAME");
    world.create("Account", json!({"Name": "A", "Tier__c": "Gold"})).await;
    let body = json!({"op": "remove", "object": "Account", "name": "Tier__c"});
    assert_eq!(world.post("/_sandbox/schema", body).await.0, 204);
    assert_eq!(world.query("SELECT Tier__c FROM Account").await.0, 400);
}
