//! Lists: pages, columns, archived rows, history.

use std::collections::BTreeSet;

use crate::support::{Json, SMALL, V3, World, id, ids, json};

#[tokio::test]
async fn pages_cover_every_live_row_once_in_order() {
    let world = World::with(SMALL).await;
    let rows = world.list(&format!("{V3}/deals?limit=100")).await;
    let seen: Vec<u64> = rows.iter().map(id).collect();
    let truth: Vec<u64> =
        world.control().read(|account| account.rows("deals", false).map(|(id, _)| id).collect());
    assert_eq!(seen, truth);
    assert_eq!(seen.len(), 848, "850, of which two are archived");
    let archived = world.list(&format!("{V3}/deals?archived=true&limit=100")).await;
    assert_eq!(archived.len(), 2);
    assert!(
        archived.iter().all(|row| row["archived"] == true && row["archivedAt"].is_string()),
        "{archived:?}"
    );
    assert!(rows.iter().all(|row| row["archived"] == false && row.get("archivedAt").is_none()));
}

#[tokio::test]
async fn last_page_has_no_paging_key() {
    let world = World::empty().await;
    for n in 0..20 {
        world.insert("companies", json!({"name": n}));
    }
    let (_, first) = world.get(&format!("{V3}/companies")).await;
    assert_eq!(ids(&first).len(), 10, "the default limit");
    let after = first["paging"]["next"]["after"].as_str().unwrap();
    assert_eq!(
        first["paging"]["next"]["link"],
        format!("https://api.hubapi.com{V3}/companies?after={after}")
    );
    let (_, last) = world.get(&format!("{V3}/companies?after={after}")).await;
    assert_eq!(ids(&last).len(), 10);
    assert!(last.get("paging").is_none(), "{last}");
}

