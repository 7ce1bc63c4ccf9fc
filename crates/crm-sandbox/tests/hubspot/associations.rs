//! Associations v4: reading in batches, labels, primary ones, what goes with a row.

use crm_sandbox::hubspot::LinkSpec;

use crate::support::{Json, World, category, json};

const READ: &str = "/crm/v4/associations/deals/companies/batch/read";

async fn world() -> (World, u64, [u64; 2], u64) {
    let world = World::empty().await;
    let deal = world.insert("deals", json!({"dealname": "A"}));
    let companies = ["C1", "C2"].map(|name| world.insert("companies", json!({"name": name})));
    let contact = world.insert("contacts", json!({"lastname": "P"}));
    (world, deal, companies, contact)
}

fn primary() -> Json {
    json!([{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 5}])
}

#[tokio::test]
async fn batch_read_shows_types_and_reports_rows_without_any() {
    let (world, deal, [c1, c2], _) = world().await;
    let path = |company: u64| format!("/crm/v4/objects/deals/{deal}/associations/companies/{company}");
    let (status, made) = world.put(&path(c1), primary()).await;
    assert_eq!(
        (status, &made["labels"], &made["fromObjectTypeId"]),
        (201, &json!(["Primary"]), &json!("0-3"))
    );
    let default = format!("/crm/v4/objects/deals/{deal}/associations/default/companies/{c2}");
    assert_eq!(world.put(&default, Json::Null).await.0, 200);
    let lonely = world.insert("deals", json!({"dealname": "B"}));
    let inputs = json!({"inputs": [{"id": deal.to_string()}, {"id": lonely.to_string()}]});
    let (status, body) = world.post(READ, inputs).await;
    assert_eq!((status, body["results"].as_array().unwrap().len(), &body["numErrors"]), (207, 1, &json!(1)));
    let first = &body["results"][0];
    assert_eq!(first["from"], json!({"id": deal.to_string()}));
    assert_eq!(
        first["to"],
        json!([
            {"toObjectId": c1, "associationTypes": [
                {"category": "HUBSPOT_DEFINED", "typeId": 5, "label": "Primary"},
                {"category": "HUBSPOT_DEFINED", "typeId": 341, "label": null}]},
            {"toObjectId": c2, "associationTypes": [
                {"category": "HUBSPOT_DEFINED", "typeId": 341, "label": null}]},
        ])
    );
    let error = &body["errors"][0];
    assert_eq!(
        (category(error), &error["subCategory"]),
        ("OBJECT_NOT_FOUND", &json!("crm.associations.NO_ASSOCIATIONS_FOUND"))
    );
    assert_eq!(error["message"], format!("No company is associated with deal {lonely}."));
    assert_eq!(
        error["context"],
        json!({"fromObjectId": [lonely.to_string()], "fromObjectType": ["deal"], "toObjectType": ["company"]})
    );

    assert_eq!(world.put(&path(c2), primary()).await.0, 201);
    let labels: Vec<_> = world
        .control()
        .associations("deals", "companies")
        .into_iter()
        .map(|(_, to, labels)| (to, labels.len()))
        .collect();
    assert_eq!(labels, [(c1, 0), (c2, 1)], "one primary company at a time");
    assert_eq!(world.control().associations("companies", "deals").len(), 2, "both directions are kept");
}

#[tokio::test]
async fn many_associations_come_in_pages() {
    let (world, deal, ..) = world().await;
    let contacts: Vec<u64> = (0..620).map(|n| world.insert("contacts", json!({"lastname": n}))).collect();
    let link = |to: &u64| json!({"from": {"id": deal}, "to": {"id": to.to_string()}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 3}]});
    let body = json!({"inputs": contacts.iter().map(link).collect::<Vec<_>>()});
    let (status, made) = world.post("/crm/v4/associations/deals/contacts/batch/create", body).await;
    assert_eq!((status, made["results"].as_array().unwrap().len()), (201, 620));
    let read = async |after: Json| {
        let inputs = json!({"inputs": [{"id": deal.to_string(), "after": after}]});
        let (_, body) = world.post("/crm/v4/associations/deals/contacts/batch/read", inputs).await;
        body["results"][0].clone()
    };
    let first = read(Json::Null).await;
    assert_eq!(first["to"].as_array().unwrap().len(), 500);
    let rest = read(first["paging"]["next"]["after"].clone()).await;
    assert_eq!(rest["to"].as_array().unwrap().len(), 120);
    assert!(rest.get("paging").is_none());
    let rows = world.list(&format!("/crm/v4/objects/deals/{deal}/associations/contacts?limit=250")).await;
    let seen: Vec<u64> = rows.iter().map(|row| row["toObjectId"].as_u64().unwrap()).collect();
    assert_eq!(seen, contacts);
}

