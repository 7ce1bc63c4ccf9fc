//! Updates of records that have to be as expected: Salesforce compares each as it writes it.

use std::sync::Arc;

use crm_sandbox::salesforce::model::RecordId;
use crm_sandbox::salesforce::{RowFailure, RowRule};
use crm_sandbox::{Fault, FaultRule};
use provider_salesforce::SalesforceWriter;
use serde_json::{Value as Json, json};
use sync_core::{
    DeleteEvidence, ExternalId, FieldSet, IntentId, Jitter, RemoteOp, RemoteWrite, RemoteWriter, Written,
};
use wiremock::matchers::{body_json, header, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::entity::Opportunity;
use crate::world::{World, subscription};
use crate::writing_wire::{COLLECTION, ID, OTHER, READ, bodies, described, done, ok, update, write};

const COMPOSITE: &str = "/services/data/v66.0/composite";
/// 2026-01-02T10:04:05Z
const EXPECTED: i64 = 1_767_348_245_000;

fn id(n: usize) -> String {
    // Fifteen characters without capitals: the suffix is `AAA`.
    format!("0065e0000{n:06}AAA")
}

fn part(n: usize, status: u16, body: &Json) -> Json {
    json!({"body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": format!("row{n}")})
}

fn error(code: &str) -> Json {
    json!([{"errorCode": code, "message": "s3cr3t", "fields": []}])
}

async fn answer_parts(server: &MockServer, parts: &[Json]) {
    let body = json!({"compositeResponse": parts});
    Mock::given(method("POST"))
        .and(path(COMPOSITE))
        .respond_with(ok(&body))
        .up_to_n_times(1)
        .mount(server)
        .await;
}

#[tokio::test]
async fn each_part_has_its_own_precondition() {
    let server = described().await;
    let sent = |n: usize, id: &str, since: &str| {
        json!({
            "method": "PATCH", "url": format!("/services/data/v66.0/sobjects/Opportunity/{id}"), "referenceId": format!("row{n}"),
            "httpHeaders": {
                "If-Unmodified-Since": since, "Sforce-Auto-Assign": "FALSE", "Sforce-Call-Options": "client=hexsync",
            },
            "body": {"Name": "Acme \"renewal\" /?'é", "StageName": null},
        })
    };
    let expected = json!({"allOrNone": false, "compositeRequest": [
        sent(0, ID, "Fri, 02 Jan 2026 10:04:05 GMT"), sent(1, OTHER, "Sat, 03 Jan 2026 10:04:05 GMT"),
    ]});
    Mock::given(method("POST"))
        .and(path(COMPOSITE))
        .and(header("sforce-call-options", "client=hexsync"))
        .and(header("sforce-auto-assign", "FALSE"))
        .and(body_json(&expected))
        // Answers are known by their names, not by their order.
        .respond_with(ok(
            &json!({"compositeResponse": [part(1, 412, &Json::Null), part(0, 204, &Json::Null)]}),
        ))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path(READ)).respond_with(ok(&json!([{"Id": OTHER}]))).expect(1).mount(&server).await;
    let day = 86_400_000;
    let answers =
        write(&server, &[update(ID, Some(EXPECTED)), update(OTHER, Some(EXPECTED + day))]).await.unwrap();
    assert_eq!(answers, [Written::Done { id: ID.into(), version: None, created: false }, Written::Stale]);
}