#[tokio::test]
async fn unasked_properties_are_the_defaults_of_the_object() {
    let world = World::with(SMALL).await;
    for (object, names) in [
        ("contacts", "createdate email firstname hs_object_id lastmodifieddate lastname"),
        ("companies", "createdate domain hs_lastmodifieddate hs_object_id name"),
        ("deals", "amount closedate createdate dealname dealstage hs_lastmodifieddate hs_object_id pipeline"),
        ("0-3", "amount closedate createdate dealname dealstage hs_lastmodifieddate hs_object_id pipeline"),
        ("projects", "hs_createdate hs_lastmodifieddate hs_object_id"),
    ] {
        let (_, page) = world.get(&format!("{V3}/{object}?limit=1")).await;
        let shown: Vec<&str> =
            page["results"][0]["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let names: Vec<&str> = names.split(' ').collect();
        assert_eq!(shown, names, "{object}");
    }
}

#[tokio::test]
async fn asked_properties_come_as_text_or_null_and_unknown_ones_not_at_all() {
    let world = World::empty().await;
    world.insert("deals", json!({"dealname": "A", "amount": 1200, "hs_priority": ""}));
    let (_, page) =
        world.get(&format!("{V3}/deals?properties=amount,hs_priority,region&properties=nope")).await;
    let row = &page["results"][0];
    let shown = &row["properties"];
    assert_eq!(
        (&shown["amount"], &shown["hs_priority"], &shown["region"]),
        (&json!("1200"), &json!(""), &Json::Null)
    );
    assert!(shown.get("region").is_some() && shown.get("nope").is_none());
    assert_eq!(shown["hs_object_id"], row["id"]);
    assert_eq!(shown["hs_lastmodifieddate"], row["updatedAt"]);
    assert_eq!(row["url"], format!("https://app.hubspot.com/contacts/9000001/record/0-3/{}", id(row)));
}

#[tokio::test]
async fn inline_associations_name_every_type() {
    let world = World::empty().await;
    let (deal, company) = (world.insert("deals", json!({})), world.insert("companies", json!({})));
    let link = crm_sandbox::hubspot::LinkSpec::new(("deals", deal), ("companies", company)).label("Primary");
    world.control().associate(link).unwrap();
    let (_, page) = world.get(&format!("{V3}/deals?associations=companies,contacts")).await;
    let id = company.to_string();
    assert_eq!(
        page["results"][0]["associations"],
        json!({"companies": {"results": [
            {"id": id, "type": "deal_to_company"},
            {"id": id, "type": "deal_to_company_unlabeled"},
        ]}})
    );
}

#[tokio::test]
async fn history_is_newest_first() {
    let world = World::empty().await;
    let deal = world.insert("deals", json!({"amount": "1"}));
    world.control().advance(std::time::Duration::from_millis(1_500));
    world.patch(&format!("{V3}/deals/{deal}"), json!({"properties": {"amount": "2"}})).await;
    let (_, page) = world.get(&format!("{V3}/deals?propertiesWithHistory=amount")).await;
    let history = page["results"][0]["propertiesWithHistory"]["amount"].as_array().unwrap();
    let seen: Vec<_> = history.iter().map(|change| (&change["value"], &change["timestamp"])).collect();
    assert_eq!(
        seen,
        [(&json!("2"), &json!("2026-01-05T08:00:01.500Z")), (&json!("1"), &json!("2026-01-05T08:00:00Z")),]
    );
    assert_eq!(history[0]["sourceType"], "API");
    let (status, _) = world.get(&format!("{V3}/deals?propertiesWithHistory=amount&limit=51")).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn bad_lists_are_refused() {
    let world = World::empty().await;
    for (path, wanted) in [
        ("deals?limit=101", "limit must be between 1 and 100, but was 101"),
        ("deals?limit=0", "limit must be between 1 and 100, but was 0"),
        ("deals?after=x", "The given 'after' is not valid: x"),
        ("widgets", "Unable to infer object type from: widgets"),
        ("deals?associations=widgets", "Unable to infer object type from: widgets"),
    ] {
        let (status, body) = world.get(&format!("{V3}/{path}")).await;
        assert_eq!((status, body["message"].as_str().unwrap()), (400, wanted));
        assert_eq!(body["category"], "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn long_query_strings_end_in_414() {
    let world = World::empty().await;
    let names = |count| (0..count).map(|n| format!("some_property_{n}")).collect::<Vec<_>>().join(",");
    let (status, _) = world.get(&format!("{V3}/deals?properties={}", names(300))).await;
    assert_eq!(status, 200);
    let request = world.request(reqwest::Method::GET, &format!("{V3}/deals?properties={}", names(500)));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 414);
    assert!(answer.text().await.unwrap().starts_with("<html>"), "the edge answers in HTML");
}

#[tokio::test]
async fn date_versioned_paths_are_twins() {
    let world = World::with(SMALL).await;
    for (old, new) in [
        ("/crm/v3/objects/deals?limit=3", "/crm/objects/2026-03/deals?limit=3"),
        ("/crm/v3/properties/deals", "/crm/properties/2026-03/deals"),
        ("/crm/v3/owners", "/crm/owners/2026-03"),
        ("/crm/v3/schemas", "/crm-object-schemas/2026-03/schemas"),
        ("/crm/v3/pipelines/deals", "/crm/pipelines/2025-09/deals"),
        ("/crm/v4/associations/deals/contacts/labels", "/crm/associations/2026-03/deals/contacts/labels"),
        ("/account-info/v3/details", "/account-info/2026-03/details"),
    ] {
        let ((status, one), (_, other)) = (world.get(old).await, world.get(new).await);
        assert_eq!(status, 200, "{old}: {one}");
        assert_eq!(one["results"], other["results"], "{old}");
    }
    let (status, _) = world.get("/crm/objects/2026-13/deals").await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn lists_and_truth_agree_on_every_value() {
    let world = World::with(SMALL).await;
    let rows =
        world.list(&format!("{V3}/contacts?limit=100&properties=email,phone,jobtitle,nps_score")).await;
    let distinct: BTreeSet<u64> = rows.iter().map(id).collect();
    assert_eq!(distinct.len(), rows.len());
    for row in rows {
        for (name, value) in row["properties"].as_object().unwrap() {
            let truth = world.control().read(|account| account.value("contacts", id(&row), name));
            assert_eq!(value.as_str(), truth.as_deref(), "{name} of {}", row["id"]);
        }
    }
}
