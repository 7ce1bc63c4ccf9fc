//! Bytes: what is sent, and what odd answers lead to.

use futures::StreamExt;
use provider_salesforce::{SalesforceClient, SalesforceFetcher, SalesforcePollSource};
use serde_json::{Value as Json, json};
use sync_auth::{Authenticator, MemoryTokenStore, StaticToken};
use sync_core::{Change, ChangeSource, Cursor, Fetched, Payload, SourceError};
use sync_detection::{
    CursorConfig, CursorKind, DetectionConfig, Filter, FilterOp, PollChangeSource, PollConfig,
};
use wiremock::matchers::{header, header_exists, method, path, path_regex, query_param};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::entity::Opportunity;
use crate::world::{config, quick, subscription};

const DESCRIBE: &str = "/services/data/v66.0/sobjects/Opportunity/describe";
const QUERY: &str = "/services/data/v66.0/queryAll";
const LOCATOR: &str = "/services/data/v66.0/query/01gDn0000012AbCIAU-1";
const DATE: &str = "Mon, 05 Jan 2026 08:00:00 GMT";
const ID: &str = "0065e00000QwErTAAV";

fn client(server: &MockServer) -> SalesforceClient {
    let token = StaticToken::new("00Dn!secret.token".into(), Some(server.uri().parse().unwrap()));
    let auth = Authenticator::new("acme".into(), token, MemoryTokenStore::default());
    SalesforceClient::builder(auth).config(config()).http(|http| http.retry(quick())).build().unwrap()
}

fn description() -> Json {
    let field =
        |(name, field_type): (&str, &str)| json!({"name": name, "type": field_type, "filterable": true});
    let mut fields: Vec<Json> = [
        ("Id", "id"),
        ("SystemModstamp", "datetime"),
        ("IsDeleted", "boolean"),
        ("Name", "string"),
        ("StageName", "picklist"),
        ("Amount", "currency"),
        ("CloseDate", "date"),
    ]
    .map(field)
    .to_vec();
    fields.push(json!({"name": "AccountId", "type": "reference", "relationshipName": "Account"}));
    json!({"name": "Opportunity", "fields": fields})
}

fn record(id: &str, second: u32) -> Json {
    json!({
        "attributes": {"type": "Opportunity"}, "Id": id,
        "SystemModstamp": format!("2026-01-02T10:04:{second:02}.000+0000"), "IsDeleted": false, "Name": "Deal",
        "StageName": "Won", "Amount": 1.5, "CloseDate": "2026-03-31", "AccountId": null, "Account": null,
    })
}

fn page(records: &[Json]) -> Json {
    json!({"totalSize": records.len(), "done": true, "records": records})
}

fn unfinished(records: &[Json], next: &str) -> Json {
    json!({"totalSize": 9, "done": false, "nextRecordsUrl": next, "records": records})
}

fn ok(body: &Json) -> ResponseTemplate {
    ResponseTemplate::new(200).insert_header("date", DATE).set_body_json(body)
}

fn api_error(status: u16, code: &str, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!([{"message": message, "errorCode": code}]))
}

/// A server that describes the object and answers queries in this order, the last answer for good.
async fn answering(answers: Vec<ResponseTemplate>) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path(DESCRIBE)).respond_with(ok(&description())).mount(&server).await;
    let last = answers.len() - 1;
    for (n, answer) in answers.into_iter().enumerate() {
        let mock = Mock::given(path_regex("^/services/data/v66.0/query")).respond_with(answer);
        if n < last { mock.up_to_n_times(1) } else { mock }.mount(&server).await;
    }
    server
}

async fn changes(server: &MockServer, cursor: Option<&str>) -> Vec<Result<Change<Opportunity>, SourceError>> {
    let source = SalesforcePollSource::<Opportunity>::new(client(server));
    source.list_changes(&subscription(), cursor.map(Cursor::new).as_ref()).collect().await
}

async fn failure(answers: Vec<ResponseTemplate>) -> SourceError {
    let server = answering(answers).await;
    changes(&server, None).await.pop().unwrap().unwrap_err()
}

