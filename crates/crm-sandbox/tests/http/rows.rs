//! Single rows: create, read, update, upsert, delete.

use std::time::Duration;

use crm_sandbox::salesforce::model::RecordId;
use reqwest::Method;

use crate::support::{Json, V, World, code, json};

fn path(object: &str, id: &str) -> String {
    format!("{V}/sobjects/{object}/{id}")
}

#[tokio::test]
async fn created_row_reads_back() {
    let world = World::empty().await;
    let body = json!({"Name": "Zażółć \"gęślą\" 🚀", "AnnualRevenue": 1.39e8, "NumberOfEmployees": 12});
    let answer =
        world.request(Method::POST, &format!("{V}/sobjects/Account/")).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let (status, row) = world.get(&location).await;
    assert_eq!(status, 200);
    assert_eq!((&row["Name"], &row["NumberOfEmployees"]), (&body["Name"], &json!(12)));
    assert_eq!(row["AnnualRevenue"].as_f64(), Some(1.39e8));
    assert_eq!((&row["Rating"], &row["IsDeleted"]), (&Json::Null, &json!(false)));
    assert_eq!(row["SystemModstamp"], "2026-01-05T08:00:00.000+0000");
    let (_, few) = world.get(&format!("{location}?fields=Name,Rating")).await;
    let mut keys: Vec<_> = few.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["Name", "Rating", "attributes"]);
    let short = &location[..location.len() - 3];
    assert_eq!(world.get(short).await.1["Id"], row["Id"], "15 characters find it too");
}

#[tokio::test]
async fn update_moves_the_stamp_and_leaves_other_fields() {
    let world = World::empty().await;
    let id = world.create("Account", json!({"Name": "A", "Phone": "1", "Rating": "Hot"})).await;
    world.control().advance(Duration::from_millis(90_500));
    let (status, body) = world.patch(&path("Account", &id), json!({"Phone": null, "Rating": "Cold"})).await;
    assert_eq!((status, body), (204, Json::Null));
    let (_, row) = world.get(&path("Account", &id)).await;
    assert_eq!((&row["Name"], &row["Phone"], &row["Rating"]), (&json!("A"), &Json::Null, &json!("Cold")));
    assert_eq!(row["SystemModstamp"], "2026-01-05T08:01:30.000+0000", "whole seconds");
    assert_eq!(row["CreatedDate"], "2026-01-05T08:00:00.000+0000");
    let tunnel = format!("{}?_HttpMethod=PATCH", path("Account", &id));
    assert_eq!(world.post(&tunnel, json!({"Phone": "2"})).await.0, 204);
}

