//! Rows that fail one by one, locks, duplicates, automations, composite requests, answers that get lost.

use std::time::Duration;

use crm_sandbox::salesforce::generate::OrgSpec;
use crm_sandbox::salesforce::schema::FieldSpec;
use crm_sandbox::salesforce::{DuplicateRule, RowFailure, RowRule};
use crm_sandbox::{Fault, FaultRule, SalesforceSandbox, Workflow};
use reqwest::Method;

use crate::support::{Json, V, World, code, json, read};

const KEY: &str = "Hexsync_Key__c";

async fn world() -> World {
    let builder = SalesforceSandbox::builder();
    let builder =
        ["Account", "Contact"].iter().fold(builder, |one, object| one.field(*object, FieldSpec::key(KEY)));
    World::start(builder).await
}

fn records(rows: &[Json], object: &str) -> Vec<Json> {
    let typed = |row: &Json| {
        let mut row = row.clone();
        row["attributes"] = json!({"type": object});
        row
    };
    rows.iter().map(typed).collect()
}

async fn collection(world: &World, method: Method, path: &str, rows: &[Json]) -> Vec<Json> {
    let body = json!({"allOrNone": false, "records": rows});
    let (status, done) = world.call(method, &format!("{V}/composite/sobjects{path}"), Some(body)).await;
    assert_eq!(status, 200, "{done}");
    done.as_array().unwrap().clone()
}

/// What became of each row: its code, or nothing when it was written.
fn codes(done: &[Json]) -> Vec<&str> {
    done.iter().map(|one| one["errors"][0]["statusCode"].as_str().unwrap_or("")).collect()
}

#[tokio::test]
async fn an_org_is_given_a_key_that_rows_are_upserted_by() {
    let world = world().await;
    let (_, described) = world.get(&format!("{V}/sobjects/Account/describe")).await;
    let fields = described["fields"].as_array().unwrap();
    let field = fields.iter().find(|field| field["name"] == KEY).unwrap();
    assert_eq!((&field["externalId"], &field["unique"]), (&json!(true), &json!(true)));
    let path = format!("{V}/sobjects/Account/{KEY}/k%2F1%20%C3%A4");
    assert_eq!(world.patch(&path, json!({"Name": "A"})).await.0, 201);
    let (status, again) = world.patch(&path, json!({"Name": "B"})).await;
    assert_eq!((status, &again["created"]), (200, &json!(false)));
    let rows = [
        json!({KEY: "k/1 ä", "Name": "C"}),
        json!({KEY: "k2", "Name": "D"}),
        json!({KEY: "k2", "Name": "E"}),
    ];
    let done =
        collection(&world, Method::PATCH, &format!("/Account/{KEY}"), &records(&rows, "Account")).await;
    assert_eq!(codes(&done), ["", "DUPLICATE_VALUE", "DUPLICATE_VALUE"]);
    let taken = world.post(&format!("{V}/sobjects/Account"), json!({KEY: "K/1 Ä", "Name": "F"})).await;
    assert_eq!((taken.0, code(&taken.1)), (400, "DUPLICATE_VALUE"));
    let id = done[0]["id"].as_str().unwrap();
    let message = format!("duplicate value found: {KEY} duplicates value on record with id: {id}");
    assert_eq!(taken.1[0]["message"], message);
}

#[tokio::test]
async fn a_key_that_is_not_unique_answers_with_choices() {
    let spec = FieldSpec { not_unique: true, ..FieldSpec::key(KEY) };
    let world = World::start(SalesforceSandbox::builder().field("Account", spec)).await;
    let mut urls = Vec::new();
    for name in ["A", "B"] {
        let id = world.create("Account", json!({"Name": name, KEY: "same"})).await;
        urls.push(format!("{V}/sobjects/Account/{id}"));
    }
    let answer = world.patch(&format!("{V}/sobjects/Account/{KEY}/same"), json!({"Name": "C"})).await;
    assert_eq!(answer, (300, json!(urls)));
}

