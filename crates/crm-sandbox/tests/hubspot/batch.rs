//! Batches: full success, partial success, failure as a whole.

use crate::support::{Json, V3, World, category, id, ids, json};

fn batch(object: &str, operation: &str) -> String {
    format!("{V3}/{object}/batch/{operation}")
}

#[tokio::test]
async fn read_finds_what_there_is_and_names_the_rest() {
    let world = World::empty().await;
    let a = world.insert("contacts", json!({"email": "a@example.test"}));
    let b = world.insert("contacts", json!({"email": "b@example.test"}));
    let ask = |ids: Vec<String>| json!({"properties": ["email"], "inputs": ids.iter().map(|id| json!({"id": id})).collect::<Vec<_>>()});
    let (status, all) =
        world.post(&batch("contacts", "read"), ask(vec![b.to_string(), a.to_string(), b.to_string()])).await;
    assert_eq!((status, all["status"].as_str(), ids(&all)), (200, Some("COMPLETE"), vec![a, b]));
    assert!(all.get("numErrors").is_none() && all["startedAt"].is_string() && all["completedAt"].is_string());
    let (status, some) = world.post(&batch("contacts", "read"), ask(vec![a.to_string(), "7".into()])).await;
    assert_eq!((status, ids(&some), &some["numErrors"]), (207, vec![a], &json!(1)));
    let error = &some["errors"][0];
    assert_eq!((category(error), &error["context"]["ids"]), ("OBJECT_NOT_FOUND", &json!(["7"])));
    assert_eq!(
        error["message"],
        "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid."
    );
    let (status, none) = world.post(&batch("contacts", "read"), ask(vec!["7".into()])).await;
    assert_eq!((status, ids(&none).len()), (207, 0));
    let by_email = json!({"idProperty": "email", "inputs": [{"id": "A@example.test"}]});
    assert_eq!(ids(&world.post(&batch("contacts", "read"), by_email).await.1), [a]);
    world.control().archive("contacts", a).unwrap();
    let (_, archived) = world
        .post(
            &format!("{}?archived=true", batch("contacts", "read")),
            ask(vec![a.to_string(), b.to_string()]),
        )
        .await;
    assert_eq!((ids(&archived), &archived["results"][0]["archived"]), (vec![a], &json!(true)));
}

#[tokio::test]
async fn sizes_are_limited() {
    let world = World::empty().await;
    for (operation, count, wanted) in
        [("read", 0, 400), ("read", 101, 400), ("read", 100, 207), ("archive", 101, 400)]
    {
        let inputs: Vec<Json> = (0..count).map(|n| json!({"id": n.to_string()})).collect();
        let (status, _) = world.post(&batch("deals", operation), json!({"inputs": inputs})).await;
        assert_eq!(status, wanted, "{operation} of {count}");
    }
}

#[tokio::test]
async fn traced_creates_fail_one_by_one_and_others_as_a_whole() {
    let world = World::empty().await;
    let inputs = |trace: bool| {
        let input = |email: &str| {
            let mut input = json!({"properties": {"email": email}});
            if trace {
                input["objectWriteTraceId"] = json!(format!("trace-{email}"));
            }
            input
        };
        json!({"inputs": [input("a@example.test"), input("nonsense"), input("a@example.test")]})
    };
    let (status, body) = world.post(&batch("contacts", "create"), inputs(false)).await;
    assert_eq!((status, category(&body)), (400, "VALIDATION_ERROR"));
    assert!(world.control().rows("contacts", false).is_empty(), "nothing was made");
    let (status, body) = world.post(&batch("contacts", "create"), inputs(true)).await;
    assert_eq!((status, ids(&body).len(), &body["numErrors"]), (207, 1, &json!(2)));
    let told: Vec<_> = body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (category(error), error["context"]["objectWriteTraceId"][0].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("VALIDATION_ERROR", "trace-nonsense"), ("CONFLICT", "trace-a@example.test")]);
    let fine = json!({"inputs": [{"properties": {"lastname": "B"}}]});
    assert_eq!(world.post(&batch("contacts", "create"), fine).await.0, 201);
}

