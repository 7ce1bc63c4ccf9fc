//! The bytes of writes: what is sent, and what each answer leads to.

use provider_salesforce::{SalesforceClient, SalesforceWriter};
use serde_json::{Value as Json, json};
use sync_auth::{Authenticator, MemoryTokenStore, StaticToken};
use sync_core::{
    DeleteEvidence, ExternalId, FieldSet, IntentId, LocalId, RemoteOp, RemoteWrite, RemoteWriter,
    SourceError, Version, Written,
};
use wiremock::matchers::{body_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::entity::Opportunity;
use crate::world::{config, quick, subscription};

const DESCRIBE: &str = "/services/data/v66.0/sobjects/Opportunity/describe";
pub(crate) const COLLECTION: &str = "/services/data/v66.0/composite/sobjects";
const BY_KEY: &str = "/services/data/v66.0/composite/sobjects/Opportunity/Hexsync_Key__c";
pub(crate) const READ: &str = "/services/data/v66.0/composite/sobjects/Opportunity";
pub(crate) const ID: &str = "0065e00000QwErTAAV";
pub(crate) const OTHER: &str = "0065e00000QwErUAAV";

fn client(server: &MockServer) -> SalesforceClient {
    let token = StaticToken::new("00Dn!secret.token".into(), Some(server.uri().parse().unwrap()));
    let auth = Authenticator::new("acme".into(), token, MemoryTokenStore::default());
    SalesforceClient::builder(auth).config(config()).http(|http| http.retry(quick())).build().unwrap()
}

fn writer(server: &MockServer) -> SalesforceWriter<Opportunity> {
    SalesforceWriter::new(client(server))
}

pub(crate) async fn described() -> MockServer {
    let server = MockServer::start().await;
    let field = |name: &str, field_type: &str, open: bool| {
        json!({"name": name, "type": field_type, "createable": open, "updateable": open, "custom": name.ends_with("__c"),
               "externalId": name == "Hexsync_Key__c"})
    };
    let mut account = field("AccountId", "reference", true);
    account["relationshipName"] = json!("Account");
    let mut score = field("Score__c", "double", false);
    score["calculated"] = json!(true);
    let fields = json!([
        field("Id", "id", false),
        field("SystemModstamp", "datetime", false),
        field("Name", "string", true),
        field("StageName", "picklist", true),
        field("Amount", "currency", true),
        field("CloseDate", "date", true),
        account,
        score,
        field("Region__c", "string", true),
        field("Hexsync_Key__c", "string", true),
    ]);
    let description = json!({"name": "Opportunity", "fields": fields});
    Mock::given(path(DESCRIBE)).respond_with(ok(&description)).mount(&server).await;
    server
}

pub(crate) fn ok(body: &Json) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

pub(crate) fn failed(code: &str, message: &str) -> Json {
    json!({"success": false, "errors": [{"statusCode": code, "message": message, "fields": []}]})
}

pub(crate) fn done(id: &str) -> Json {
    json!({"id": id, "success": true, "errors": []})
}

fn intent(op: RemoteOp<Opportunity>) -> RemoteWrite<Opportunity> {
    RemoteWrite { intent: IntentId(uuid::Uuid::now_v7()), op }
}

fn deal() -> Opportunity {
    let mut deal = Opportunity {
        name: Some("Acme \"renewal\" /?'é".to_owned()),
        stage: None,
        amount: Some("79228162514264337593543950.335".parse().unwrap()),
        close_date: Some("2026-03-31".parse().unwrap()),
        account: Some("001Dn00000AbCdEIAV".into()),
        account_name: Some("Acme".to_owned()),
        ..Opportunity::default()
    };
    deal.custom.set("Region__c", sync_core::FieldValue::Text("EU".to_owned()));
    deal.custom.set("Score__c", sync_core::FieldValue::Int(5));
    deal.custom.set("hs_removed_since", sync_core::FieldValue::Text("x".to_owned()));
    deal
}

pub(crate) fn update(id: &str, expected: Option<i64>) -> RemoteWrite<Opportunity> {
    let fields = FieldSet::named::<Opportunity>(["name", "stage"]);
    let mut record = deal();
    record.custom = sync_core::CustomFields::default();
    intent(RemoteOp::Update { id: id.into(), record, fields, expected: expected.map(Version) })
}

fn create(key: &str) -> RemoteWrite<Opportunity> {
    intent(RemoteOp::Create {
        key: LocalId::new(key),
        record: deal(),
        fields: FieldSet::all::<Opportunity>(),
    })
}

fn archive(id: &str) -> RemoteWrite<Opportunity> {
    intent(RemoteOp::Archive { id: id.into() })
}

pub(crate) async fn write(
    server: &MockServer,
    writes: &[RemoteWrite<Opportunity>],
) -> Result<Vec<Written>, SourceError> {
    writer(server).write_many(&subscription(), writes).await
}

pub(crate) async fn bodies(server: &MockServer) -> Vec<Json> {
    let requests = server.received_requests().await.unwrap();
    requests
        .iter()
        .filter(|request| !request.body.is_empty())
        .map(|request| request.body_json().unwrap())
        .collect()
}

#[tokio::test]
async fn create_is_an_upsert_by_our_key_in_the_body() {
    let server = described().await;
    Mock::given(method("PATCH"))
        .and(path(BY_KEY))
        .and(header("sforce-call-options", "client=hexsync"))
        .and(header("sforce-auto-assign", "FALSE"))
        .respond_with(ok(&json!([{"id": ID, "success": true, "errors": [], "created": true}])))
        .expect(1)
        .mount(&server)
        .await;
    let answers = write(&server, &[create("k/'1?é")]).await.unwrap();
    assert_eq!(answers, [Written::Done { id: ID.into(), version: None, created: true }]);
    let sent = server.received_requests().await.unwrap().pop().unwrap();
    let text = String::from_utf8(sent.body).unwrap();
    // Digits as they are, empty fields left out, nothing of the related record, of formulas or of removed fields.
    assert!(text.contains(r#""Amount":79228162514264337593543950.335"#), "{text}");
    let sent: Json = serde_json::from_str(&text).unwrap();
    assert_eq!(sent["allOrNone"], json!(false));
    let mut names: Vec<_> = sent["records"][0].as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let expected = ["AccountId", "Amount", "CloseDate", "Hexsync_Key__c", "Name", "Region__c", "attributes"];
    assert_eq!(names, expected);
    assert_eq!(sent["records"][0]["Hexsync_Key__c"], json!("k/'1?é"));
    assert_eq!(sent["records"][0]["Name"], json!("Acme \"renewal\" /?'é"));
}

#[tokio::test]
async fn update_sends_the_named_fields_and_null_clears() {
    let server = described().await;
    let expected = json!({"allOrNone": false, "records": [
        {"attributes": {"type": "Opportunity"}, "id": ID, "Name": "Acme \"renewal\" /?'é", "StageName": null},
    ]});
    Mock::given(method("PATCH"))
        .and(path(COLLECTION))
        .and(body_json(&expected))
        .respond_with(ok(&json!([done(ID)])))
        .expect(1)
        .mount(&server)
        .await;
    let answers = write(&server, &[update(ID, None)]).await.unwrap();
    assert_eq!(answers, [Written::Done { id: ID.into(), version: None, created: false }]);
}

#[tokio::test]
async fn deletions_name_their_ids_in_the_address() {
    let server = described().await;
    Mock::given(method("DELETE"))
        .and(path(COLLECTION))
        .and(query_param("ids", format!("{ID},{OTHER}")))
        .and(query_param("allOrNone", "false"))
        .respond_with(ok(&json!([done(ID), failed("ENTITY_IS_DELETED", "entity is deleted")])))
        .expect(1)
        .mount(&server)
        .await;
    let answers = write(&server, &[archive(ID), archive("no id'), DELETE"), archive(OTHER)]).await.unwrap();
    assert!(matches!(&answers[1], Written::Refused { code, .. } if code == "MALFORMED_ID"), "{answers:?}");
    for at in [0, 2] {
        assert!(matches!(answers[at], Written::Done { created: false, .. }), "{answers:?}");
    }
}

#[tokio::test]
async fn chunks_hold_two_hundred_rows() {
    let server = described().await;
    let count = |request: &Request| {
        let body: Json = request.body_json().unwrap();
        let rows =
            body["records"].as_array().unwrap().iter().map(|row| done(row["id"].as_str().unwrap())).collect();
        ok(&Json::Array(rows))
    };
    Mock::given(method("PATCH")).and(path(COLLECTION)).respond_with(count).expect(3).mount(&server).await;
    let writes: Vec<_> = (0..401).map(|n| update(&format!("0065e0000{n:06}"), None)).collect();
    let answers = write(&server, &writes).await.unwrap();
    assert!(answers.iter().all(|answer| matches!(answer, Written::Done { .. })));
    let sizes: Vec<_> =
        bodies(&server).await.iter().map(|body| body["records"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [200, 200, 1]);
}

#[tokio::test]
async fn locked_rows_alone_are_sent_again() {
    let server = described().await;
    let locked = failed("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record: 001Dn");
    let first = json!([done(ID), locked]);
    Mock::given(path(COLLECTION)).respond_with(ok(&first)).up_to_n_times(1).mount(&server).await;
    Mock::given(path(COLLECTION)).respond_with(ok(&json!([done(OTHER)]))).expect(1).mount(&server).await;
    let answers = write(&server, &[update(ID, None), update(OTHER, None)]).await.unwrap();
    assert!(answers.iter().all(|answer| matches!(answer, Written::Done { .. })), "{answers:?}");
    assert_eq!(bodies(&server).await[1]["records"][0]["id"], json!(OTHER));
}

#[tokio::test]
async fn key_that_was_taken_meanwhile_is_found_by_the_second_try() {
    let server = described().await;
    let taken = failed(
        "DUPLICATE_VALUE",
        "duplicate value found: Hexsync_Key__c duplicates value on record with id: 0065e00000QwErT",
    );
    Mock::given(path(BY_KEY)).respond_with(ok(&json!([taken]))).up_to_n_times(1).mount(&server).await;
    let found = json!([{"id": ID, "success": true, "errors": [], "created": false}]);
    Mock::given(path(BY_KEY)).respond_with(ok(&found)).mount(&server).await;
    let answers = write(&server, &[create("k")]).await.unwrap();
    assert_eq!(answers, [Written::Done { id: ID.into(), version: None, created: false }]);
    // One that stays taken is refused: nobody can see the record that has it.
    let server = described().await;
    Mock::given(path(BY_KEY)).respond_with(ok(&json!([taken]))).expect(2).mount(&server).await;
    let answers = write(&server, &[create("k")]).await.unwrap();
    assert!(matches!(&answers[0], Written::Refused { code, .. } if code == "DUPLICATE_VALUE"), "{answers:?}");
}

#[tokio::test]
async fn reference_that_leads_nowhere_is_looked_up() {
    let server = described().await;
    let nowhere = failed("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id");
    Mock::given(method("PATCH"))
        .and(path(COLLECTION))
        .respond_with(ok(&json!([nowhere, nowhere])))
        .mount(&server)
        .await;
    let present = json!({"SystemModstamp": "2026-01-02T10:04:05.000+0000"});
    Mock::given(path(READ)).respond_with(ok(&json!([null, present]))).expect(1).mount(&server).await;
    let answers = write(&server, &[update(ID, None), update(OTHER, None)]).await.unwrap();
    assert_eq!(answers[0], Written::Gone(DeleteEvidence::LookedUp));
    let Written::Refused { code, reason } = &answers[1] else { panic!("{answers:?}") };
    assert!(code == "INVALID_CROSS_REFERENCE_KEY" && reason.contains("points to a record"), "{reason}");
}

#[tokio::test]
async fn call_refused_as_a_whole_is_halved_until_the_row_at_fault_is_found() {
    let server = described().await;
    let judge = |request: &Request| {
        let body: Json = request.body_json().unwrap();
        let ids: Vec<_> = body["records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .collect();
        if ids.iter().any(|id| id.starts_with("0065e0000000005")) {
            let error = json!([{"errorCode": "JSON_PARSER_ERROR", "message": "Cannot deserialize instance of s3cr3t"}]);
            return ResponseTemplate::new(400).set_body_json(error);
        }
        ok(&Json::Array(ids.iter().map(|id| done(id)).collect()))
    };
    Mock::given(method("PATCH")).and(path(COLLECTION)).respond_with(judge).mount(&server).await;
    let writes: Vec<_> = (0..9).map(|n| update(&format!("0065e0000{n:06}"), None)).collect();
    let answers = write(&server, &writes).await.unwrap();
    for (n, answer) in answers.iter().enumerate() {
        match answer {
            Written::Done { .. } => assert_ne!(n, 5),
            Written::Refused { code, reason } => {
                assert_eq!((n, code.as_str()), (5, "JSON_PARSER_ERROR"));
                assert!(!reason.contains("s3cr3t"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn lost_and_unreadable_answers_leave_their_chunk_unknown() {
    for answer in [
        ResponseTemplate::new(500).set_body_string("<html>"),
        ResponseTemplate::new(200).set_body_string("[{\"id\":"),
        ok(&json!([done(ID)])),
    ] {
        let server = described().await;
        Mock::given(method("PATCH"))
            .and(path(COLLECTION))
            .respond_with(answer)
            .expect(1)
            .mount(&server)
            .await;
        Mock::given(method("DELETE")).respond_with(ok(&json!([done(OTHER)]))).mount(&server).await;
        let writes = [update(ID, None), update("0065e00000QwErV", None), archive(OTHER)];
        let answers = write(&server, &writes).await.unwrap();
        assert!(answers[..2].iter().all(|answer| matches!(answer, Written::Unknown { .. })), "{answers:?}");
        assert!(matches!(answers[2], Written::Done { .. }), "{answers:?}");
    }
}

#[tokio::test]
async fn fields_that_nobody_can_write_are_refused_when_nothing_else_is_left() {
    let server = described().await;
    let fields = FieldSet::named::<Opportunity>(["account_name"]);
    let op = RemoteOp::Update { id: ExternalId::new(ID), record: deal(), fields, expected: None };
    let RemoteOp::Update { record, .. } = &op else { panic!() };
    let record = Opportunity { custom: sync_core::CustomFields::default(), ..record.clone() };
    let op = RemoteOp::Update { id: ExternalId::new(ID), record, fields, expected: None };
    let answers = write(&server, &[intent(op)]).await.unwrap();
    let Written::Refused { code, reason } = &answers[0] else { panic!("{answers:?}") };
    assert!(
        code == "NOT_WRITABLE" && reason.contains("`account_name`") || reason.contains("`Account.Name`"),
        "{reason}"
    );
}

#[tokio::test]
async fn what_can_be_written_is_known_before_and_after_the_description() {
    let server = described().await;
    let writer = writer(&server);
    let expected = FieldSet::named::<Opportunity>(["name", "stage", "amount", "close_date", "account"]);
    assert_eq!(writer.writable(), expected);
    Mock::given(path(COLLECTION)).respond_with(ok(&json!([done(ID)]))).mount(&server).await;
    writer.write_many(&subscription(), &[update(ID, None)]).await.unwrap();
    assert_eq!(writer.writable(), expected);
    assert_eq!(writer.label(), "salesforce-write-opportunity");
}