#[tokio::test]
async fn every_part_has_its_own_outcome() {
    let server = described().await;
    let (nothing, there) = (Json::Null, json!({"Id": "x"}));
    answer_parts(
        &server,
        &[
            part(0, 204, &nothing),
            part(1, 412, &nothing),
            part(2, 412, &error("PRECONDITION_FAILED")),
            part(3, 404, &error("ENTITY_IS_DELETED")),
            part(4, 404, &error("NOT_FOUND")),
            part(5, 400, &error("INVALID_CROSS_REFERENCE_KEY")),
            part(6, 400, &error("REQUIRED_FIELD_MISSING")),
            part(7, 400, &error("PROCESSING_HALTED")),
            part(8, 503, &error("SERVER_UNAVAILABLE")),
            part(9, 500, &error("UNKNOWN_EXCEPTION")),
            part(10, 502, &json!("<html>")),
            part(11, 403, &nothing),
            part(13, 204, &nothing),
        ],
    )
    .await;
    // One look at all that may be gone.
    Mock::given(method("POST"))
        .and(path(READ))
        .and(body_json(json!({"ids": [id(1), id(2), id(4), id(5)], "fields": ["Id"]})))
        .respond_with(ok(&json!([there, null, null, there])))
        .expect(1)
        .mount(&server)
        .await;
    let writes: Vec<_> = (0..13).map(|n| update(&id(n), Some(EXPECTED))).collect();
    let answers = write(&server, &writes).await.unwrap();
    let gone = Written::Gone(DeleteEvidence::LookedUp);
    let done = Written::Done { id: id(0).into(), version: None, created: false };
    assert_eq!(answers[..5], [done, Written::Stale, gone.clone(), gone.clone(), gone]);
    for (n, expected) in [(5, "INVALID_CROSS_REFERENCE_KEY"), (6, "REQUIRED_FIELD_MISSING"), (11, "http_403")]
    {
        assert!(matches!(&answers[n], Written::Refused { code, .. } if code == expected), "{n}: {answers:?}");
    }
    for n in [7, 8] {
        assert!(matches!(answers[n], Written::Later { .. }), "{n}: {answers:?}");
    }
    for n in [9, 10, 12] {
        assert!(matches!(answers[n], Written::Unknown { .. }), "{n}: {answers:?}");
    }
}

#[tokio::test]
async fn look_that_fails_leaves_open_what_is_gone() {
    let server = described().await;
    answer_parts(&server, &[part(0, 412, &Json::Null), part(1, 404, &error("NOT_FOUND"))]).await;
    Mock::given(path(READ)).respond_with(ok(&json!([null]))).expect(1).mount(&server).await;
    let answers = write(&server, &[update(ID, Some(EXPECTED)), update(OTHER, Some(EXPECTED))]).await.unwrap();
    assert_eq!(answers[0], Written::Stale);
    assert!(matches!(answers[1], Written::Later { .. }), "{answers:?}");
}

#[tokio::test]
async fn locked_parts_alone_are_sent_again_with_their_precondition() {
    let server = described().await;
    answer_parts(&server, &[part(0, 204, &Json::Null), part(1, 400, &error("UNABLE_TO_LOCK_ROW"))]).await;
    answer_parts(&server, &[part(1, 204, &Json::Null)]).await;
    let answers = write(&server, &[update(ID, Some(EXPECTED)), update(OTHER, Some(EXPECTED))]).await.unwrap();
    assert!(answers.iter().all(|answer| matches!(answer, Written::Done { .. })), "{answers:?}");
    let again = &bodies(&server).await[1]["compositeRequest"];
    assert_eq!(again.as_array().unwrap().len(), 1);
    assert!(again[0]["url"].as_str().unwrap().ends_with(OTHER), "{again}");
    assert_eq!(again[0]["httpHeaders"]["If-Unmodified-Since"], json!("Fri, 02 Jan 2026 10:04:05 GMT"));
}

#[tokio::test]
async fn guarded_and_plain_updates_go_in_calls_of_their_own() {
    let server = described().await;
    let parts = |request: &Request| {
        let body: Json = request.body_json().unwrap();
        let parts = body["compositeRequest"].as_array().unwrap().iter();
        let parts: Vec<_> = parts
            .map(|part| json!({"body": null, "httpHeaders": {}, "httpStatusCode": 204, "referenceId": part["referenceId"]}))
            .collect();
        ok(&json!({"compositeResponse": parts}))
    };
    Mock::given(path(COMPOSITE)).respond_with(parts).mount(&server).await;
    Mock::given(path(COLLECTION))
        .respond_with(ok(&json!([done(&id(1)), done(&id(3))])))
        .expect(1)
        .mount(&server)
        .await;
    let expected = |n: usize| (n > 3 || n.is_multiple_of(2)).then_some(EXPECTED);
    let writes: Vec<_> = (0..53).map(|n| update(&id(n), expected(n))).collect();
    let answers = write(&server, &writes).await.unwrap();
    for (n, answer) in answers.iter().enumerate() {
        assert_eq!(*answer, Written::Done { id: id(n).into(), version: None, created: false });
    }
    let sizes: Vec<_> = bodies(&server)
        .await
        .iter()
        .map(|body| body.get("compositeRequest").map(|parts| parts.as_array().unwrap().len()))
        .collect();
    assert_eq!(sizes, [None, Some(25), Some(25), Some(1)]);
}

