//! Nothing that comes over the wire brings the server down or makes it answer 500.

use std::time::Duration;

use reqwest::Method;

use crate::support::{SMALL, V3, World};

const BODIES: &[&str] = &[
    "",
    "null",
    "[]",
    "{}",
    "{\"inputs\": null}",
    "{\"inputs\": [null]}",
    "{\"inputs\": [{}]}",
    "{\"inputs\": [{\"id\": 99999999999999999999999}]}",
    "{\"inputs\": [{\"id\": {\"a\": 1}}]}",
    "{\"inputs\": [{\"id\": \"\", \"idProperty\": \"email\"}]}",
    "{\"inputs\": [{\"from\": {\"id\": \"x\"}, \"to\": {\"id\": \"y\"}, \"types\": []}]}",
    "{\"properties\": {\"amount\": [1, {\"a\": null}]}}",
    "{\"properties\": [\"amount\"]}",
    "{\"filterGroups\": [{\"filters\": [{\"propertyName\": \"hs_object_id\", \"operator\": \"BETWEEN\", \"value\": \"9\", \"highValue\": \"1\"}]}]}",
    "{\"filterGroups\": [{\"filters\": [{\"propertyName\": \"hs_lastmodifieddate\", \"operator\": \"GT\", \"value\": \"9223372036854775807\"}]}]}",
    "{\"filterGroups\": [{\"filters\": [{\"propertyName\": \"hs_lastmodifieddate\", \"operator\": \"LT\", \"value\": \"-9223372036854775808\"}]}]}",
    "{\"filterGroups\": [{\"filters\": [{\"propertyName\": \"hs_object_id\", \"operator\": \"LT\", \"value\": \"-5\"}]}]}",
    "{\"limit\": 0, \"after\": 0}",
    "{\"limit\": -1}",
    "{\"after\": \"18446744073709551615\"}",
    "{\"primaryObjectId\": \"x\", \"objectIdToMerge\": null}",
    "{\"name\": \"\", \"labels\": {}}",
    "{\"name\": \"é\", \"type\": \"nothing\"}",
    "\u{feff}{}",
];

#[tokio::test]
async fn odd_bodies_are_refused_or_served_but_never_break_anything() {
    let world = World::with(SMALL).await;
    let paths = [
        "/crm/v3/objects/deals",
        "/crm/v3/objects/deals/search",
        "/crm/v3/objects/deals/merge",
        "/crm/v3/objects/deals/gdpr-delete",
        "/crm/v3/objects/contacts/batch/read",
        "/crm/v3/objects/contacts/batch/create",
        "/crm/v3/objects/contacts/batch/update",
        "/crm/v3/objects/contacts/batch/upsert",
        "/crm/v3/objects/contacts/batch/archive",
        "/crm/v4/associations/deals/contacts/batch/read",
        "/crm/v4/associations/deals/contacts/batch/create",
        "/crm/v4/associations/deals/contacts/batch/archive",
        "/crm/v4/associations/deals/contacts/labels",
        "/crm/v3/properties/deals",
        "/crm-object-schemas/v3/schemas",
        "/oauth/v3/token",
        "/_sandbox/rows",
        "/_sandbox/schema",
    ];
    for path in paths {
        for body in BODIES {
            let answer = world.request(Method::POST, path).body(*body).send().await.unwrap();
            let status = answer.status().as_u16();
            assert!((200..500).contains(&status), "{path} {body}: {status}");
            let bytes = answer.bytes().await.unwrap();
            assert!(
                bytes.is_empty() || serde_json::from_slice::<serde_json::Value>(&bytes).is_ok(),
                "{path} {body}"
            );
        }
    }
    assert_eq!(world.get(&format!("{V3}/deals")).await.0, 200);
}

#[tokio::test]
async fn odd_paths_and_ids_are_refused() {
    let world = World::empty().await;
    for path in [
        "/",
        "//",
        "/crm",
        "/crm/v3",
        "/crm/v3/objects",
        "/crm/v3/objects/%00",
        "/crm/v3/objects/deals/%F0%9F%9A%80",
        "/crm/v3/objects/deals/-1",
        "/crm/v3/objects/deals/99999999999999999999",
        "/crm/v4/objects/deals/x/associations/contacts",
        "/crm/v3/properties/deals/%20",
        "/crm/v3/owners/x",
        "/_sandbox/nothing",
    ] {
        let (status, _) = world.get(path).await;
        assert!((400..500).contains(&status), "{path}: {status}");
    }
}

#[tokio::test]
async fn time_may_run_to_the_end_of_the_calendar() {
    let world = World::empty().await;
    world.insert("deals", serde_json::json!({"dealname": "A", "createdate": "0001-01-01T00:00:00Z"}));
    world.control().advance(Duration::MAX);
    let deal = world.insert("deals", serde_json::json!({"dealname": "B"}));
    let (_, row) = world.get(&format!("{V3}/deals/{deal}")).await;
    assert_eq!(row["updatedAt"], "9999-12-31T23:59:59Z");
}