#[tokio::test]
async fn refused_rows_name_code_and_field() {
    let world = World::empty().await;
    let account = world.create("Account", json!({"Name": "A"})).await;
    let base = json!({"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-02-01"});
    let cases = [
        ("Name", Json::Null, "REQUIRED_FIELD_MISSING"),
        ("Name", json!("x".repeat(121)), "STRING_TOO_LONG"),
        ("Nope__c", json!(1), "INVALID_FIELD"),
        ("Weighted__c", json!(1), "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ("SystemModstamp", json!("2026-01-01T00:00:00Z"), "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ("Id", json!(account), "INVALID_FIELD"),
        ("Amount", json!(1e30), "NUMBER_OUTSIDE_VALID_RANGE"),
        ("Amount", json!("much"), "JSON_PARSER_ERROR"),
        ("CloseDate", json!("soon"), "JSON_PARSER_ERROR"),
        ("Priority__c", json!("Urgent"), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ("AccountId", json!("001nonsense"), "MALFORMED_ID"),
        ("AccountId", json!(RecordId::new("005", 1)), "MALFORMED_ID"),
        ("AccountId", json!(RecordId::new("001", 999)), "INVALID_CROSS_REFERENCE_KEY"),
    ];
    for (field, value, expected) in cases {
        let mut body = base.clone();
        body[field] = value;
        let (status, answer) = world.post(&format!("{V}/sobjects/Opportunity"), body).await;
        assert_eq!((status, code(&answer)), (400, expected), "{field}: {answer}");
    }
    assert_eq!(world.records("SELECT Id FROM Opportunity").await.len(), 0);
    let broken =
        world.request(Method::POST, &format!("{V}/sobjects/Account")).body("{\"Name\":").send().await;
    let (status, answer) = crate::support::read(broken.unwrap()).await;
    assert_eq!((status, code(&answer)), (400, "JSON_PARSER_ERROR"));
}

#[tokio::test]
async fn missing_and_deleted_rows_differ() {
    let world = World::empty().await;
    let id = world.create("Account", json!({"Name": "A"})).await;
    assert_eq!(world.delete(&path("Account", &id)).await.0, 204);
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        let (status, body) = world.call(method, &path("Account", &id), Some(json!({"Name": "B"}))).await;
        assert_eq!((status, code(&body)), (404, "ENTITY_IS_DELETED"));
    }
    let never = RecordId::new("001", 77);
    let (status, body) = world.get(&path("Account", never.as_str())).await;
    assert_eq!((status, code(&body)), (404, "NOT_FOUND"));
    let (status, body) = world.get(&path("Account", "001Dn00000AbCdEAAA")).await;
    assert_eq!((status, code(&body)), (400, "MALFORMED_ID"), "wrong suffix");
    assert_eq!(world.get(&path("Nothing", &id)).await.0, 404);
    assert_eq!(world.call(Method::PUT, &path("Account", &id), Some(json!({}))).await.0, 405);
}

#[tokio::test]
async fn upsert_inserts_once_and_then_updates() {
    let world = World::empty().await;
    let key = path("Account", "Ext__c/A%2F17");
    assert_eq!(world.patch(&format!("{key}?updateOnly=true"), json!({"Name": "A"})).await.0, 404);
    let (status, first) = world.patch(&key, json!({"Name": "A"})).await;
    assert_eq!((status, &first["created"]), (201, &json!(true)));
    let (status, second) = world.patch(&key, json!({"Name": "B"})).await;
    assert_eq!((status, &second["created"], &second["id"]), (200, &json!(false), &first["id"]));
    assert_eq!(world.get(&key).await.1["Name"], "B");
    let old = key.replace("v66.0", "v45.0");
    assert_eq!(world.patch(&old, json!({"Name": "C"})).await, (204, Json::Null), "silent before v46");
    let (status, body) = world.patch(&key, json!({"Name": "D", "Ext__c": "A-18"})).await;
    assert_eq!((status, code(&body)), (400, "INVALID_FIELD"), "the key stays out of the body");
    let (status, body) =
        world.post(&format!("{V}/sobjects/Account"), json!({"Name": "E", "Ext__c": "a/17"})).await;
    assert_eq!((status, code(&body)), (400, "DUPLICATE_VALUE"), "keys ignore case");
    assert_eq!(world.delete(&key).await.0, 204);
    assert_eq!(
        world.patch(&path("Account", "Phone/1"), json!({"Name": "A"})).await.0,
        404,
        "not a key field"
    );
}

#[tokio::test]
async fn ambiguous_key_offers_the_choices() {
    let world = World::empty().await;
    for name in ["A", "B"] {
        world.create("Contact", json!({"LastName": name, "Email": "same@mail.example"})).await;
    }
    let (status, body) =
        world.patch(&path("Contact", "Email/same@mail.example"), json!({"Title": "CEO"})).await;
    assert_eq!((status, body.as_array().unwrap().len()), (300, 2));
    assert!(body[0].as_str().unwrap().starts_with("/services/data/v66.0/sobjects/Contact/003"));
}

#[tokio::test]
async fn parent_can_be_named_by_its_key() {
    let world = World::empty().await;
    let account = world.create("Account", json!({"Name": "A", "Ext__c": "A-17"})).await;
    world.create("Contact", json!({"LastName": "Roe", "Account": {"Ext__c": "A-17"}})).await;
    assert_eq!(world.records("SELECT AccountId FROM Contact").await[0]["AccountId"], account.as_str());
    let body = json!({"LastName": "Doe", "Account": {"Ext__c": "A-99"}});
    let (status, answer) = world.post(&format!("{V}/sobjects/Contact"), body).await;
    assert_eq!((status, code(&answer)), (400, "INVALID_FIELD"));
}

#[tokio::test]
async fn deleting_an_account_takes_its_children_and_undeleting_brings_them_back() {
    let world = World::empty().await;
    let account = world.create("Account", json!({"Name": "A"})).await;
    world.create("Contact", json!({"LastName": "Roe", "AccountId": account})).await;
    assert_eq!(world.delete(&path("Account", &account)).await.0, 204);
    assert!(world.records("SELECT Id FROM Contact").await.is_empty());
    world.control().undelete(account.parse().unwrap()).unwrap();
    assert_eq!(world.records("SELECT Id FROM Contact WHERE Account.Name = 'A'").await.len(), 1);
}

#[tokio::test]
async fn conditional_requests_follow_the_stamp() {
    let world = World::empty().await;
    let id = world.create("Account", json!({"Name": "A"})).await;
    let now = "Mon, 05 Jan 2026 08:00:00 GMT";
    let get = world.request(Method::GET, &path("Account", &id)).header("If-Modified-Since", now);
    assert_eq!(get.send().await.unwrap().status(), 304);
    world.control().advance(Duration::from_secs(5));
    world.patch(&path("Account", &id), json!({"Name": "B"})).await;
    let patch = world.request(Method::PATCH, &path("Account", &id)).header("If-Unmodified-Since", now);
    assert_eq!(patch.json(&json!({"Name": "C"})).send().await.unwrap().status(), 412);
}

#[tokio::test]
async fn cases_are_numbered_and_dated_by_the_org() {
    let world = World::empty().await;
    let body = json!({"Subject": "Broken", "Status": "New", "Priority": "High"});
    let first = world.create("Case", body.clone()).await;
    let second = world.create("Case", body).await;
    let read = async |id: &str| world.get(&path("Case", id)).await.1;
    assert_eq!(read(&first).await["CaseNumber"], "00000001");
    assert_eq!(read(&second).await["CaseNumber"], "00000002");
    world.control().advance(Duration::from_secs(60));
    world.patch(&path("Case", &first), json!({"Status": "Closed"})).await;
    let closed = read(&first).await;
    assert_eq!(
        (&closed["IsClosed"], &closed["ClosedDate"]),
        (&json!(true), &json!("2026-01-05T08:01:00.000+0000"))
    );
    world.patch(&path("Case", &first), json!({"Status": "Working"})).await;
    assert_eq!(read(&first).await["ClosedDate"], Json::Null);
    assert_eq!(world.patch(&path("Case", &first), json!({"CaseNumber": "1"})).await.0, 400);
}

#[tokio::test]
async fn contact_roles_go_and_come_back_with_their_opportunity() {
    let world = World::empty().await;
    let account = world.create("Account", json!({"Name": "A"})).await;
    let deal = json!({
        "Name": "D", "AccountId": account, "StageName": "Prospecting", "CloseDate": "2026-02-01",
    });
    let deal = world.create("Opportunity", deal).await;
    let contact = world.create("Contact", json!({"LastName": "Roe"})).await;
    let role = json!({"OpportunityId": deal, "ContactId": contact, "Role": "Evaluator", "IsPrimary": true});
    let role = world.create("OpportunityContactRole", role).await;
    let soql = "SELECT Id, Contact.LastName FROM OpportunityContactRole WHERE Opportunity.Name = 'D'";
    assert_eq!(world.records(soql).await[0]["Contact"]["LastName"], "Roe");
    let role_of = path("OpportunityContactRole", &role);
    assert_eq!(world.patch(&role_of, json!({"OpportunityId": deal})).await.0, 400, "moved to no other one");
    // The account takes its opportunities along, and those their roles.
    world.delete(&path("Account", &account)).await;
    assert!(world.records(soql).await.is_empty());
    world.control().undelete(account.parse().unwrap()).unwrap();
    assert_eq!(world.records(soql).await[0]["Id"], role.as_str());
}

#[tokio::test]
async fn a_custom_object_is_written_by_its_own_key() {
    let world = World::empty().await;
    let keyed = path("Project__c", "Code__c/PRJ-1");
    let (status, made) = world.patch(&keyed, json!({"Name": "Rollout", "Budget__c": 1500.5})).await;
    assert_eq!((status, &made["created"]), (201, &json!(true)));
    assert_eq!(world.get(&keyed).await.1["Budget__c"], json!(1500.5));
    let twin =
        world.post(&format!("{V}/sobjects/Project__c"), json!({"Name": "B", "Code__c": "prj-1"})).await;
    assert_eq!((twin.0, code(&twin.1)), (400, "DUPLICATE_VALUE"));
}