#[tokio::test]
async fn lost_answer_of_parts_leaves_them_unknown_and_is_not_sent_again() {
    for answer in [
        ResponseTemplate::new(500).set_body_string("<html>"),
        ResponseTemplate::new(200).set_body_string("{\"compositeResponse\":["),
        ok(&json!([done(ID)])),
    ] {
        let server = described().await;
        Mock::given(path(COMPOSITE)).respond_with(answer).expect(1).mount(&server).await;
        let answers =
            write(&server, &[update(ID, Some(EXPECTED)), update(OTHER, Some(EXPECTED))]).await.unwrap();
        assert!(answers.iter().all(|answer| matches!(answer, Written::Unknown { .. })), "{answers:?}");
    }
}

#[tokio::test]
async fn parts_are_halved_when_their_call_is_refused_as_a_whole() {
    let server = described().await;
    let judge = |request: &Request| {
        let body: Json = request.body_json().unwrap();
        let names: Vec<_> = body["compositeRequest"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| part["referenceId"].clone())
            .collect();
        if names.contains(&json!("row2")) {
            return ResponseTemplate::new(400).set_body_json(error("JSON_PARSER_ERROR"));
        }
        let parts: Vec<_> = names
            .iter()
            .map(|name| json!({"body": null, "httpHeaders": {}, "httpStatusCode": 204, "referenceId": name}))
            .collect();
        ok(&json!({"compositeResponse": parts}))
    };
    Mock::given(path(COMPOSITE)).respond_with(judge).mount(&server).await;
    let writes: Vec<_> = (0..5).map(|n| update(&id(n), Some(EXPECTED))).collect();
    let answers = write(&server, &writes).await.unwrap();
    for (n, answer) in answers.iter().enumerate() {
        let refused = matches!(answer, Written::Refused { code, reason } if code == "JSON_PARSER_ERROR" && !reason.contains("s3cr3t"));
        assert_eq!(
            (n == 2, refused, matches!(answer, Written::Done { .. })),
            (refused, n == 2, n != 2),
            "{answer:?}"
        );
    }
}

fn rename(world: &World, id: RecordId, name: &str) -> RemoteWrite<Opportunity> {
    let (version, _) = world.truth()[&ExternalId::new(id.as_str())];
    let op = RemoteOp::Update {
        id: id.as_str().into(),
        record: Opportunity { name: Some(name.to_owned()), ..Opportunity::default() },
        fields: FieldSet::named::<Opportunity>(["name"]),
        expected: Some(version),
    };
    RemoteWrite { intent: IntentId(uuid::Uuid::now_v7()), op }
}

fn writer(world: &World) -> SalesforceWriter<Opportunity> {
    SalesforceWriter::new(world.client.clone())
}

fn name(world: &World, id: RecordId) -> String {
    world.control().read(|org| {
        let (table, row) =
            (org.table("Opportunity").unwrap(), org.table("Opportunity").unwrap().newest(&id).unwrap());
        let field = table.def.field_index("Name").unwrap();
        let mut json = Vec::new();
        org.value(table, row, field, org.now_ms()).write_json(&mut json);
        serde_json::from_slice(&json).unwrap()
    })
}

