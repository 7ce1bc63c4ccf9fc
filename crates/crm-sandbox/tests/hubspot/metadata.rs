//! Properties, pipelines, owners, schemas, the account.

use crm_sandbox::hubspot::model::PropertyType;
use crm_sandbox::hubspot::schema::PropertySpec;

use crate::support::{Json, SMALL, V3, World, category, id, json};

async fn properties(world: &World, query: &str) -> Vec<Json> {
    let (status, body) = world.get(&format!("/crm/v3/properties/deals{query}")).await;
    assert_eq!(status, 200);
    assert!(body.get("paging").is_none());
    body["results"].as_array().unwrap().clone()
}

fn named<'a>(all: &'a [Json], name: &str) -> &'a Json {
    all.iter().find(|one| one["name"] == name).unwrap()
}

#[tokio::test]
async fn properties_say_what_they_are() {
    let world = World::empty().await;
    let all = properties(&world, "").await;
    let keys = ["type", "fieldType", "hubspotDefined", "calculated", "hasUniqueValue", "externalOptions"];
    for (name, wanted) in [
        ("amount", json!(["number", "number", true, false, false, false])),
        ("closedate", json!(["datetime", "date", true, false, false, false])),
        ("dealstage", json!(["enumeration", "radio", true, false, false, true])),
        ("hubspot_owner_id", json!(["enumeration", "select", true, false, false, true])),
        ("region", json!(["enumeration", "select", false, false, false, false])),
        ("renewal_date", json!(["date", "date", false, false, false, false])),
        ("interest_in", json!(["enumeration", "checkbox", false, false, false, false])),
        ("ext_key", json!(["string", "text", false, false, true, false])),
        ("company_tier", json!(["string", "calculation_equation", false, true, false, false])),
        ("hs_projected_amount", json!(["number", "calculation_equation", true, true, false, false])),
        ("hs_lastmodifieddate", json!(["datetime", "date", true, false, false, false])),
    ] {
        let one = named(&all, name);
        let seen: Vec<&Json> = keys.iter().map(|key| &one[key]).collect();
        assert_eq!(json!(seen), wanted, "{name}");
    }
    assert_eq!(named(&all, "hubspot_owner_id")["referencedObjectType"], "OWNER");
    assert_eq!(named(&all, "amount")["currencyPropertyName"], "deal_currency_code");
    assert_eq!(named(&all, "hs_lastmodifieddate")["modificationMetadata"]["readOnlyValue"], true);
    assert_eq!(
        named(&all, "region")["options"][0],
        json!({"label": "EMEA", "value": "emea", "displayOrder": 0, "hidden": false, "description": ""})
    );
}

#[tokio::test]
async fn customers_make_change_and_archive_properties() {
    let world = World::empty().await;
    let spec = json!({"name": "budget_code", "label": "Budget code", "type": "string", "fieldType": "text",
                      "groupName": "dealinformation", "hasUniqueValue": true});
    let (status, made) = world.post("/crm/v3/properties/deals", spec.clone()).await;
    assert_eq!(
        (status, &made["label"], &made["hubspotDefined"]),
        (201, &json!("Budget code"), &json!(false))
    );
    assert_eq!(world.post("/crm/v3/properties/deals", spec).await.0, 409);
    let deal = world.insert("deals", json!({"budget_code": "B-1"}));
    let (status, row) =
        world.get(&format!("{V3}/deals/b-1?idProperty=budget_code&properties=budget_code")).await;
    assert_eq!((status, id(&row), &row["properties"]["budget_code"]), (200, deal, &json!("B-1")));

    let path = "/crm/v3/properties/deals/budget_code";
    let (status, changed) = world.patch(path, json!({"label": "Code", "type": "number"})).await;
    assert_eq!((status, &changed["label"], &changed["type"]), (200, &json!("Code"), &json!("number")));
    assert_eq!(world.delete(path).await.0, 204);
    assert_eq!(world.get(path).await.0, 404);
    assert_eq!(world.get(&format!("{path}?archived=true")).await.1["archived"], true);
    assert_eq!(properties(&world, "?archived=true").await.len(), 1);
    let (_, row) = world.get(&format!("{V3}/deals/{deal}?properties=budget_code")).await;
    assert!(row["properties"].get("budget_code").is_none(), "reads ignore it");
    let (status, body) =
        world.patch(&format!("{V3}/deals/{deal}"), json!({"properties": {"budget_code": "1"}})).await;
    assert_eq!((status, &body["errors"][0]["code"]), (400, &json!("PROPERTY_DOESNT_EXIST")));
    world.control().add_property("deals", &PropertySpec::new("budget_code", PropertyType::Number)).unwrap();
    let (_, row) = world.get(&format!("{V3}/deals/{deal}?properties=budget_code")).await;
    assert_eq!(row["properties"]["budget_code"], Json::Null, "it comes back empty");

    assert_eq!(world.delete("/crm/v3/properties/deals/amount").await.0, 400, "HubSpot's own stays");
    let bad = json!({"name": "Bad Name", "type": "string"});
    assert_eq!(world.post("/crm/v3/properties/deals", bad).await.0, 400);
}

