//! query, queryAll, locators.

use std::collections::HashSet;
use std::time::Duration;

use crm_sandbox::salesforce::generate::OrgSpec;
use reqwest::Method;

use crate::support::{Json, V, World, code, json, read};

const SPEC: OrgSpec = OrgSpec { users: 3, accounts: 20, contacts: 0, opportunities: 4_500, ..OrgSpec::EMPTY };

async fn page_with(world: &World, soql: &str, batch: &str) -> Json {
    let request = world.request(Method::GET, &format!("{V}/query/")).query(&[("q", soql)]);
    let answer = request.header("Sforce-Query-Options", format!("batchSize={batch}")).send().await.unwrap();
    let (status, page) = read(answer).await;
    assert_eq!(status, 200, "{page}");
    page
}

#[tokio::test]
async fn paging_yields_every_row_once() {
    let world = World::with(SPEC).await;
    let (_, mut page) = world.query("SELECT Id, Name FROM Opportunity").await;
    let total = page["totalSize"].as_u64().unwrap();
    assert!(total > 4_400 && total < 4_500, "some rows start in the bin: {total}");
    let mut seen = HashSet::new();
    let mut sizes = Vec::new();
    loop {
        let records = page["records"].as_array().unwrap();
        sizes.push(records.len());
        seen.extend(records.iter().map(|record| record["Id"].as_str().unwrap().to_owned()));
        if page["done"] == true {
            assert_eq!(page.get("nextRecordsUrl"), None);
            break;
        }
        page = world.get(page["nextRecordsUrl"].as_str().unwrap()).await.1;
    }
    assert_eq!(sizes[..2], [2_000, 2_000]);
    assert_eq!(seen.len() as u64, total);
}

#[tokio::test]
async fn batch_size_is_advice_within_bounds_and_outlives_the_first_page() {
    let world = World::with(SPEC).await;
    let soql = "SELECT Id FROM Opportunity";
    let page = page_with(&world, soql, "500").await;
    assert_eq!(page["records"].as_array().unwrap().len(), 500);
    let next = world.get(page["nextRecordsUrl"].as_str().unwrap()).await.1;
    assert_eq!(next["records"].as_array().unwrap().len(), 500);
    assert_eq!(page_with(&world, soql, "1").await["records"].as_array().unwrap().len(), 200);
    world.control().edit_settings(|settings| settings.max_page = 150);
    assert_eq!(page_with(&world, soql, "500").await["records"].as_array().unwrap().len(), 150);
}

#[tokio::test]
async fn locator_is_bound_to_its_session_and_to_two_days() {
    let world = World::with(SPEC).await;
    let (_, page) = world.query("SELECT Id FROM Opportunity").await;
    let next = page["nextRecordsUrl"].as_str().unwrap();
    assert!(next.starts_with("/services/data/v66.0/query/01g") && next.ends_with("-2000"), "{next}");
    let other = world.control().open_session();
    let url = format!("{}{next}", world.running.base_url());
    let (status, body) = read(world.http.get(&url).bearer_auth(&other).send().await.unwrap()).await;
    assert_eq!((status, code(&body)), (400, "INVALID_QUERY_LOCATOR"));
    assert_eq!(world.get(&next.replace("/query/", "/queryAll/")).await.0, 200, "either path takes it");
    for _ in 0..48 {
        world.control().advance(Duration::from_secs(3_600));
        assert_eq!(world.get(&format!("{V}/limits")).await.0, 200, "the session stays in use");
    }
    assert_eq!(code(&world.get(next).await.1), "INVALID_QUERY_LOCATOR");
    assert_eq!(code(&world.get(&format!("{V}/query/nonsense")).await.1), "INVALID_QUERY_LOCATOR");
}

#[tokio::test]
async fn query_all_shows_what_query_hides() {
    let world = World::empty().await;
    let id = world.create("Account", json!({"Name": "Gone"})).await;
    world.create("Account", json!({"Name": "Here"})).await;
    world.delete(&format!("{V}/sobjects/Account/{id}")).await;
    let soql = "SELECT Name, IsDeleted FROM Account ORDER BY Name";
    assert_eq!(world.records(soql).await.len(), 1);
    let (_, all) = world.query_at("queryAll", soql).await;
    assert_eq!(all["records"][0]["IsDeleted"], true);
    assert_eq!(all["records"][1]["IsDeleted"], false);
}

#[tokio::test]
async fn records_name_their_type_and_parents_are_nested() {
    let world = World::empty().await;
    let account = world.create("Account", json!({"Name": "Müller & Söhne"})).await;
    let body = json!({
        "Name": "Deal", "AccountId": account, "StageName": "Closed Won", "CloseDate": "2026-03-31", "Amount": 12500,
    });
    world.create("Opportunity", body.clone()).await;
    let soql = "SELECT Id, Amount, CloseDate, NextStep, Account.Name, IsWon, Weighted__c FROM Opportunity";
    let record = &world.records(soql).await[0];
    assert_eq!(record["attributes"]["type"], "Opportunity");
    let url = record["attributes"]["url"].as_str().unwrap();
    assert_eq!(url, format!("{V}/sobjects/Opportunity/{}", record["Id"].as_str().unwrap()));
    assert_eq!(record["Amount"].to_string(), "12500.0");
    assert_eq!(record["NextStep"], Json::Null);
    assert_eq!(record["Account"]["Name"], "Müller & Söhne");
    assert_eq!((&record["IsWon"], &record["Weighted__c"]), (&json!(true), &json!(12500.0)));
}

#[tokio::test]
async fn refused_queries_answer_with_an_array() {
    let world = World::empty().await;
    for (soql, expected) in [
        ("SELECT Nope__c FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Nothing", "INVALID_TYPE"),
        ("SELECT FROM Account", "MALFORMED_QUERY"),
        ("SELECT IsDeleted FROM User", "INVALID_FIELD"),
        ("", "MALFORMED_QUERY"),
    ] {
        let (status, body) = world.query(soql).await;
        assert_eq!((status, code(&body)), (400, expected), "{soql}");
    }
    let (status, body) = world.get(&format!("{V}/query")).await;
    assert_eq!((status, code(&body)), (400, "MALFORMED_QUERY"));
}

#[tokio::test]
async fn overlong_uri_is_a_414() {
    let world = World::empty().await;
    let (status, _) =
        world.query(&format!("SELECT Id FROM Account WHERE Name = '{}'", "x".repeat(16_400))).await;
    assert_eq!(status, 414);
    let (status, _) =
        world.query(&format!("SELECT Id FROM Account WHERE Name = '{}'", "x".repeat(16_250))).await;
    assert_eq!(status, 431, "too long together with the headers");
}