fn chain(error: &SourceError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

async fn queries(server: &MockServer) -> Vec<Request> {
    let requests = server.received_requests().await.unwrap();
    requests.into_iter().filter(|request| request.url.path().contains("/query")).collect()
}

fn soql(request: &Request) -> String {
    request.url.query_pairs().find(|(key, _)| key == "q").unwrap().1.into_owned()
}

#[tokio::test]
async fn query_is_sent_as_documented() {
    let server = MockServer::start().await;
    Mock::given(path(DESCRIBE)).respond_with(ok(&description())).mount(&server).await;
    Mock::given(method("GET"))
        .and(path(QUERY))
        .and(header("authorization", "Bearer 00Dn!secret.token"))
        .and(header("sforce-query-options", "batchSize=2000"))
        .and(header("accept", "application/json"))
        .respond_with(ok(&page(&[record(ID, 5)])))
        .expect(2)
        .mount(&server)
        .await;
    let filter = Filter::new("Name", FilterOp::In, ["O'Neill & Söhne", r"a\b+c"]).unwrap();
    let source = SalesforcePollSource::<Opportunity>::new(client(&server)).filters([filter]);
    let cursor = Cursor::new(r#"{"v":1,"stamp":"2026-01-02T10:04:05Z","id":"0065e00000QwErTAAV"}"#);
    let read: Vec<_> = source.list_changes(&subscription(), Some(&cursor)).collect().await;
    assert_eq!(read.len(), 2, "{read:?}");

    let sent = queries(&server).await;
    let select = "SELECT Id,SystemModstamp,IsDeleted,Name,StageName,Amount,CloseDate,AccountId,Account.Name FROM Opportunity";
    let filtered = format!(r"{select} WHERE Name IN ('O\'Neill & Söhne','a\\b+c')");
    assert_eq!(
        soql(&sent[0]),
        format!(
            "{filtered} AND (SystemModstamp < 2026-01-02T10:04:05Z OR (SystemModstamp = 2026-01-02T10:04:05Z \
             AND Id <= '{ID}')) AND SystemModstamp >= 2026-01-02T09:54:05Z ORDER BY SystemModstamp,Id"
        )
    );
    // The upper bound is the server's clock less five seconds, wherever the local clock stands.
    assert_eq!(
        soql(&sent[1]),
        format!(
            "{filtered} AND SystemModstamp <= 2026-01-05T07:59:55Z AND (SystemModstamp > 2026-01-02T10:04:05Z OR \
             (SystemModstamp = 2026-01-02T10:04:05Z AND Id > '{ID}')) ORDER BY SystemModstamp,Id"
        )
    );
    let raw = sent[0].url.as_str();
    assert!(raw.contains("%27O%5C%27Neill%20%26%20S%C3%B6hne%27") && raw.contains("%2Bc"), "{raw}");
}

#[tokio::test]
async fn further_pages_are_followed_until_done_without_options() {
    let server = MockServer::start().await;
    Mock::given(path(DESCRIBE)).respond_with(ok(&description())).mount(&server).await;
    Mock::given(path(QUERY))
        .respond_with(ok(&unfinished(&[record(ID, 5)], LOCATOR)))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path(LOCATOR))
        .respond_with(ok(&page(&[record("0065e00000QwErU", 6)])))
        .expect(1)
        .mount(&server)
        .await;
    let read = changes(&server, None).await;
    let cursors: Vec<_> =
        read.iter().map(|change| change.as_ref().unwrap().cursor.clone().unwrap()).collect();
    assert_eq!(
        cursors.iter().map(Cursor::as_str).collect::<Vec<_>>(),
        [
            r#"{"v":1,"stamp":"2026-01-02T10:04:05Z","id":"0065e00000QwErTAAV"}"#,
            r#"{"v":1,"stamp":"2026-01-02T10:04:06Z","id":"0065e00000QwErUAAV"}"#,
        ]
    );
    let sent = queries(&server).await;
    assert!(sent[1].headers.get("sforce-query-options").is_none());
}

#[tokio::test]
async fn description_is_asked_again_only_for_changes() {
    let server = MockServer::start().await;
    let unchanged = ResponseTemplate::new(304).insert_header("date", DATE);
    Mock::given(path(DESCRIBE))
        .and(header_exists("if-modified-since"))
        .respond_with(unchanged)
        .mount(&server)
        .await;
    Mock::given(path(DESCRIBE)).respond_with(ok(&description())).mount(&server).await;
    let client = client(&server);
    let first = client.describe("Opportunity").await.unwrap();
    assert_eq!(client.describe("Opportunity").await.unwrap(), first);
    let sent = server.received_requests().await.unwrap();
    let since: Vec<_> = sent.iter().map(|request| request.headers.get("if-modified-since")).collect();
    // Two seconds less than the description's own time: changes of the same second count as later.
    assert_eq!(since, [None, Some(&"Mon, 05 Jan 2026 07:59:58 GMT".parse().unwrap())]);
}

#[tokio::test]
async fn records_without_a_usable_id_are_told_and_change_no_position() {
    let odd = [
        json!({"Id": "0065e00000QwErTAAA"}),
        json!(7),
        json!({"SystemModstamp": "2026-01-02T10:04:05.000+0000"}),
    ];
    let answer =
        page(&[record(ID, 5), odd[0].clone(), odd[1].clone(), odd[2].clone(), record("0065e00000QwErU", 6)]);
    let server = answering(vec![ok(&answer)]).await;
    let read: Vec<_> = changes(&server, None).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(read.len(), 5);
    for change in &read[1..4] {
        assert!(matches!(change.payload, Payload::Unreadable(_)), "{change:?}");
        assert!(change.external_id.as_str().starts_with("unidentified:") && change.cursor.is_none());
    }
    assert!(read[4].cursor.is_some());
    let again: Vec<_> =
        changes(&server, None).await.into_iter().map(|change| change.unwrap().external_id).collect();
    assert_eq!(again, read.iter().map(|change| change.external_id.clone()).collect::<Vec<_>>());
}

#[tokio::test]
async fn selected_field_missing_in_the_answer_empties_nothing() {
    let mut cut = record(ID, 5);
    cut.as_object_mut().unwrap().remove("StageName");
    let server = answering(vec![ok(&page(&[cut]))]).await;
    let read = changes(&server, None).await;
    let Payload::Unreadable(why) = &read[0].as_ref().unwrap().payload else { panic!("{read:?}") };
    assert_eq!(why.reason, "field `StageName` was asked for and is missing in the answer");
}

/// A record edited after the start stands where it stood before, with a stamp beyond the upper bound.
#[tokio::test]
async fn stamp_beyond_the_upper_bound_moves_no_position() {
    let mut edited = record("0065e00000QwErU", 6);
    edited["SystemModstamp"] = json!("2026-01-05T07:59:58.000+0000");
    let records = [record(ID, 5), edited, record("0065e00000QwErV", 7), record("0065e00000QwErW", 4)];
    let server = answering(vec![ok(&page(&records))]).await;
    let read = changes(&server, None).await;
    let moved: Vec<_> = read.iter().map(|change| change.as_ref().unwrap().cursor.is_some()).collect();
    assert_eq!(moved, [true, false, true, false], "neither beyond the bound nor backwards");
}

#[tokio::test]
async fn broken_page_is_asked_for_anew_from_the_last_record() {
    let broken = [
        ResponseTemplate::new(200)
            .set_body_raw(r#"{"totalSize":9,"done":false,"records":[{"Id""#, "application/json"),
        ResponseTemplate::new(200).set_body_raw("", "application/json"),
        ResponseTemplate::new(200).set_body_raw("<html>Maintenance</html>", "text/html"),
        api_error(400, "INVALID_QUERY_LOCATOR", "invalid query locator"),
        ok(&json!({"totalSize": 9, "done": false, "records": []})),
        ok(&unfinished(&[], "https://elsewhere.example/services/data/v66.0/query/01g")),
    ];
    for answer in broken {
        let rest = page(&[record("0065e00000QwErU", 5)]);
        let server = answering(vec![ok(&unfinished(&[record(ID, 5)], LOCATOR)), answer, ok(&rest)]).await;
        let read: Vec<_> = changes(&server, None).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(read.len(), 2);
        let sent = queries(&server).await;
        let restarted = soql(sent.last().unwrap());
        assert!(
            restarted.contains(&format!("(SystemModstamp = 2026-01-02T10:04:05Z AND Id > '{ID}')")),
            "{restarted}"
        );
    }
}

#[tokio::test]
async fn answers_that_stay_broken_say_what_is_wrong() {
    for (body, media_type, expected) in [
        ("", "application/json", "empty"),
        ("<html>Maintenance</html>", "text/html", "HTML"),
        (r#"{"totalSize":1,"done":tr"#, "application/json", "cut off"),
        (r#"{"unexpected":true}"#, "application/json", "not the JSON"),
    ] {
        let error = failure(vec![ResponseTemplate::new(200).set_body_raw(body, media_type)]).await;
        assert!(matches!(error, SourceError::Transient { .. }), "{error:?}");
        assert!(chain(&error).contains(expected), "{}", chain(&error));
    }
}

#[tokio::test]
async fn same_page_for_ever_ends_the_run() {
    let error = failure(vec![ok(&unfinished(&[record(ID, 5)], LOCATOR))]).await;
    assert!(matches!(error, SourceError::Transient { .. }), "{error:?}");
    assert!(chain(&error).contains("without new records"), "{}", chain(&error));
}

#[tokio::test]
async fn refusals_end_the_run_with_what_to_do() {
    let error = failure(vec![api_error(400, "MALFORMED_QUERY", "unexpected token: FORM")]).await;
    assert!(matches!(&error, SourceError::Permanent { code, .. } if code == "MALFORMED_QUERY"), "{error:?}");
    assert!(error.to_string().contains("unexpected token"), "{error}");

    let error = failure(vec![ResponseTemplate::new(414).set_body_string("<html>URI Too Long</html>")]).await;
    assert!(error.to_string().contains("fewer custom fields"), "{error}");

    let error = failure(vec![api_error(403, "API_DISABLED_FOR_ORG", "The REST API is not enabled")]).await;
    assert!(matches!(&error, SourceError::Unauthorised { .. }), "{error:?}");
    assert!(!chain(&error).contains("secret"), "{}", chain(&error));
}

#[tokio::test]
async fn refused_token_is_renewed_once_and_never_in_a_loop() {
    let server = answering(vec![api_error(401, "INVALID_SESSION_ID", "Session expired or invalid")]).await;
    let error = changes(&server, None).await.pop().unwrap().unwrap_err();
    assert!(matches!(error, SourceError::Unauthorised { .. }), "{error:?}");
    assert_eq!(queries(&server).await.len(), 1, "a static token has no successor");

    let text = "This session is not valid for use with the REST API";
    let error = failure(vec![api_error(401, "INVALID_SESSION_ID", text)]).await;
    assert!(error.to_string().contains("scope `api`"), "{error}");
}

#[tokio::test]
async fn reserve_of_the_api_budget_is_kept() {
    let first = ok(&unfinished(&[record(ID, 5)], LOCATOR))
        .insert_header("sforce-limit-info", "api-usage=12000/15000");
    let server = answering(vec![first, ok(&page(&[]))]).await;
    let read = changes(&server, None).await;
    assert!(read[0].is_ok());
    assert!(
        matches!(read[1], Err(SourceError::BudgetSpent { used: 12_000, max: 15_000 })),
        "{:?}",
        read[1].as_ref().err()
    );
    assert_eq!(queries(&server).await.len(), 1);
}

#[tokio::test]
async fn object_described_anew_without_change_is_not_asked_for_ever() {
    let server =
        answering(vec![api_error(400, "INVALID_FIELD", "No such column 'Amount' on entity 'Opportunity'.")])
            .await;
    let error = changes(&server, None).await.pop().unwrap().unwrap_err();
    assert!(matches!(&error, SourceError::Permanent { code, .. } if code == "INVALID_FIELD"), "{error:?}");
    assert_eq!(queries(&server).await.len(), 1);
    assert_eq!(server.received_requests().await.unwrap().len(), 3);
}

#[tokio::test]
async fn looked_up_record_without_an_id_makes_nobody_gone() {
    let server = MockServer::start().await;
    Mock::given(path(DESCRIBE)).respond_with(ok(&description())).mount(&server).await;
    Mock::given(path(QUERY))
        .and(query_param("q", format!(
            "SELECT Id,SystemModstamp,IsDeleted,Name,StageName,Amount,CloseDate,AccountId,Account.Name FROM Opportunity WHERE Id IN ('{ID}')"
        )))
        .respond_with(ok(&page(&[json!({"Id": null})])))
        .expect(1)
        .mount(&server)
        .await;
    let fetcher = SalesforceFetcher::<Opportunity>::new(client(&server));
    assert!(matches!(fetcher.get(&ID.into()).await.unwrap(), Fetched::Unreadable(_)));
}

/// As a fetcher it takes the filters of the configuration, and not its own: the entity's file is the one place.
#[tokio::test]
async fn configured_filters_arrive_in_the_query() {
    let server = answering(vec![ok(&page(&[record(ID, 5)]))]).await;
    let own = Filter::eq("Name", "ignored");
    let fetcher = SalesforcePollSource::<Opportunity>::new(client(&server)).filters([own]);
    let stamp = CursorConfig::new(CursorKind::SystemModstamp, "SystemModstamp");
    let config = DetectionConfig::poll(PollConfig::new(stamp), &[])
        .filters([Filter::neq("StageName", "Draft"), Filter::gte("Amount", 1_000)]);
    let source = PollChangeSource::new("salesforce-poll-opportunity", config, Box::new(fetcher));
    let changes: Vec<_> = source.list_changes(&subscription(), None).collect().await;
    assert!(
        matches!(&changes[..], [Ok(change)] if change.external_id.as_str() == ID && change.cursor.is_some())
    );
    let soql = soql(&queries(&server).await[0]);
    assert!(soql.contains("StageName != 'Draft' AND Amount >= 1000"), "{soql}");
    assert!(!soql.contains("ignored"), "{soql}");
}