#[tokio::test]
async fn properties_come_in_batches_and_groups() {
    let world = World::empty().await;
    let base = "/crm/v3/properties/contacts";
    let (status, body) = world
        .post(
            &format!("{base}/batch/read"),
            json!({"archived": false, "inputs": [{"name": "email"}, {"name": "nope"}]}),
        )
        .await;
    assert_eq!((status, &body["results"][0]["name"], &body["numErrors"]), (207, &json!("email"), &json!(1)));
    let new = json!({"inputs": [{"name": "p_one", "type": "number"}, {"name": "p_two", "type": "enumeration", "options": ["x", "y"]}]});
    let (status, body) = world.post(&format!("{base}/batch/create"), new).await;
    assert_eq!((status, &body["results"][1]["options"][1]["value"]), (201, &json!("y")));
    let old = json!({"inputs": [{"name": "p_one"}]});
    assert_eq!(world.post(&format!("{base}/batch/archive"), old).await.0, 204);
    let (_, groups) = world.get(&format!("{base}/groups")).await;
    assert_eq!(groups["results"][0]["name"], "contactinformation");
}

#[tokio::test]
async fn pipelines_have_stages_with_text_metadata() {
    let world = World::empty().await;
    let (_, deals) = world.get("/crm/v3/pipelines/deals").await;
    let labels: Vec<&str> =
        deals["results"].as_array().unwrap().iter().map(|one| one["label"].as_str().unwrap()).collect();
    assert_eq!(labels, ["Sales Pipeline", "Renewals"]);
    let won = &deals["results"][0]["stages"][5];
    assert_eq!(
        (&won["id"], &won["metadata"]),
        (&json!("closedwon"), &json!({"isClosed": "true", "probability": "1.0"}))
    );
    let (_, tickets) = world.get("/crm/v3/pipelines/tickets/0/stages/4").await;
    assert_eq!(tickets["metadata"]["ticketState"], "CLOSED");
    assert_eq!(world.get("/crm/v3/pipelines/deals/none").await.0, 404);
}

#[tokio::test]
async fn owners_come_in_two_lists() {
    let world = World::with(SMALL).await;
    let live = world.list("/crm/v3/owners?limit=5").await;
    assert_eq!(live.len(), 11);
    let (_, archived) = world.get("/crm/v3/owners?archived=true").await;
    let gone = &archived["results"][0];
    assert_eq!(
        (&gone["userId"], &gone["archived"], gone.get("archivedAt")),
        (&Json::Null, &json!(true), None)
    );
    assert!(gone["userIdIncludingInactive"].is_u64());
    let (_, by_email) = world.get("/crm/v3/owners?email=OWNER3@example.com").await;
    assert_eq!(by_email["results"].as_array().unwrap().len(), 1);
    let owner = id(&live[0]);
    assert_eq!(world.get(&format!("/crm/v3/owners/{owner}")).await.1["teams"][0]["name"], "East");
    assert!(world.control().archive_owner(owner, true));
    assert_eq!(world.get(&format!("/crm/v3/owners/{owner}")).await.0, 404);
    assert_eq!(world.get(&format!("/crm/v3/owners/{owner}?archived=true")).await.0, 200);
}

