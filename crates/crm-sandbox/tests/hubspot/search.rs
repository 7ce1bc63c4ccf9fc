//! Search: operators, order, limits.

use crm_sandbox::hubspot::LinkSpec;

use crate::support::{Json, World, category, ids, json};

fn filter(name: &str, operator: &str, value: &Json) -> Json {
    let key = if value.is_array() { "values" } else { "value" };
    json!({"filterGroups": [{"filters": [{"propertyName": name, "operator": operator, key: value}]}],
           "sorts": ["hs_object_id"]})
}

/// Three deals that differ in everything.
async fn three() -> (World, [u64; 3]) {
    let world = World::empty().await;
    let ids = [
        json!({"dealname": "Acme Renewal", "amount": "1200", "region": "emea", "interest_in": "basic;pro",
               "closedate": "2026-03-31T00:00:00Z", "renewal_date": "2026-05-01"}),
        json!({"dealname": "Bolt – new logo", "amount": "1.3E3", "region": "apac", "interest_in": "plus"}),
        json!({"dealname": "Cargo", "amount": "", "description": "see acme"}),
    ]
    .map(|properties| world.insert("deals", properties));
    (world, ids)
}

#[tokio::test]
async fn operators_do_what_they_say() {
    let (world, all) = three().await;
    for (name, operator, value, wanted) in [
        ("amount", "EQ", json!("1200.0"), &[0][..]),
        ("amount", "NEQ", json!("1200"), &[1]),
        ("amount", "GT", json!(1200), &[1]),
        ("amount", "GTE", json!("1200"), &[0, 1]),
        ("amount", "LT", json!("1300"), &[0]),
        ("amount", "LTE", json!("1300"), &[0, 1]),
        ("amount", "HAS_PROPERTY", Json::Null, &[0, 1]),
        ("amount", "NOT_HAS_PROPERTY", Json::Null, &[2]),
        ("dealname", "EQ", json!("acme renewal"), &[0]),
        ("dealname", "IN", json!(["cargo", "acme renewal"]), &[0, 2]),
        ("dealname", "IN", json!(["Cargo"]), &[]),
        ("dealname", "NOT_IN", json!(["cargo"]), &[0, 1]),
        ("dealname", "CONTAINS_TOKEN", json!("logo"), &[1]),
        ("dealname", "CONTAINS_TOKEN", json!("renew*"), &[0]),
        ("dealname", "NOT_CONTAINS_TOKEN", json!("acme"), &[1, 2]),
        ("region", "EQ", json!("emea"), &[0]),
        ("region", "EQ", json!("EMEA"), &[]),
        ("region", "NOT_IN", json!(["emea"]), &[1]),
        ("interest_in", "EQ", json!("pro"), &[0]),
        ("closedate", "EQ", json!("1774915200000"), &[0]),
        ("closedate", "GTE", json!("2026-03-31"), &[0]),
        ("renewal_date", "LT", json!("1774915200000"), &[]),
        ("hs_is_closed", "EQ", json!("false"), &[0, 1, 2]),
        ("hs_object_id", "GT", json!(all[0].to_string()), &[1, 2]),
        ("hs_object_id", "IN", json!([all[0].to_string(), "1"]), &[0]),
    ] {
        let found = world.found("deals", filter(name, operator, &value)).await;
        let wanted: Vec<u64> = wanted.iter().map(|n| all[*n]).collect();
        assert_eq!(found, wanted, "{name} {operator} {value}");
    }
    let between = json!({"filterGroups": [{"filters": [
        {"propertyName": "amount", "operator": "BETWEEN", "value": "1200", "highValue": "1300"}]}]});
    assert_eq!(world.found("deals", between).await, all[..2]);
}

#[tokio::test]
async fn groups_are_alternatives_and_query_looks_through_texts() {
    let (world, all) = three().await;
    let one = |name: &str, value: &str| json!({"propertyName": name, "operator": "EQ", "value": value});
    let either = json!({"filterGroups": [
        {"filters": [one("region", "emea"), one("amount", "1200")]},
        {"filters": [one("region", "apac"), one("amount", "7")]},
        {"filters": [one("dealname", "cargo")]}]});
    assert_eq!(world.found("deals", either).await, [all[0], all[2]]);
    assert_eq!(world.found("deals", json!({"query": "ACME"})).await, [all[0], all[2]], "name or description");
    assert_eq!(world.found("deals", json!({"query": "acme see"})).await, [all[2]]);
}

