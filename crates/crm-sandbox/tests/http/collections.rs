//! sObject Collections.

use crate::support::{Json, V, World, code, json};

fn account(fields: Json) -> Json {
    let mut record = fields;
    record["attributes"] = json!({"type": "Account"});
    record
}

#[tokio::test]
async fn each_row_has_its_own_outcome() {
    let world = World::empty().await;
    let records =
        [account(json!({"Name": "A"})), account(json!({"Phone": "1"})), account(json!({"Name": "C"}))];
    let (status, body) = world.post(&format!("{V}/composite/sobjects"), json!({"records": records})).await;
    assert_eq!(status, 200);
    let good: Vec<bool> = body.as_array().unwrap().iter().map(|one| one["success"] == true).collect();
    assert_eq!(good, [true, false, true]);
    assert_eq!(body[1]["errors"][0]["statusCode"], "REQUIRED_FIELD_MISSING");
    assert_eq!(body[1]["errors"][0]["fields"], json!(["Name"]));
    assert_eq!(world.records("SELECT Id FROM Account").await.len(), 2);
}

#[tokio::test]
async fn all_or_none_leaves_no_trace() {
    let world = World::empty().await;
    let id = world.create("Account", json!({"Name": "Old"})).await;
    let records = [account(json!({"id": id, "Name": "New"})), account(json!({"id": "001x", "Name": "B"}))];
    let body = json!({"allOrNone": true, "records": records});
    let (status, body) =
        world.call(reqwest::Method::PATCH, &format!("{V}/composite/sobjects"), Some(body)).await;
    assert_eq!(status, 200);
    assert_eq!(body[0]["errors"][0]["statusCode"], "ALL_OR_NONE_OPERATION_ROLLED_BACK");
    assert_eq!(body[1]["errors"][0]["statusCode"], "MALFORMED_ID");
    assert_eq!(world.records("SELECT Name FROM Account").await[0]["Name"], "Old");

    let body = json!({"allOrNone": true, "records": [account(json!({"Name": "X"})), account(json!({}))]});
    world.post(&format!("{V}/composite/sobjects"), body).await;
    assert_eq!(world.records("SELECT Id FROM Account").await.len(), 1, "inserts are undone too");

    let path = format!("{V}/composite/sobjects?allOrNone=true&ids={id},001Dn0000000zzz");
    let (_, body) = world.delete(&path).await;
    assert_eq!(body[1]["errors"][0]["statusCode"], "INVALID_CROSS_REFERENCE_KEY");
    assert_eq!(world.records("SELECT Id FROM Account").await.len(), 1, "deletes are undone too");
    let window = "start=2026-01-05T07:00:00Z&end=2026-01-05T09:00:00Z";
    let (_, log) = world.get(&format!("{V}/sobjects/Account/deleted/?{window}")).await;
    assert_eq!(log["deletedRecords"], json!([]));
}

#[tokio::test]
async fn upserts_say_which_rows_are_new() {
    let world = World::empty().await;
    world.create("Account", json!({"Name": "A", "Ext__c": "A-1"})).await;
    let records = [
        account(json!({"Ext__c": "A-1", "Name": "A2"})),
        account(json!({"Ext__c": "A-2", "Name": "B"})),
        account(json!({"Ext__c": "A-3", "Name": "C"})),
        account(json!({"Ext__c": "A-3", "Name": "D"})),
        account(json!({"Name": "E"})),
    ];
    let (status, body) =
        world.patch(&format!("{V}/composite/sobjects/Account/Ext__c"), json!({"records": records})).await;
    assert_eq!(status, 200);
    assert_eq!((&body[0]["created"], &body[1]["created"]), (&json!(false), &json!(true)));
    assert_eq!(body[2]["errors"][0]["statusCode"], "DUPLICATE_VALUE");
    assert_eq!(body[3]["errors"][0]["statusCode"], "DUPLICATE_VALUE");
    assert_eq!(body[4]["errors"][0]["statusCode"], "MISSING_ARGUMENT");
}

#[tokio::test]
async fn reading_keeps_the_order_and_marks_gaps() {
    let world = World::empty().await;
    let a = world.create("Account", json!({"Name": "A"})).await;
    let b = world.create("Account", json!({"Name": "B"})).await;
    let path = format!("{V}/composite/sobjects/Account");
    let ids = json!([b, "001Dn0000000zzz", a]);
    let (status, body) = world.post(&path, json!({"ids": ids, "fields": ["Name"]})).await;
    assert_eq!(status, 200);
    assert_eq!((&body[0]["Name"], &body[1], &body[2]["Name"]), (&json!("B"), &Json::Null, &json!("A")));
    let (_, by_get) = world.get(&format!("{path}?ids={a}&fields=Id,Name")).await;
    assert_eq!(by_get[0]["Id"], a.as_str());
    let (status, body) = world.post(&path, json!({"ids": [a], "fields": ["Nope"]})).await;
    assert_eq!((status, code(&body)), (400, "INVALID_FIELD"));
}

#[tokio::test]
async fn more_than_200_rows_are_refused() {
    let world = World::empty().await;
    let records: Vec<Json> = (0..201).map(|n| account(json!({"Name": n.to_string()}))).collect();
    let (status, body) = world.post(&format!("{V}/composite/sobjects"), json!({"records": records})).await;
    assert_eq!((status, code(&body)), (400, "EXCEEDED_ID_LIMIT"));
    let (status, _) = world.post(&format!("{V}/composite/sobjects"), json!({"records": []})).await;
    assert_eq!(status, 400);
}