#[tokio::test]
async fn custom_objects_are_ordinary_objects() {
    let world = World::empty().await;
    let spec = json!({
        "name": "car", "labels": {"singular": "Car", "plural": "Cars"}, "primaryDisplayProperty": "model",
        "requiredProperties": ["model"], "searchableProperties": ["model"], "associatedObjects": ["CONTACT"],
        "properties": [{"name": "model", "label": "Model", "type": "string", "fieldType": "text", "hasUniqueValue": true},
                       {"name": "seats", "type": "number"}]});
    let (status, schema) = world.post("/crm-object-schemas/v3/schemas", spec).await;
    assert_eq!(status, 201, "{schema}");
    assert_eq!((&schema["name"], &schema["fullyQualifiedName"]), (&json!("car"), &json!("p9000001_car")));
    let (_, all) = world.get("/crm-object-schemas/v3/schemas").await;
    let names: Vec<&str> =
        all["results"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["projects", "car"]);
    let type_id = schema["objectTypeId"].as_str().unwrap();
    let (status, made) =
        world.post(&format!("{V3}/{type_id}"), json!({"properties": {"model": "T", "seats": "4"}})).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(world.post(&format!("{V3}/car"), json!({"properties": {"seats": "4"}})).await.0, 400);
    let contact = world.insert("contacts", json!({"lastname": "Driver"}));
    let default = format!("/crm/v4/objects/car/{}/associations/default/contacts/{contact}", id(&made));
    assert_eq!(world.put(&default, Json::Null).await.0, 200);
    assert_eq!(world.control().associations("contacts", "car"), [(contact, id(&made), vec![])]);
    let found = world.found("p9000001_car", json!({"query": "t"})).await;
    assert_eq!(found, [id(&made)]);
    assert_eq!(world.get(&format!("/crm/v3/schemas/{type_id}")).await.0, 200);
}

#[tokio::test]
async fn scopes_that_are_missing_refuse_their_objects_only() {
    let world = World::empty().await;
    world.control().edit_settings(|settings| {
        settings.scopes.retain(|scope| !scope.contains("custom") && scope != "crm.objects.deals.write");
    });
    for (path, wanted) in [
        ("/crm-object-schemas/v3/schemas", "crm.schemas.custom.read"),
        ("/crm/v3/objects/projects", "crm.objects.custom.read"),
    ] {
        let (status, body) = world.get(path).await;
        assert_eq!((status, category(&body)), (403, "MISSING_SCOPES"));
        assert_eq!(body["errors"][0]["context"]["requiredGranularScopes"], json!([wanted]));
    }
    assert_eq!(world.get(&format!("{V3}/deals")).await.0, 200);
    assert_eq!(world.post(&format!("{V3}/deals"), json!({"properties": {}})).await.0, 403);
}

#[tokio::test]
async fn the_account_tells_its_facts() {
    let world = World::empty().await;
    let (_, details) = world.get("/account-info/v3/details").await;
    assert_eq!((&details["portalId"], &details["companyCurrency"]), (&json!(9_000_001), &json!("EUR")));
    world.control().edit_settings(|settings| settings.utc_offset_minutes = -300);
    let (_, details) = world.get("/account-info/v3/details").await;
    assert_eq!((&details["utcOffset"], &details["timeZone"]), (&json!("-05:00"), &json!("Etc/GMT+5")));
    let (_, usage) = world.get("/account-info/v3/api-usage/daily/private-apps").await;
    assert_eq!(
        (&usage["results"][0]["currentUsage"], &usage["results"][0]["usageLimit"]),
        (&json!(3), &json!(650_000))
    );
}