#[tokio::test]
async fn associated_rows_can_be_filtered() {
    let (world, all) = three().await;
    let contact = world.insert("contacts", json!({"lastname": "A"}));
    world.control().associate(LinkSpec::new(("deals", all[1]), ("contacts", contact))).unwrap();
    let found = world.found("deals", filter("associations.contact", "EQ", &json!(contact.to_string()))).await;
    assert_eq!(found, [all[1]]);
    world.control().associate(LinkSpec::new(("deals", all[2]), ("contacts", contact))).unwrap();
    let found = world.found("deals", filter("associations.contact", "EQ", &json!(contact.to_string()))).await;
    assert_eq!(found, all[1..], "the same search, after a change to associations only");
}

#[tokio::test]
async fn results_come_in_the_order_asked_for() {
    let (world, all) = three().await;
    let [a, b, c] = all;
    for (sorts, wanted) in [
        (json!([]), [a, b, c]),
        (json!(["-hs_object_id"]), [c, b, a]),
        (json!([{"propertyName": "amount", "direction": "DESCENDING"}]), [b, a, c]),
        (json!(["dealname"]), [a, b, c]),
        (json!([{"propertyName": "dealname", "direction": "DESCENDING"}]), [c, b, a]),
        (json!(["-createdate"]), [a, b, c]),
    ] {
        assert_eq!(world.found("deals", json!({"sorts": sorts})).await, wanted, "{sorts}");
    }
}

#[tokio::test]
async fn searches_beyond_the_documented_limits_are_refused() {
    let (world, _) = three().await;
    let one = json!({"propertyName": "amount", "operator": "EQ", "value": "1"});
    let group = |count: usize| json!({"filters": vec![one.clone(); count]});
    for (body, what) in [
        (json!({"filterGroups": vec![group(1); 6]}), "six groups"),
        (json!({"filterGroups": [group(7)]}), "seven filters in a group"),
        (json!({"filterGroups": vec![group(4); 5]}), "twenty filters"),
        (json!({"limit": 201}), "a page of 201"),
        (json!({"sorts": ["amount", "dealname"]}), "two sorts"),
        (json!({"after": "x"}), "an offset that is no number"),
        (json!({"limit": 200, "after": "9801"}), "beyond 10,000"),
        (json!({"query": "x".repeat(3_000)}), "a long body"),
        (filter("nope", "EQ", &json!("1")), "an unknown property"),
        (filter("amount", "LIKE", &json!("1")), "an unknown operator"),
        (filter("amount", "GT", &json!("many")), "no number"),
        (filter("amount", "EQ", &Json::Null), "no value"),
        (filter("amount", "IN", &json!([])), "no values"),
        (json!({"sorts": [{"propertyName": "amount", "direction": "UP"}]}), "an unknown direction"),
    ] {
        let (status, answer) = world.search("deals", body).await;
        assert_eq!((status, category(&answer)), (400, "VALIDATION_ERROR"), "{what}: {answer}");
    }
    assert_eq!(world.search("deals", json!({"limit": 200, "after": "9800"})).await.0, 200);
}

#[tokio::test]
async fn offsets_page_through_what_was_found() {
    let world = World::empty().await;
    let all: Vec<u64> = (0..25).map(|n| world.insert("deals", json!({"dealname": n}))).collect();
    let (_, first) = world.search("deals", json!({"sorts": ["hs_object_id"]})).await;
    assert_eq!((&first["total"], &first["paging"]["next"]["after"]), (&json!(25), &json!("10")));
    assert_eq!(ids(&first), all[..10], "the default limit");
    let (_, last) =
        world.search("deals", json!({"sorts": ["hs_object_id"], "after": "20", "limit": 10})).await;
    assert_eq!(ids(&last), all[20..]);
    assert!(last.get("paging").is_none());
    let (_, beyond) = world.search("deals", json!({"after": 9_000})).await;
    assert_eq!((&beyond["total"], ids(&beyond).len()), (&json!(25), 0));
}