#[tokio::test]
async fn locked_rows_let_the_others_through_and_give_way_after_some_tries() {
    let world = world().await;
    let ids = [
        world.create("Account", json!({"Name": "A"})).await,
        world.create("Account", json!({"Name": "B"})).await,
    ];
    world.control().set_row_rules(vec![
        RowRule::new(RowFailure::UnableToLockRow).on("Account").with("Phone", "1").first_tries(2),
    ]);
    let rows =
        records(&[json!({"id": ids[0], "Phone": "1"}), json!({"id": ids[1], "Phone": "2"})], "Account");
    for expected in ["UNABLE_TO_LOCK_ROW", "UNABLE_TO_LOCK_ROW", ""] {
        let done = collection(&world, Method::PATCH, "", &rows).await;
        assert_eq!(codes(&done), [expected, ""]);
        if !expected.is_empty() {
            let message = done[0]["errors"][0]["message"].as_str().unwrap();
            assert!(message.starts_with("unable to obtain exclusive access to this record"), "{message}");
            assert!(message.ends_with(&ids[0]), "{message}");
        }
    }
    world.control().set_row_rules(vec![RowRule::new(RowFailure::UnableToLockRow).times(1)]);
    let (status, body) =
        world.patch(&format!("{V}/sobjects/Account/{}", ids[0]), json!({"Phone": "3"})).await;
    assert_eq!((status, code(&body)), (400, "UNABLE_TO_LOCK_ROW"));
    let deleted = world.delete(&format!("{V}/sobjects/Account/{}", ids[0])).await;
    assert_eq!(deleted.0, 204);
}

#[tokio::test]
async fn some_share_of_the_rows_is_locked_at_random() {
    let world = world().await;
    let rows: Vec<Json> = (0..200).map(|n| json!({"Name": format!("A{n}")})).collect();
    world.control().add_row_rule(RowRule::new(RowFailure::UnableToLockRow).probability(0.2));
    let done = collection(&world, Method::POST, "", &records(&rows, "Account")).await;
    let locked = codes(&done).iter().filter(|code| **code == "UNABLE_TO_LOCK_ROW").count();
    assert!((20..65).contains(&locked), "{locked} of 200 at 20 %");
    assert_eq!(world.records("SELECT Id FROM Account").await.len(), 200 - locked);
}