#[tokio::test]
async fn labels_are_made_renamed_used_and_removed() {
    let (world, deal, _, contact) = world().await;
    let labels = "/crm/v4/associations/deals/contacts/labels";
    let (_, made) = world.post(labels, json!({"label": "Sponsor", "name": "sponsor"})).await;
    let type_id = made["results"][0]["typeId"].clone();
    let body = json!([{"associationCategory": "USER_DEFINED", "associationTypeId": type_id}]);
    let path = format!("/crm/v4/objects/deals/{deal}/associations/contacts/{contact}");
    assert_eq!(world.put(&path, body.clone()).await.0, 201);
    assert_eq!(world.control().associations("deals", "contacts")[0].2, ["Sponsor"]);
    let rename = json!({"associationTypeId": type_id, "label": "Patron"});
    assert_eq!(world.put(labels, rename).await.0, 204);
    let (_, all) = world.get(labels).await;
    let named =
        |all: &Json, label: &str| all["results"].as_array().unwrap().iter().any(|one| one["label"] == label);
    assert!(named(&all, "Patron") && named(&all, "Decision maker") && !named(&all, "Sponsor"), "{all}");
    let one = json!({"inputs": [{"from": {"id": deal}, "to": {"id": contact}, "types": body}]});
    assert_eq!(world.post("/crm/v4/associations/deals/contacts/batch/labels/archive", one).await.0, 204);
    assert_eq!(
        world.control().associations("deals", "contacts"),
        [(deal, contact, vec![])],
        "still associated"
    );
    assert_eq!(world.put(&path, body).await.0, 201);
    assert_eq!(world.delete(&format!("{labels}/{type_id}")).await.0, 204);
    assert_eq!(world.control().associations("deals", "contacts"), [(deal, contact, vec![])]);
    assert_eq!(world.delete(&path).await.0, 204);
    assert!(world.control().associations("contacts", "deals").is_empty());
}

#[tokio::test]
async fn version_3_names_types_where_version_4_numbers_them() {
    let (world, deal, [c1, _], _) = world().await;
    world.control().associate(LinkSpec::new(("deals", deal), ("companies", c1)).label("Primary")).unwrap();
    let (_, page) = world.get(&format!("/crm/v3/objects/deals/{deal}/associations/companies")).await;
    let id = c1.to_string();
    let wanted =
        json!([{"id": id, "type": "deal_to_company"}, {"id": id, "type": "deal_to_company_unlabeled"}]);
    assert_eq!(page["results"], wanted);
    let (_, page) = world.get(&format!("/crm/objects/2026-03/deals/{deal}/associations/companies")).await;
    assert_eq!(page["results"][0]["toObjectId"], c1);
}

#[tokio::test]
async fn batch_archive_and_default_work_in_numbers() {
    let (world, deal, [c1, c2], _) = world().await;
    let pair = |to: u64| json!({"from": {"id": deal.to_string()}, "to": {"id": to.to_string()}});
    let path = |operation: &str| format!("/crm/v4/associations/deals/companies/batch/{operation}");
    let (status, made) =
        world.post(&path("associate/default"), json!({"inputs": [pair(c1), pair(c2), pair(7)]})).await;
    assert_eq!((status, made["results"].as_array().unwrap().len(), &made["numErrors"]), (207, 2, &json!(1)));
    assert_eq!(made["results"][0]["associationSpec"]["associationTypeId"], 341);
    let body = json!({"inputs": [{"from": {"id": deal}, "to": [{"id": c1}, {"id": c2}]}]});
    assert_eq!(world.post(&path("archive"), body).await.0, 204);
    assert!(world.control().associations("deals", "companies").is_empty());
}

#[tokio::test]
async fn wrong_types_and_unknown_rows_are_refused() {
    let (world, deal, [c1, _], _) = world().await;
    let path = |to: u64| format!("/crm/v4/objects/deals/{deal}/associations/companies/{to}");
    let wrong = json!([{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 3}]);
    assert_eq!(world.put(&path(c1), wrong).await.0, 400);
    let wrong = json!([{"associationCategory": "USER_DEFINED", "associationTypeId": 5}]);
    assert_eq!(world.put(&path(c1), wrong).await.0, 400);
    assert_eq!(world.put(&path(7), primary()).await.0, 404);
    assert_eq!(world.get("/crm/v4/objects/deals/7/associations/companies").await.0, 404);
    let inputs: Vec<Json> = (0..1_001).map(|n| json!({"id": n.to_string()})).collect();
    assert_eq!(world.post(READ, json!({"inputs": inputs})).await.0, 400);
}

#[tokio::test]
async fn associations_of_archived_rows_are_out_of_sight_until_they_return() {
    let (world, deal, [c1, _], _) = world().await;
    world.control().associate(LinkSpec::new(("deals", deal), ("companies", c1)).label("Primary")).unwrap();
    world.control().archive("companies", c1).unwrap();
    let (status, body) = world.post(READ, json!({"inputs": [{"id": deal.to_string()}]})).await;
    assert_eq!((status, body["results"].as_array().unwrap().len()), (207, 0));
    assert!(world.control().associations("deals", "companies").is_empty());
    world.control().restore("companies", c1).unwrap();
    assert_eq!(world.control().associations("deals", "companies"), [(deal, c1, vec!["Primary".to_owned()])]);
    world.control().purge("companies", c1).unwrap();
    assert!(world.control().associations("deals", "companies").is_empty());
}

#[tokio::test]
async fn modified_dates_move_with_associations_only_when_set_so() {
    let (world, deal, [c1, c2], _) = world().await;
    let stamps = || {
        world.control().read(|account| {
            [("deals", deal), ("companies", c1)]
                .map(|(object, id)| account.row(object, id).unwrap().updated_at)
        })
    };
    let before = stamps();
    world.control().advance(std::time::Duration::from_secs(5));
    world.control().associate(LinkSpec::new(("deals", deal), ("companies", c1))).unwrap();
    assert_eq!(stamps(), before);
    world.control().edit_settings(|settings| settings.associations_move_modified = true);
    world.control().associate(LinkSpec::new(("deals", deal), ("companies", c1))).unwrap();
    assert_eq!(stamps(), before, "nothing changed");
    world.control().associate(LinkSpec::new(("deals", deal), ("companies", c1)).label("Primary")).unwrap();
    assert_eq!(stamps(), before.map(|stamp| stamp + 5_000));
    world.control().disassociate(LinkSpec::new(("deals", deal), ("companies", c2))).unwrap();
}