/// 1,000 updates, each compared by Salesforce: 40 calls, and what was changed or deleted meanwhile stays as it is.
#[tokio::test]
async fn thousand_guarded_updates_take_forty_calls() {
    let world = World::new().await;
    let ids = world.seed(1_000);
    let writes: Vec<_> = ids.iter().map(|id| rename(&world, *id, "ours")).collect();
    world.rename(ids[7], "theirs");
    world.rename(ids[999], "theirs");
    world.control().delete(ids[500]).unwrap();
    let answers = writer(&world).write_many(&subscription(), &writes).await.unwrap();
    for (n, answer) in answers.iter().enumerate() {
        match n {
            7 | 999 => assert_eq!((answer, &*name(&world, ids[n])), (&Written::Stale, "theirs")),
            500 => assert_eq!(*answer, Written::Gone(DeleteEvidence::LookedUp)),
            _ => {
                assert!(matches!(answer, Written::Done { .. }), "{n}: {answer:?}");
                assert_eq!(name(&world, ids[n]), "ours");
            }
        }
    }
    assert_eq!(
        (world.asked("composite"), world.asked("collection_write"), world.asked("row_write")),
        (40, 0, 0)
    );
    // In three of them something was not as expected: a look at what is gone for each.
    assert_eq!(world.asked("collection_read"), 3);
}

/// Locked records are sent again and again, with everything else of their call out of the way.
#[tokio::test]
async fn locked_record_of_a_guarded_call_holds_up_no_other() {
    let world = World::new().await;
    let ids = world.seed(3);
    let writes: Vec<_> =
        ids.iter().enumerate().map(|(n, id)| rename(&world, *id, &format!("ours {n}"))).collect();
    let lock = RowRule::new(RowFailure::UnableToLockRow).on("Opportunity").with("Name", "ours 1");
    for (tries, is_done) in [(3, true), (4, false)] {
        world.control().set_row_rules(vec![lock.clone().first_tries(tries)]);
        let writes = if is_done {
            writes.clone()
        } else {
            vec![rename(&world, ids[1], "ours 1"), rename(&world, ids[2], "x")]
        };
        let answers = writer(&world).write_many(&subscription(), &writes).await.unwrap();
        let later = answers.iter().filter(|answer| matches!(answer, Written::Later { .. })).count();
        let done = answers.iter().filter(|answer| matches!(answer, Written::Done { .. })).count();
        assert_eq!((done, later), if is_done { (3, 0) } else { (1, 1) }, "{answers:?}");
    }
    assert_eq!(world.asked("composite"), 4 + 4);
}

/// Changes a record whenever the writer draws its chance: between two tries.
struct Meddler {
    world: Arc<World>,
    id: RecordId,
}

impl Jitter for Meddler {
    fn fraction(&self) -> f64 {
        self.world.settle();
        self.world.rename(self.id, "theirs");
        0.0
    }
}

/// What changes while a call waits for a lock is not written over.
#[tokio::test]
async fn change_between_two_tries_is_noticed() {
    let world = Arc::new(World::new().await);
    let ids = world.seed(2);
    let writes: Vec<_> = ids.iter().map(|id| rename(&world, *id, "ours")).collect();
    world.control().add_fault(FaultRule::new(Fault::LockedRow).on("composite").times(1));
    let meddler = Meddler { world: Arc::clone(&world), id: ids[1] };
    let writer = writer(&world).jitter(Arc::new(meddler));
    let answers = writer.write_many(&subscription(), &writes).await.unwrap();
    assert!(matches!(answers[0], Written::Done { .. }), "{answers:?}");
    assert_eq!((&answers[1], &*name(&world, ids[1])), (&Written::Stale, "theirs"));
}

/// An answer that got lost says nothing about what was written.
#[tokio::test]
async fn lost_answer_of_a_guarded_call_is_told() {
    let world = World::new().await;
    let ids = world.seed(2);
    let writes: Vec<_> = ids.iter().map(|id| rename(&world, *id, "ours")).collect();
    world.control().add_fault(FaultRule::new(Fault::DropAnswer).on("composite").times(1));
    let answers = writer(&world).write_many(&subscription(), &writes).await.unwrap();
    assert!(answers.iter().all(|answer| matches!(answer, Written::Unknown { .. })), "{answers:?}");
    assert_eq!(world.asked("composite"), 1);
}
