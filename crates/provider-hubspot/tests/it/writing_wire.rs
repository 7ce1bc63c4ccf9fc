//! The bytes of writes: what is sent, and what each answer leads to.

use provider_hubspot::{HubspotClient, HubspotConfig, HubspotWriter};
use serde_json::{Value as Json, json};
use sync_auth::{Authenticator, MemoryTokenStore, StaticToken};
use sync_core::{
    FieldSet, IntentId, LocalId, RemoteOp, RemoteWrite, RemoteWriter, SourceError, Version, Written,
};
use wiremock::matchers::{body_json, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::entity::Person;
use crate::world::{config, quick, subscription};

const BATCH: &str = "/crm/v3/objects/contacts/batch";

fn writer(server: &MockServer) -> HubspotWriter<Person> {
    let auth = Authenticator::new(
        "acme".into(),
        StaticToken::new("pat-secret".into(), None),
        MemoryTokenStore::default(),
    );
    let config = HubspotConfig { base_url: server.uri(), ..config() };
    let client: HubspotClient =
        HubspotClient::builder(auth).config(config).http(|http| http.retry(quick())).build().unwrap();
    HubspotWriter::new(client)
}

async fn described() -> MockServer {
    let server = MockServer::start().await;
    let property = |name: &str, read_only: bool, unique: bool| {
        json!({"name": name, "type": "string", "fieldType": "text", "hubspotDefined": name != "hexsync_key",
               "hasUniqueValue": unique, "modificationMetadata": {"readOnlyValue": read_only}})
    };
    let results = json!({"results": [
        property("lastname", false, false), property("phone", false, false), property("email", false, true),
        property("jobtitle", false, false), property("createdate", true, false), property("hexsync_key", false, true),
        property("score", true, false),
    ]});
    Mock::given(path("/crm/v3/properties/contacts")).respond_with(ok(&results)).mount(&server).await;
    server
}

fn ok(body: &Json) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn result(id: &str, properties: &Json) -> Json {
    json!({"id": id, "properties": properties, "updatedAt": "2026-01-02T10:04:05.123Z", "archived": false})
}

fn complete(results: &[Json], errors: &[Json]) -> ResponseTemplate {
    let status = if errors.is_empty() { 200 } else { 207 };
    ResponseTemplate::new(status).set_body_json(
        json!({"status": "COMPLETE", "results": results, "numErrors": errors.len(), "errors": errors}),
    )
}

fn ann() -> Person {
    let mut ann = Person {
        last_name: Some("Roe \"x\" /?'é".to_owned()),
        email: Some("ann@example.test".to_owned()),
        title: Some("CEO".to_owned()),
        ..Person::default()
    };
    ann.custom.set("score", sync_core::FieldValue::Int(7));
    ann
}

fn intent(n: u128, op: RemoteOp<Person>) -> RemoteWrite<Person> {
    RemoteWrite { intent: IntentId(uuid::Uuid::from_u128(n)), op }
}

fn trace(n: u128) -> String {
    uuid::Uuid::from_u128(n).to_string()
}

fn update(n: u128, id: &str, expected: Option<i64>) -> RemoteWrite<Person> {
    let fields = FieldSet::named::<Person>(["last_name", "phone"]);
    let record = Person { custom: sync_core::CustomFields::default(), ..ann() };
    intent(n, RemoteOp::Update { id: id.into(), record, fields, expected: expected.map(Version) })
}

fn create(n: u128, key: &str) -> RemoteWrite<Person> {
    intent(n, RemoteOp::Create { key: LocalId::new(key), record: ann(), fields: FieldSet::all::<Person>() })
}

async fn write(server: &MockServer, writes: &[RemoteWrite<Person>]) -> Result<Vec<Written>, SourceError> {
    writer(server).write_many(&subscription(), writes).await
}

#[tokio::test]
async fn create_is_an_upsert_by_our_key_in_the_body() {
    let server = described().await;
    let expected = json!({"inputs": [{"id": "k/'1?é", "idProperty": "hexsync_key", "objectWriteTraceId": trace(1),
        "properties": {"lastname": "Roe \"x\" /?'é", "email": "ann@example.test"}}]});
    let mut made = result("512", &json!({"hexsync_key": "k/'1?é"}));
    made["new"] = json!(true);
    Mock::given(method("POST"))
        .and(path(format!("{BATCH}/upsert")))
        .and(body_json(&expected))
        .respond_with(complete(&[made], &[]))
        .expect(1)
        .mount(&server)
        .await;
    let answers = write(&server, &[create(1, "k/'1?é")]).await.unwrap();
    let version = Some(Version(1_767_348_245_123));
    assert_eq!(answers, [Written::Done { id: "512".into(), version, created: true }]);
}

#[tokio::test]
async fn update_sends_the_named_properties_and_empty_text_clears() {
    let server = described().await;
    let expected = json!({"inputs": [{"id": "512", "objectWriteTraceId": trace(1),
        "properties": {"lastname": "Roe \"x\" /?'é", "phone": ""}}]});
    Mock::given(path(format!("{BATCH}/update")))
        .and(body_json(&expected))
        .respond_with(complete(&[result("512", &json!({"lastmodifieddate": "2026-01-02T10:04:06Z"}))], &[]))
        .expect(1)
        .mount(&server)
        .await;
    let answers = write(&server, &[update(1, "512", None)]).await.unwrap();
    let version = Some(Version(1_767_348_246_000));
    assert_eq!(answers, [Written::Done { id: "512".into(), version, created: false }]);
}

#[tokio::test]
async fn failures_are_matched_by_trace_and_results_by_id_in_any_order() {
    let server = described().await;
    let refused = json!({"status": "error", "category": "VALIDATION_ERROR", "message": "s3cr3t was not valid",
        "context": {"objectWriteTraceId": [trace(2)]},
        "errors": [{"message": "s3cr3t was not valid", "code": "INVALID_EMAIL", "context": {"propertyName": ["email"]}}]});
    let gone = json!({"status": "error", "category": "OBJECT_NOT_FOUND", "context": {"ids": ["514"]}});
    Mock::given(path(format!("{BATCH}/update")))
        .respond_with(complete(&[result("515", &json!({})), result("512", &json!({}))], &[gone, refused]))
        .mount(&server)
        .await;
    Mock::given(path(format!("{BATCH}/read")))
        .respond_with(complete(&[], &[]))
        .expect(1)
        .mount(&server)
        .await;
    let writes =
        [update(1, "512", None), update(2, "513", None), update(3, "514", None), update(4, "515", None)];
    let answers = write(&server, &writes).await.unwrap();
    for (at, id) in [(0, "512"), (3, "515")] {
        assert!(matches!(&answers[at], Written::Done { id: told, .. } if told.as_str() == id), "{answers:?}");
    }
    let expected = Written::Refused {
        code: "INVALID_EMAIL".to_owned(),
        reason: "property `email`: INVALID_EMAIL".to_owned(),
    };
    assert_eq!(answers[1], expected);
    assert!(matches!(answers[2], Written::Gone(_)), "{answers:?}");
}

#[tokio::test]
async fn chunks_hold_a_hundred_rows() {
    let server = described().await;
    let count = |request: &Request| {
        let body: Json = request.body_json().unwrap();
        let rows: Vec<_> = body["inputs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| result(row["id"].as_str().unwrap(), &json!({})))
            .collect();
        complete(&rows, &[])
    };
    Mock::given(path(format!("{BATCH}/update"))).respond_with(count).expect(3).mount(&server).await;
    let writes: Vec<_> = (1..=201).map(|n| update(n, &n.to_string(), None)).collect();
    let answers = write(&server, &writes).await.unwrap();
    assert!(answers.iter().all(|answer| matches!(answer, Written::Done { .. })));
}

#[tokio::test]
async fn versions_are_read_right_before_the_write() {
    let server = described().await;
    let stamped = |id: &str, at: &str| result(id, &json!({"lastmodifieddate": at}));
    let rows = [stamped("512", "2026-01-02T10:04:05.123Z"), stamped("513", "2026-01-02T10:04:05.124Z")];
    Mock::given(path(format!("{BATCH}/read")))
        .and(body_json(json!({"properties": ["lastmodifieddate"], "inputs": [{"id": "512"}, {"id": "513"}]})))
        .respond_with(complete(&rows, &[]))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path(format!("{BATCH}/update")))
        .respond_with(complete(&[result("512", &json!({}))], &[]))
        .expect(1)
        .mount(&server)
        .await;
    let at = Some(1_767_348_245_123);
    let answers = write(&server, &[update(1, "512", at), update(2, "513", at)]).await.unwrap();
    assert!(matches!(answers[0], Written::Done { .. }), "{answers:?}");
    assert_eq!(answers[1], Written::Stale);
}

/// The write knows nothing of the survivor, so it is not for it.
#[tokio::test]
async fn merge_between_the_look_and_the_write_is_stale() {
    let server = described().await;
    let stamped = |id: &str| result(id, &json!({"lastmodifieddate": "2026-01-02T10:04:05.123Z"}));
    let read = || Mock::given(path(format!("{BATCH}/read")));
    read().respond_with(complete(&[stamped("512")], &[])).up_to_n_times(1).expect(1).mount(&server).await;
    read().respond_with(complete(&[stamped("600")], &[])).expect(1).mount(&server).await;
    let missing = json!({"status": "error", "category": "OBJECT_NOT_FOUND", "context": {"ids": ["512"]}});
    Mock::given(path(format!("{BATCH}/update")))
        .respond_with(complete(&[], &[missing]))
        .expect(1)
        .mount(&server)
        .await;
    let answers = write(&server, &[update(1, "512", Some(1_767_348_245_123))]).await.unwrap();
    assert_eq!(answers, [Written::Stale]);
}

#[tokio::test]
async fn locked_row_of_a_batch_is_put_off() {
    let server = described().await;
    let locked =
        json!({"status": "error", "category": "LOCKED", "context": {"objectWriteTraceId": [trace(2)]}});
    Mock::given(path(format!("{BATCH}/update")))
        .respond_with(complete(&[result("512", &json!({}))], &[locked]))
        .expect(1)
        .mount(&server)
        .await;
    let answers = write(&server, &[update(1, "512", None), update(2, "513", None)]).await.unwrap();
    assert!(matches!(answers[0], Written::Done { .. }), "{answers:?}");
    assert!(matches!(answers[1], Written::Later { .. }), "{answers:?}");
}

#[tokio::test]
async fn call_refused_as_a_whole_is_halved_until_the_row_at_fault_is_found() {
    let server = described().await;
    let judge = |request: &Request| {
        let body: Json = request.body_json().unwrap();
        let ids: Vec<_> = body["inputs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .collect();
        if ids.contains(&"5".to_owned()) {
            let message = "Property values were not valid: [{\"message\":\"s3cr3t\",\"error\":\"INVALID_OPTION\",\"name\":\"phone\"}]";
            return ResponseTemplate::new(400)
                .set_body_json(json!({"category": "VALIDATION_ERROR", "message": message}));
        }
        let rows: Vec<_> = ids.iter().map(|id| result(id, &json!({}))).collect();
        complete(&rows, &[])
    };
    Mock::given(path(format!("{BATCH}/update"))).respond_with(judge).mount(&server).await;
    let writes: Vec<_> = (1..=9).map(|n| update(n, &n.to_string(), None)).collect();
    let answers = write(&server, &writes).await.unwrap();
    for (n, answer) in answers.iter().enumerate() {
        match answer {
            Written::Done { .. } => assert_ne!(n, 4),
            Written::Refused { code, reason } => {
                assert_eq!(
                    (n, code.as_str(), reason.as_str()),
                    (4, "INVALID_OPTION", "property `phone`: INVALID_OPTION")
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn lost_and_unreadable_answers_leave_their_chunk_unknown() {
    for answer in [
        ResponseTemplate::new(500).set_body_string("<html>"),
        ResponseTemplate::new(200).set_body_string("{\"results\":["),
        ResponseTemplate::new(202).set_body_json(json!({"status": "PENDING", "results": []})),
    ] {
        let server = described().await;
        Mock::given(path(format!("{BATCH}/update"))).respond_with(answer).expect(1).mount(&server).await;
        Mock::given(path(format!("{BATCH}/archive")))
            .respond_with(ResponseTemplate::new(204))
            .mount(&server)
            .await;
        let writes = [update(1, "512", None), intent(2, RemoteOp::Archive { id: "513".into() })];
        let answers = write(&server, &writes).await.unwrap();
        assert!(matches!(answers[0], Written::Unknown { .. }), "{answers:?}");
        assert!(matches!(answers[1], Written::Done { .. }), "{answers:?}");
    }
}

#[tokio::test]
async fn id_that_is_none_is_never_sent() {
    let server = described().await;
    let archive = intent(1, RemoteOp::Archive { id: "512/../513".into() });
    let answers = write(&server, &[archive, update(2, "x", None)]).await.unwrap();
    for answer in &answers {
        assert!(matches!(answer, Written::Refused { code, .. } if code == "MALFORMED_ID"), "{answers:?}");
    }
}

#[tokio::test]
async fn what_can_be_written_is_known_before_and_after_the_description() {
    let server = described().await;
    let writer = writer(&server);
    assert_eq!(
        writer.writable(),
        FieldSet::named::<Person>(["last_name", "phone", "email", "created", "company"])
    );
    Mock::given(path(format!("{BATCH}/update")))
        .respond_with(complete(&[result("512", &json!({}))], &[]))
        .mount(&server)
        .await;
    writer.write_many(&subscription(), &[update(1, "512", None)]).await.unwrap();
    assert_eq!(writer.writable(), FieldSet::named::<Person>(["last_name", "phone", "email", "company"]));
}
