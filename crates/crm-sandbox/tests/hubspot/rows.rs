//! Single rows: read, create, update, archive, and what is refused.

use crate::support::{Json, V3, World, category, id, json};

#[tokio::test]
async fn rows_are_made_read_changed_and_archived() {
    let world = World::empty().await;
    let contacts = format!("{V3}/contacts");
    let new = json!({"properties": {"email": "Ann@Example.test", "firstname": "Ann", "newsletter": "TRUE"}});
    let (status, made) = world.post(&contacts, new).await;
    assert_eq!(status, 201);
    assert_eq!(
        (&made["properties"]["email"], &made["properties"]["newsletter"]),
        (&json!("ann@example.test"), &json!("true"))
    );
    let path = format!("{contacts}/{}", id(&made));
    let (status, row) = world.get(&format!("{path}?properties=firstname")).await;
    assert_eq!((status, &row["properties"]["firstname"]), (200, &json!("Ann")));
    let (status, row) = world.get(&format!("{contacts}/ANN@example.test?idProperty=email")).await;
    assert_eq!((status, &row["id"]), (200, &made["id"]));

    let (status, row) = world.patch(&path, json!({"properties": {"firstname": "", "nps_score": 7}})).await;
    assert_eq!(status, 200);
    assert_eq!(
        (&row["properties"]["firstname"], &row["properties"]["nps_score"]),
        (&Json::Null, &json!("7"))
    );
    let by_email = format!("{contacts}/ann@example.test?idProperty=email");
    let (status, _) = world.patch(&by_email, json!({"properties": {"phone": "1"}})).await;
    assert_eq!(status, 200);

    assert_eq!(world.delete(&path).await, (204, Json::Null));
    assert_eq!(world.delete(&path).await, (204, Json::Null), "archiving again is no error");
    assert_eq!(world.get(&path).await.0, 404);
    let (status, row) = world.get(&format!("{path}?archived=true")).await;
    assert_eq!((status, &row["archived"]), (200, &json!(true)));
    let (status, _) = world.post(&contacts, json!({"properties": {"email": "ann@example.test"}})).await;
    assert_eq!(status, 201, "an archived contact's address is free");
}

#[tokio::test]
async fn new_rows_may_bring_associations() {
    let world = World::empty().await;
    let company = world.insert("companies", json!({"name": "Acme"}));
    let deal = json!({"dealname": "A", "pipeline": "default", "dealstage": "contractsent"});
    let link = |to: u64| {
        json!([{
            "to": {"id": to.to_string()},
            "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 5}],
        }])
    };
    let (status, made) =
        world.post(&format!("{V3}/deals"), json!({"properties": deal, "associations": link(company)})).await;
    assert_eq!(status, 201, "{made}");
    let seen = world.control().associations("deals", "companies");
    assert_eq!(seen, [(id(&made), company, vec!["Primary".to_owned()])]);
    let (status, _) =
        world.post(&format!("{V3}/deals"), json!({"properties": deal, "associations": link(1)})).await;
    assert_eq!(status, 404);
    assert_eq!(world.control().rows("deals", false).len(), 1, "nothing is left of the refused one");
}

#[tokio::test]
async fn bad_values_are_told_one_by_one() {
    let world = World::empty().await;
    let taken = world.insert("contacts", json!({"email": "taken@example.test", "ext_key": "K1"}));
    for (object, properties, status, code) in [
        ("contacts", json!({"lastname": "X", "foo": "1"}), 400, "PROPERTY_DOESNT_EXIST"),
        ("contacts", json!({"email": "nonsense"}), 400, "INVALID_EMAIL"),
        ("contacts", json!({"lastname": "X", "nps_score": "many"}), 400, "INVALID_DOUBLE"),
        ("contacts", json!({"lastname": "X", "newsletter": "maybe"}), 400, "INVALID_BOOLEAN"),
        ("contacts", json!({"lastname": "X", "consent_date": "1774915200001"}), 400, "INVALID_DATE"),
        ("contacts", json!({"lastname": "X", "lifecyclestage": "Lead"}), 400, "INVALID_OPTION"),
        ("contacts", json!({"lastname": "X", "customer_segment": "smb;huge"}), 400, "INVALID_OPTION"),
        ("contacts", json!({"lastname": "X", "hubspot_owner_id": "7"}), 400, "INVALID_OPTION"),
        ("contacts", json!({"lastname": "X", "ext_key": "k1"}), 400, "CONFLICTING_UNIQUE_VALUE"),
        ("contacts", json!({"lastname": "X", "hs_object_id": "7"}), 400, "READ_ONLY_VALUE"),
        ("contacts", json!({"lastname": "X", "num_associated_deals": "7"}), 400, "READ_ONLY_VALUE"),
        ("deals", json!({"dealname": "X", "pipeline": "default"}), 400, "REQUIRED_FIELD"),
        (
            "deals",
            json!({"dealname": "X", "pipeline": "default", "dealstage": "1052001"}),
            400,
            "INVALID_OPTION",
        ),
        (
            "deals",
            json!({"dealname": "X", "pipeline": "none", "dealstage": "1052001"}),
            400,
            "INVALID_OPTION",
        ),
        ("deals", json!({"dealname": "X", "closedate": "soon"}), 400, "INVALID_DATE"),
    ] {
        let (got, body) = world.post(&format!("{V3}/{object}"), json!({"properties": properties})).await;
        assert_eq!(got, status, "{properties}: {body}");
        assert_eq!(body["errors"][0]["code"], code, "{properties}: {body}");
        let text = body["message"].as_str().unwrap();
        let details: Json =
            serde_json::from_str(text.strip_prefix("Property values were not valid: ").unwrap()).unwrap();
        assert_eq!(details[0]["error"], code);
        assert_eq!(details[0]["portalId"], 9_000_001);
    }
    let (status, body) =
        world.post(&format!("{V3}/contacts"), json!({"properties": {"email": "Taken@example.test"}})).await;
    assert_eq!((status, category(&body)), (409, "CONFLICT"));
    assert_eq!(body["message"], format!("Contact already exists. Existing ID: {taken}"));
    let (status, body) =
        world.post(&format!("{V3}/companies"), json!({"properties": {"city": "Oslo"}})).await;
    assert_eq!((status, category(&body)), (400, "VALIDATION_ERROR"));
}