#[tokio::test]
async fn children_of_one_parent_contend_across_requests_and_not_within_one() {
    let world = world().await;
    let parents = [
        world.create("Account", json!({"Name": "A"})).await,
        world.create("Account", json!({"Name": "B"})).await,
    ];
    world.control().lock_parents_for(Duration::from_secs(600));
    let child = |name: &str, parent: usize| json!({"LastName": name, "AccountId": parents[parent]});
    let done =
        collection(&world, Method::POST, "", &records(&[child("1", 0), child("2", 0)], "Contact")).await;
    assert_eq!(codes(&done), ["", ""], "one request locks for itself");
    let done =
        collection(&world, Method::POST, "", &records(&[child("3", 0), child("4", 1)], "Contact")).await;
    assert_eq!(codes(&done), ["UNABLE_TO_LOCK_ROW", ""]);
    let message = done[0]["errors"][0]["message"].as_str().unwrap();
    assert!(message.ends_with(&format!("or 1 records: {}", parents[0])), "{message}");
    world.control().lock_parents_for(Duration::from_millis(20));
    tokio::time::sleep(Duration::from_millis(40)).await;
    let other = world.create("Account", json!({"Name": "C"})).await;
    for name in ["5", "6"] {
        world.create("Contact", json!({"LastName": name, "AccountId": other})).await;
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
}

#[tokio::test]
async fn rules_of_the_customer_refuse_rows_in_their_own_words() {
    let world = world().await;
    let validation = RowRule::new(RowFailure::FieldCustomValidationException);
    let validation = validation.on("Account").with("Rating", "Cold").message("Cold accounts are not kept.");
    world.control().set_row_rules(vec![validation]);
    let refused = world.post(&format!("{V}/sobjects/Account"), json!({"Name": "A", "Rating": "Cold"})).await;
    let expected = json!([{
        "message": "Cold accounts are not kept.",
        "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "fields": ["Rating"],
    }]);
    assert_eq!(refused, (400, expected));
    assert_eq!(
        world.post(&format!("{V}/sobjects/Account"), json!({"Name": "A", "Rating": "Hot"})).await.0,
        201
    );
    for (failure, status, name) in [
        (RowFailure::EntityIsDeleted, 404, "ENTITY_IS_DELETED"),
        (RowFailure::InsufficientAccessOrReadonly, 400, "INSUFFICIENT_ACCESS_OR_READONLY"),
        (RowFailure::CannotInsertUpdateActivateEntity, 400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"),
        (RowFailure::FieldIntegrityException, 400, "FIELD_INTEGRITY_EXCEPTION"),
        (RowFailure::InvalidCrossReferenceKey, 400, "INVALID_CROSS_REFERENCE_KEY"),
    ] {
        world.control().set_row_rules(vec![RowRule::new(failure)]);
        let (code_seen, body) = world.post(&format!("{V}/sobjects/Account"), json!({"Name": "B"})).await;
        assert_eq!((code_seen, code(&body)), (status, name));
    }
}

#[tokio::test]
async fn rows_that_look_alike_need_insistence() {
    let world = world().await;
    let rule = DuplicateRule { object: "Account".to_owned(), field: "Name".to_owned() };
    world.control().set_duplicate_rules(vec![rule]);
    let first = world.create("Account", json!({"Name": "Acme"})).await;
    let path = format!("{V}/sobjects/Account");
    let (status, body) = world.post(&path, json!({"Name": "ACME"})).await;
    assert_eq!((status, code(&body)), (400, "DUPLICATES_DETECTED"));
    assert_eq!(
        body[0]["duplicateResult"]["matchResults"][0]["matchRecords"][0]["record"]["Id"],
        json!(first)
    );
    let rows = records(&[json!({"Name": "acme"}), json!({"Name": "Other"})], "Account");
    let done = collection(&world, Method::POST, "", &rows).await;
    assert_eq!(codes(&done), ["DUPLICATES_DETECTED", ""]);
    let insists = world.request(Method::POST, &path).header("Sforce-Duplicate-Rule-Header", "allowSave=true");
    assert_eq!(insists.json(&json!({"Name": "Acme"})).send().await.unwrap().status(), 201);
}

#[tokio::test]
async fn an_automation_makes_more_of_a_row_than_was_written() {
    let world = world().await;
    world.control().set_workflows(vec![
        Workflow::append("Account", "Description", " (checked)").times(1),
        Workflow::set("Account", "Rating", "Warm"),
    ]);
    let id = world.create("Account", json!({"Name": "A", "Description": "new"})).await;
    let (_, row) = world.get(&format!("{V}/sobjects/Account/{id}")).await;
    assert_eq!((&row["Description"], &row["Rating"]), (&json!("new (checked)"), &json!("Warm")));
    world
        .patch(&format!("{V}/sobjects/Account/{id}"), json!({"Description": "newer", "Rating": "Hot"}))
        .await;
    let (_, row) = world.get(&format!("{V}/sobjects/Account/{id}")).await;
    assert_eq!((&row["Description"], &row["Rating"]), (&json!("newer"), &json!("Warm")));
    let by_hand = json!({"Rating": "Cold"}).as_object().cloned().unwrap();
    world.control().update(id.parse().unwrap(), &by_hand).unwrap();
    let (_, row) = world.get(&format!("{V}/sobjects/Account/{id}")).await;
    assert_eq!(row["Rating"], "Cold", "what a user writes stays");
}

#[tokio::test]
async fn conditions_guard_every_way_to_a_row() {
    let world = world().await;
    let id = world.create("Account", json!({"Name": "A", KEY: "k"})).await;
    let stamp = "Mon, 05 Jan 2026 08:00:00 GMT";
    world.control().advance(Duration::from_secs(10));
    world.patch(&format!("{V}/sobjects/Account/{id}"), json!({"Name": "B"})).await;
    for (method, path) in [
        (Method::GET, id.clone()),
        (Method::PATCH, id.clone()),
        (Method::PATCH, format!("{KEY}/k")),
        (Method::DELETE, id.clone()),
    ] {
        let path = format!("{V}/sobjects/Account/{path}");
        let request = world.request(method.clone(), &path).header("If-Unmodified-Since", stamp);
        let answer = request.json(&json!({"Name": "C"})).send().await.unwrap();
        assert_eq!(answer.status(), 412, "{method} {path}");
    }
    let later = "Mon, 05 Jan 2026 08:00:10 GMT";
    let request = world.request(Method::PATCH, &format!("{V}/sobjects/Account/{id}"));
    let answer =
        request.header("If-Unmodified-Since", later).json(&json!({"Name": "D"})).send().await.unwrap();
    assert_eq!(answer.status(), 204);
    let request = world.request(Method::GET, &format!("{V}/sobjects/Account/{id}"));
    assert_eq!(request.header("If-Modified-Since", later).send().await.unwrap().status(), 304);
}

/// Each part has headers of its own, and inherits none but those about its format and its user.
#[tokio::test]
async fn conditions_guard_the_parts_of_a_composite_request_one_by_one() {
    let world = world().await;
    let mut ids = Vec::new();
    for name in ["A", "B", "C", "D"] {
        ids.push(world.create("Account", json!({"Name": name})).await);
    }
    world.control().advance(Duration::from_secs(10));
    world.patch(&format!("{V}/sobjects/Account/{}", ids[1]), json!({"Name": "theirs"})).await;
    let since = "Mon, 05 Jan 2026 08:00:00 GMT";
    let guarded = |n: usize, header: &str, value: &str| {
        let mut part =
            part("PATCH", &format!("sobjects/Account/{}", ids[n]), &format!("r{n}"), json!({"Name": "ours"}));
        part["httpHeaders"] = json!({ header: value });
        part
    };
    let parts = json!([
        guarded(0, "If-Unmodified-Since", since),
        guarded(1, "If-Unmodified-Since", since),
        guarded(2, "if-unmodified-since", "yesterday"),
        part("PATCH", &format!("sobjects/Account/{}", ids[3]), "r3", json!({"Name": "ours"})),
    ]);
    let body = json!({"allOrNone": false, "compositeRequest": parts});
    let request = world.request(Method::POST, &format!("{V}/composite"));
    // A condition of the whole is none of its parts.
    let answer = request
        .header("If-Unmodified-Since", "Mon, 05 Jan 2015 08:00:00 GMT")
        .json(&body)
        .send()
        .await
        .unwrap();
    let done: Json = answer.json().await.unwrap();
    let statuses: Vec<_> = done["compositeResponse"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["httpStatusCode"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [204, 412, 400, 204], "{done}");
    let rows = world.records("SELECT Name FROM Account ORDER BY Id").await;
    let names: Vec<_> = rows.iter().map(|row| row["Name"].as_str().unwrap()).collect();
    assert_eq!(names, ["ours", "theirs", "C", "ours"]);
}

async fn composite(world: &World, all_or_none: bool, parts: Json) -> Vec<Json> {
    let body = json!({"allOrNone": all_or_none, "compositeRequest": parts});
    let (status, done) = world.post(&format!("{V}/composite"), body).await;
    assert_eq!(status, 200, "{done}");
    done["compositeResponse"].as_array().unwrap().clone()
}

#[expect(clippy::needless_pass_by_value, reason = "so that callers write it in place")]
fn part(method: &str, path: &str, reference: &str, body: Json) -> Json {
    json!({"method": method, "url": format!("{V}/{path}"), "referenceId": reference, "body": body})
}

#[tokio::test]
async fn later_parts_of_a_composite_request_refer_to_earlier_ones() {
    let world = world().await;
    let query = json!({"method": "GET", "referenceId": "found",
        "url": format!("{V}/query?q=SELECT+Id,Name+FROM+Account+WHERE+Id='@{{acc.id}}'")});
    let done = composite(
        &world,
        true,
        json!([
            part("POST", "sobjects/Account", "acc", json!({"Name": "Acme"})),
            part("POST", "sobjects/Contact", "con", json!({"LastName": "Roe", "AccountId": "@{acc.id}"})),
            query,
            part(
                "PATCH",
                "sobjects/Contact/@{con.id}",
                "more",
                json!({"FirstName": "of @{found.records[0].Name}"})
            ),
        ]),
    )
    .await;
    let statuses: Vec<_> = done.iter().map(|one| one["httpStatusCode"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [201, 201, 200, 204], "{done:?}");
    let account = done[0]["body"]["id"].as_str().unwrap();
    assert_eq!(done[0]["httpHeaders"]["Location"], format!("{V}/sobjects/Account/{account}"));
    let rows = world.records("SELECT FirstName, AccountId FROM Contact").await;
    assert_eq!((&rows[0]["FirstName"], &rows[0]["AccountId"]), (&json!("of Acme"), &json!(account)));
}

#[tokio::test]
async fn a_composite_request_keeps_all_or_nothing_when_told_so() {
    let world = world().await;
    let kept = world.create("Account", json!({"Name": "Kept"})).await;
    let parts = json!([
        part("POST", "sobjects/Account", "acc", json!({"Name": "Acme"})),
        part(
            "PATCH",
            "composite/sobjects",
            "many",
            json!({"records": [
                {"attributes": {"type": "Account"}, "id": kept, "Phone": "1"},
            ]})
        ),
        part("DELETE", &format!("sobjects/Account/{kept}"), "gone", Json::Null),
        part("POST", "sobjects/Contact", "bad", json!({"FirstName": "No surname"})),
        part("POST", "sobjects/Contact", "after", json!({"LastName": "Roe", "AccountId": "@{bad.id}"})),
    ]);
    let done = composite(&world, true, parts.clone()).await;
    let codes: Vec<_> = done.iter().map(|one| one["body"][0]["errorCode"].as_str().unwrap_or("")).collect();
    let halted = "PROCESSING_HALTED";
    assert_eq!(codes, [halted, halted, halted, "REQUIRED_FIELD_MISSING", halted]);
    let rows = world.records("SELECT Name, Phone FROM Account").await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!((&rows[0]["Name"], &rows[0]["Phone"]), (&json!("Kept"), &Json::Null));

    let done = composite(&world, false, parts).await;
    let statuses: Vec<_> = done.iter().map(|one| one["httpStatusCode"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [201, 200, 204, 400, 400]);
    let message = done[4]["body"][0]["message"].as_str().unwrap();
    assert!(message.contains("Invalid reference"), "{message}");
    assert_eq!(world.records("SELECT Name FROM Account").await[0]["Name"], "Acme");
}

#[tokio::test]
async fn composite_requests_have_bounds() {
    let world = world().await;
    let create = |n: usize| part("POST", "sobjects/Account", &format!("r{n}"), json!({"Name": "A"}));
    let query =
        |n: usize| json!({"method": "GET", "url": format!("{V}/query?q=x"), "referenceId": format!("q{n}")});
    let nested = part("POST", "composite", "n", json!({"compositeRequest": []}));
    let header =
        json!({"method": "GET", "url": V, "referenceId": "h", "httpHeaders": {"Authorization": "x"}});
    for parts in [
        Vec::new(),
        (0..26).map(create).collect(),
        (0..6).map(query).collect(),
        vec![create(1), create(1)],
        vec![part("GET", "limits", "no spaces", Json::Null)],
        vec![header],
    ] {
        let (status, _) = world.post(&format!("{V}/composite"), json!({"compositeRequest": parts})).await;
        assert_eq!(status, 400, "{parts:?}");
    }
    assert_eq!(composite(&world, false, json!([nested])).await[0]["httpStatusCode"], 404);
    assert_eq!(composite(&world, false, json!((0..25).map(create).collect::<Vec<_>>())).await.len(), 25);
    assert_eq!(world.get(&format!("{V}/composite")).await.0, 405);
}

#[tokio::test]
async fn an_answer_may_be_lost_after_the_row_was_written() {
    let world = world().await;
    world.control().edit_settings(|settings| settings.log_bodies = true);
    let path = format!("{V}/sobjects/Account/{KEY}/k");
    let upsert = || world.request(Method::PATCH, &path).json(&json!({"Name": "A"})).send();
    world.control().set_faults(vec![FaultRule::new(Fault::DropAnswer).on("row_write").times(1)]);
    assert!(upsert().await.is_err());
    world.control().set_faults(vec![FaultRule::new(Fault::Twice).on("row_write").times(1)]);
    assert_eq!(read(upsert().await.unwrap()).await.0, 200, "it was there already, and so the second time");
    world
        .control()
        .set_faults(vec![FaultRule::new(Fault::LateAnswer { ms: 60_000 }).on("row_write").times(1)]);
    let late = world.request(Method::PATCH, &path).json(&json!({"Name": "B"}));
    assert!(late.timeout(Duration::from_millis(300)).send().await.is_err());
    assert_eq!(
        world.records("SELECT Name FROM Account").await,
        [json!({
            "attributes": {"type": "Account", "url": world.records("SELECT Id FROM Account").await[0]["attributes"]["url"]},
            "Name": "B",
        })]
    );
    let writes: Vec<_> =
        world.control().request_log().into_iter().filter(|one| one.kind == "row_write").collect();
    assert_eq!(
        writes.iter().map(|one| one.status).collect::<Vec<_>>(),
        [None, Some(200), Some(200), Some(200)]
    );
    assert_eq!(writes[3].body, Some(json!({"Name": "B"})));
}

#[tokio::test]
async fn rules_and_automations_are_set_over_the_control_api() {
    let world = World::with(OrgSpec::default()).await;
    let rule = json!([{"failure": "UNABLE_TO_LOCK_ROW", "object": "Account", "first_tries": 1}]);
    let (status, rules) = world.call(Method::PUT, "/_sandbox/row-rules", Some(rule)).await;
    assert_eq!((status, &rules[0]["failure"]), (200, &json!("UNABLE_TO_LOCK_ROW")));
    let workflow = json!([{"object": "Account", "field": "Phone", "rewrite": {"append": "!"}}]);
    assert_eq!(world.call(Method::PUT, "/_sandbox/workflows", Some(workflow)).await.0, 204);
    let duplicates = json!([{"object": "Account", "field": "Name"}]);
    assert_eq!(world.call(Method::PUT, "/_sandbox/duplicate-rules", Some(duplicates)).await.0, 204);
    assert_eq!(world.call(Method::PUT, "/_sandbox/parent-locks", Some(json!({"ms": 5}))).await.0, 204);
    let path = format!("{V}/sobjects/Account");
    assert_eq!(code(&world.post(&path, json!({"Name": "A", "Phone": "1"})).await.1), "UNABLE_TO_LOCK_ROW");
    assert_eq!(world.post(&path, json!({"Name": "A", "Phone": "1"})).await.0, 201);
    assert_eq!(world.records("SELECT Phone FROM Account").await[0]["Phone"], "1!");
    assert_eq!(code(&world.post(&path, json!({"Name": "a", "Phone": "2"})).await.1), "UNABLE_TO_LOCK_ROW");
    assert_eq!(code(&world.post(&path, json!({"Name": "a", "Phone": "2"})).await.1), "DUPLICATES_DETECTED");
    assert_eq!(world.call(Method::DELETE, "/_sandbox/row-rules", None).await.1, json!([]));
    let (_, log) = world.get("/_sandbox/requests/log").await;
    assert_eq!(log.as_array().unwrap().iter().filter(|one| one["kind"] == "row_write").count(), 4);
}