#[tokio::test]
async fn updates_roll_back_drop_merged_ids_and_name_missing_ones() {
    let world = World::empty().await;
    let [a, b, c] =
        ["a", "b", "c"].map(|name| world.insert("deals", json!({"dealname": name, "amount": "1"})));
    world.control().merge("deals", b, c).unwrap();
    let amount = |id: u64| world.control().read(|account| account.value("deals", id, "amount"));
    let input = |id: u64, amount: &str| json!({"id": id.to_string(), "properties": {"amount": amount}});
    let (status, _) =
        world.post(&batch("deals", "update"), json!({"inputs": [input(a, "2"), input(b, "bad")]})).await;
    assert_eq!((status, amount(a).as_deref()), (400, Some("1")), "as a whole");
    let (status, body) = world
        .post(&batch("deals", "update"), json!({"inputs": [input(a, "2"), input(c, "3"), input(7, "4")]}))
        .await;
    assert_eq!((status, ids(&body), &body["numErrors"]), (207, vec![a], &json!(1)));
    assert_eq!(body["errors"][0]["context"]["ids"], json!(["7"]), "the merged id drops out without a word");
    assert_eq!((amount(a).as_deref(), amount(b).as_deref()), (Some("2"), Some("1")));
    let (status, row) = world.patch(&format!("{V3}/deals/{c}"), json!({"properties": {"amount": "5"}})).await;
    assert_eq!(
        (status, id(&row), amount(b).as_deref()),
        (200, b, Some("5")),
        "a single write follows the merge"
    );
}

#[tokio::test]
async fn upserts_say_which_rows_are_new() {
    let world = World::empty().await;
    let old = world.insert(
        "deals",
        json!({"dealname": "A", "ext_key": "K1", "pipeline": "default", "dealstage": "contractsent"}),
    );
    let properties = json!({"dealname": "N", "pipeline": "default", "dealstage": "contractsent"});
    let input =
        |key: &str, property: &str| json!({"id": key, "idProperty": property, "properties": properties});
    let body = json!({"inputs": [input("K1", "ext_key"), input("K2", "ext_key")]});
    let (status, answer) = world.post(&batch("deals", "upsert"), body).await;
    assert_eq!(status, 200, "{answer}");
    let told: Vec<_> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (id(row) == old, row["new"].clone()))
        .collect();
    assert_eq!(told, [(true, json!(false)), (false, json!(true))]);
    assert_eq!(answer["results"][1]["properties"]["ext_key"], "K2");
    for property in ["dealname", "hs_object_id"] {
        let (status, _) =
            world.post(&batch("deals", "upsert"), json!({"inputs": [input("K1", property)]})).await;
        assert_eq!(status, 400, "{property} can't be used");
    }
    let by_email = |email: &str| json!({"id": email, "idProperty": "email", "properties": {}, "objectWriteTraceId": email});
    let body = json!({"inputs": [by_email("x@example.test"), by_email("nonsense")]});
    assert_eq!(world.post(&batch("contacts", "upsert"), body).await.0, 400, "no partial success by e-mail");
    assert!(world.control().rows("contacts", false).is_empty());
}

#[tokio::test]
async fn archives_pass_over_what_is_gone() {
    let world = World::empty().await;
    let deal = world.insert("deals", json!({"dealname": "A"}));
    let body = json!({"inputs": [{"id": deal.to_string()}, {"id": "7"}]});
    assert_eq!(world.post(&batch("deals", "archive"), body).await, (204, Json::Null));
    assert_eq!(world.control().rows("deals", true).len(), 1);
    assert_eq!(world.post(&batch("deals", "shred"), json!({"inputs": []})).await.0, 404);
}