#[tokio::test]
async fn values_are_kept_in_the_form_reads_show() {
    let world = World::empty().await;
    let deal = world.insert("deals", json!({"interest_in": "basic"}));
    let path = format!("{V3}/deals/{deal}");
    for (name, written, read) in [
        ("renewal_date", json!("1774915200000"), "2026-03-31"),
        ("renewal_date", json!("2026-03-31"), "2026-03-31"),
        ("closedate", json!("1767348245123"), "2026-01-02T10:04:05.123Z"),
        ("closedate", json!("2026-01-02T11:04:05+01:00"), "2026-01-02T10:04:05Z"),
        ("amount", json!(1200.5), "1200.5"),
        ("amount", json!("1.39E8"), "1.39E8"),
        ("interest_in", json!(";pro;basic"), "basic;pro"),
        ("interest_in", json!("plus"), "plus"),
        ("description", json!("a\nb\r\nc\u{0}"), "a\nb\r\nc\u{0}"),
    ] {
        let (status, row) = world.patch(&path, json!({"properties": {name: written}})).await;
        assert_eq!((status, row["properties"][name].as_str()), (200, Some(read)), "{row}");
    }
    world.control().edit_settings(|settings| settings.cleared_reads_empty = true);
    let (_, row) = world.patch(&path, json!({"properties": {"amount": ""}})).await;
    assert_eq!(row["properties"]["amount"], "");
}

#[tokio::test]
async fn objects_answer_to_all_their_names() {
    let world = World::empty().await;
    let deal = world.insert("deals", json!({"dealname": "A"}));
    let project = world.insert("projects", json!({"name": "P", "code": "P-1"}));
    for name in ["deals", "deal", "0-3", "DEAL"] {
        assert_eq!(world.get(&format!("{V3}/{name}/{deal}")).await.0, 200, "{name}");
    }
    for name in ["projects", "p9000001_projects", "2-4200042", "project"] {
        assert_eq!(world.get(&format!("{V3}/{name}/{project}")).await.0, 200, "{name}");
        assert_eq!(world.get(&format!("{V3}/{name}/P-1?idProperty=code")).await.0, 200, "{name}");
    }
}

#[tokio::test]
async fn id_property_must_be_unique() {
    let world = World::empty().await;
    for name in ["firstname", "nope"] {
        let (status, body) = world.get(&format!("{V3}/contacts/x?idProperty={name}")).await;
        assert_eq!((status, category(&body)), (400, "VALIDATION_ERROR"), "{body}");
    }
}

#[tokio::test]
async fn unknown_paths_methods_and_bodies_are_refused() {
    let world = World::empty().await;
    assert_eq!(world.get("/crm/v3/nothing").await.0, 404);
    assert_eq!(world.get(&format!("{V3}/deals/a/b/c")).await.0, 404);
    assert_eq!(world.put(&format!("{V3}/deals"), json!({})).await.0, 405);
    assert_eq!(world.get(&format!("{V3}/deals/search")).await.0, 405);
    let request = world.request(reqwest::Method::POST, &format!("{V3}/deals")).body("{\"properties\": ");
    let (status, body) = crate::support::read(request.send().await.unwrap()).await;
    assert_eq!((status, category(&body)), (400, "VALIDATION_ERROR"));
    assert!(body["message"].as_str().unwrap().starts_with("Invalid input JSON on line 1"));
}
