//! Bytes: what is sent, and what odd answers lead to.

use futures::StreamExt;
use provider_hubspot::{HubspotClient, HubspotConfig, HubspotFetcher, HubspotPollSource};
use serde_json::{Value as Json, json};
use sync_auth::{Authenticator, MemoryTokenStore, StaticToken};
use sync_core::{Change, ChangeSource, Cursor, Fetched, Payload, SourceError};
use wiremock::matchers::{body_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::entity::Opportunity;
use crate::world::{config, quick, subscription};

const PROPERTIES: &str = "/crm/v3/properties/deals";
const LIST: &str = "/crm/v3/objects/deals";
const SEARCH: &str = "/crm/v3/objects/deals/search";
const BATCH: &str = "/crm/v3/objects/deals/batch/read";
const ASSOCIATIONS: &str = "/crm/v4/associations/deals/companies/batch/read";
const DATE: &str = "Mon, 05 Jan 2026 08:00:00 GMT";
const CURSOR: &str =
    r#"{"v":1,"at":"done","until":"2026-01-05T07:30:00Z","archived":"2026-01-05T07:30:00Z"}"#;

fn client_with(server: &MockServer, config: HubspotConfig) -> HubspotClient {
    let token = StaticToken::new("pat-na1-secret".into(), None);
    let auth = Authenticator::new("acme".into(), token, MemoryTokenStore::default());
    let config = HubspotConfig { base_url: server.uri(), ..config };
    HubspotClient::builder(auth).config(config).http(|http| http.retry(quick())).build().unwrap()
}

fn client(server: &MockServer) -> HubspotClient {
    client_with(server, config())
}

fn description() -> Json {
    let property = |(name, kind): (&str, &str)| json!({"name": name, "type": kind, "hubspotDefined": true});
    let properties = [
        ("hs_lastmodifieddate", "datetime"),
        ("hs_merged_object_ids", "enumeration"),
        ("dealname", "string"),
        ("dealstage", "enumeration"),
        ("amount", "number"),
        ("closedate", "datetime"),
    ];
    json!({"results": properties.map(property)})
}

fn record(id: u64, second: u32) -> Json {
    let stamp = format!("2026-01-05T07:45:{second:02}.000Z");
    json!({"id": id.to_string(), "properties": {
        "hs_lastmodifieddate": stamp, "hs_merged_object_ids": null, "dealname": "Deal", "dealstage": "won",
        "amount": "1.5", "closedate": null, "hs_object_id": id.to_string(),
    }, "createdAt": "2026-01-02T10:00:00.000Z", "updatedAt": stamp, "archived": false})
}

fn results(records: &[Json]) -> Json {
    json!({"results": records})
}

fn ok(body: &Json) -> ResponseTemplate {
    ResponseTemplate::new(200).insert_header("date", DATE).set_body_json(body)
}

/// A server that describes the object, has nothing archived and no associations, and answers searches in this
/// order, the last answer for good.
async fn answering(answers: Vec<ResponseTemplate>) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path(PROPERTIES)).respond_with(ok(&description())).mount(&server).await;
    Mock::given(path(LIST))
        .and(query_param("archived", "true"))
        .respond_with(ok(&results(&[])))
        .mount(&server)
        .await;
    Mock::given(path(ASSOCIATIONS)).respond_with(ok(&results(&[]))).mount(&server).await;
    let last = answers.len() - 1;
    for (n, answer) in answers.into_iter().enumerate() {
        let mock = Mock::given(path(SEARCH)).respond_with(answer);
        if n < last { mock.up_to_n_times(1) } else { mock }.mount(&server).await;
    }
    server
}

async fn changes(server: &MockServer, cursor: Option<&str>) -> Vec<Result<Change<Opportunity>, SourceError>> {
    let source = HubspotPollSource::<Opportunity>::new(client(server));
    source.list_changes(&subscription(), cursor.map(Cursor::new).as_ref()).collect().await
}

async fn failure(answers: Vec<ResponseTemplate>) -> SourceError {
    let server = answering(answers).await;
    changes(&server, Some(CURSOR)).await.pop().unwrap().unwrap_err()
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

async fn sent(server: &MockServer, to: &str) -> Vec<Request> {
    let requests = server.received_requests().await.unwrap();
    requests.into_iter().filter(|request| request.url.path() == to).collect()
}

fn body(request: &Request) -> Json {
    serde_json::from_slice(&request.body).unwrap()
}

#[tokio::test]
async fn search_is_sent_as_documented() {
    let more =
        json!({"total": 3, "results": [record(99, 1), record(100, 2)], "paging": {"next": {"after": "2"}}});
    let server = answering(vec![ok(&more), ok(&json!({"total": 1, "results": [record(101, 3)]}))]).await;
    let read = changes(&server, Some(CURSOR)).await;
    let cursors: Vec<_> =
        read.iter().map(|change| change.as_ref().unwrap().cursor.clone().unwrap()).collect();
    let window = r#""at":"window","from":"2026-01-05T07:20:00Z","fresh":"2026-01-05T07:30:00Z","to":"2026-01-05T07:59:50Z""#;
    assert_eq!(
        cursors.iter().map(Cursor::as_str).collect::<Vec<_>>(),
        [
            format!(r#"{{"v":1,{window},"after":"99","archived":"2026-01-05T07:30:00Z"}}"#),
            format!(r#"{{"v":1,{window},"after":"100","archived":"2026-01-05T07:30:00Z"}}"#),
            r#"{"v":1,"at":"done","until":"2026-01-05T07:59:50Z","archived":"2026-01-05T07:59:50Z"}"#
                .to_owned(),
        ]
    );
    let searches = sent(&server, SEARCH).await;
    // The upper bound is HubSpot's clock less ten seconds, wherever the local clock stands.
    let filters = json!([
        {"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": "1767597600000"},
        {"propertyName": "hs_lastmodifieddate", "operator": "LT", "value": "1767599990000"},
    ]);
    assert_eq!(
        body(&searches[0]),
        json!({
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "properties": ["hs_lastmodifieddate", "dealname", "dealstage", "amount", "closedate", "hs_merged_object_ids"],
            "limit": 200,
        })
    );
    let last = json!({"propertyName": "hs_object_id", "operator": "GT", "value": "100"});
    assert_eq!(body(&searches[1])["filterGroups"][0]["filters"][2], last);
    for request in server.received_requests().await.unwrap() {
        assert_eq!(request.headers.get("authorization").unwrap(), "Bearer pat-na1-secret");
    }
}

#[tokio::test]
async fn list_is_sent_as_documented_and_followed_page_by_page() {
    let server = MockServer::start().await;
    Mock::given(path(PROPERTIES)).respond_with(ok(&description())).mount(&server).await;
    let next = json!({"results": [record(7, 1)], "paging": {"next": {"after": "opaque+/=8", "link": "https://evil.example/x"}}});
    Mock::given(path(LIST))
        .and(query_param("archived", "true"))
        .respond_with(ok(&results(&[])))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path(LIST))
        .and(query_param("after", "opaque+/=8"))
        .respond_with(ok(&results(&[record(8, 2)])))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(path(LIST))
        .and(header("accept", "application/json"))
        .and(query_param("limit", "100"))
        .and(query_param("associations", "companies"))
        .respond_with(ok(&next))
        .expect(1)
        .mount(&server)
        .await;
    let read = changes(&server, None).await;
    let cursors: Vec<_> =
        read.iter().map(|change| change.as_ref().unwrap().cursor.clone().unwrap()).collect();
    assert_eq!(
        cursors.iter().map(Cursor::as_str).collect::<Vec<_>>(),
        [
            r#"{"v":1,"at":"load","since":"2026-01-05T07:59:50Z","page":"opaque+/=8"}"#,
            r#"{"v":1,"at":"done","until":"2026-01-05T07:59:50Z","archived":"2026-01-05T07:59:50Z"}"#,
        ]
    );
    let pages = sent(&server, LIST).await;
    let plain = "properties=hs_lastmodifieddate,dealname,dealstage,amount,closedate,hs_merged_object_ids&associations=companies";
    assert!(pages[1].url.query().unwrap().starts_with(plain), "{}", pages[1].url);
}

#[tokio::test]
async fn versions_named_by_date_come_last_in_paths() {
    let server = MockServer::start().await;
    for (path_, body) in [
        ("/crm/properties/2026-03/deals", description()),
        ("/crm/objects/2026-03/deals", results(&[])),
        ("/crm/objects/2026-03/deals/search", results(&[record(7, 1)])),
        ("/crm/associations/2026-03/deals/companies/batch/read", results(&[])),
    ] {
        Mock::given(path(path_)).respond_with(ok(&body)).expect(1).mount(&server).await;
    }
    let config = HubspotConfig {
        api_version: "2026-03".to_owned(),
        associations_version: "2026-03".to_owned(),
        ..config()
    };
    let source = HubspotPollSource::<Opportunity>::new(client_with(&server, config));
    let read: Vec<_> = source.list_changes(&subscription(), Some(&Cursor::new(CURSOR))).collect().await;
    assert!(read.iter().all(Result::is_ok), "{read:?}");
}

#[tokio::test]
async fn record_without_a_usable_id_is_told_and_moves_no_position() {
    let mut odd = record(7, 1);
    odd["id"] = json!("x7");
    let answer = json!({"total": 3, "results": [record(6, 1), odd, record(8, 2)]});
    let server = answering(vec![ok(&answer)]).await;
    let read: Vec<_> = changes(&server, Some(CURSOR)).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(read.len(), 3);
    assert!(matches!(read[1].payload, Payload::Unreadable(_)), "{:?}", read[1]);
    assert!(read[1].external_id.as_str().starts_with("unidentified:") && read[1].cursor.is_none());
    let again = changes(&server, Some(CURSOR)).await;
    assert_eq!(again[1].as_ref().unwrap().external_id, read[1].external_id);
}

#[tokio::test]
async fn property_missing_in_one_answer_empties_nothing() {
    let mut cut = record(7, 1);
    cut["properties"].as_object_mut().unwrap().remove("dealstage");
    let server = answering(vec![ok(&results(&[record(6, 1), cut]))]).await;
    let read = changes(&server, Some(CURSOR)).await;
    let Payload::Unreadable(why) = &read[1].as_ref().unwrap().payload else { panic!("{read:?}") };
    assert_eq!(why.reason, "property `dealstage` was asked for and is missing in the answer");
    assert_eq!(sent(&server, PROPERTIES).await.len(), 1);
}

#[tokio::test]
async fn answers_that_stay_broken_say_what_is_wrong() {
    for (text, media_type, expected) in [
        ("", "application/json", "empty"),
        ("<html>Maintenance</html>", "text/html", "HTML"),
        (r#"{"total":1,"results":[{"id""#, "application/json", "cut off"),
        (r#"{"unexpected":true}"#, "application/json", "not the JSON"),
    ] {
        let error = failure(vec![ResponseTemplate::new(200).set_body_raw(text, media_type)]).await;
        assert!(matches!(error, SourceError::Transient { .. }), "{error:?}");
        assert!(chain(&error).contains(expected), "{}", chain(&error));
    }
}

#[tokio::test]
async fn broken_page_is_asked_for_again() {
    let broken = ResponseTemplate::new(200).set_body_raw(r#"{"total":9,"results":[{"#, "application/json");
    let server = answering(vec![broken, ok(&results(&[record(7, 1)]))]).await;
    let read = changes(&server, Some(CURSOR)).await;
    assert!(matches!(&read[..], [Ok(_)]), "{read:?}");
}

/// Going on after the last id would skip what stands in the wrong place.
#[tokio::test]
async fn ids_that_do_not_rise_end_the_run() {
    for records in [[record(8, 1), record(7, 2)], [record(7, 1), record(7, 2)]] {
        let error = failure(vec![ok(&results(&records))]).await;
        assert!(chain(&error).contains("out of the order"), "{}", chain(&error));
    }
    let page = json!({"total": 9, "results": [record(7, 1)], "paging": {"next": {"after": "1"}}});
    let error = failure(vec![ok(&page)]).await;
    assert!(chain(&error).contains("out of the order"), "the same page for ever: {}", chain(&error));
}

#[tokio::test]
async fn list_that_stands_still_ends_the_run() {
    let server = MockServer::start().await;
    Mock::given(path(PROPERTIES)).respond_with(ok(&description())).mount(&server).await;
    Mock::given(path(LIST))
        .and(query_param("archived", "true"))
        .respond_with(ok(&results(&[])))
        .mount(&server)
        .await;
    let page = json!({"results": [record(7, 1)], "paging": {"next": {"after": "7"}}});
    Mock::given(path(LIST)).respond_with(ok(&page)).mount(&server).await;
    let read = changes(&server, None).await;
    let error = read.into_iter().next_back().unwrap().unwrap_err();
    assert!(chain(&error).contains("names itself"), "{}", chain(&error));
}

#[tokio::test]
async fn refusals_end_the_run_with_what_to_do() {
    let refusal = |status, category: &str, message: &str| {
        ResponseTemplate::new(status)
            .set_body_json(json!({"status": "error", "category": category, "message": message}))
    };
    let error = failure(vec![refusal(400, "VALIDATION_ERROR", "Invalid input JSON on line 1")]).await;
    assert!(matches!(&error, SourceError::Permanent { code, .. } if code == "VALIDATION_ERROR"), "{error:?}");
    assert!(error.to_string().contains("Invalid input JSON"), "{error}");

    let error = failure(vec![ResponseTemplate::new(414).set_body_string("<html>URI Too Long</html>")]).await;
    assert!(error.to_string().contains("fewer custom properties"), "{error}");

    for (category, message) in
        [("EXPIRED_AUTHENTICATION", "expired"), ("INVALID_AUTHENTICATION", "not found")]
    {
        let server = answering(vec![refusal(401, category, message)]).await;
        let error = changes(&server, Some(CURSOR)).await.pop().unwrap().unwrap_err();
        assert!(matches!(error, SourceError::Unauthorised { .. }), "{error:?}");
        assert!(!chain(&error).contains("secret"), "{}", chain(&error));
        assert_eq!(sent(&server, SEARCH).await.len(), 1, "a static token has no successor");
    }
}

/// The filter's property is gone: described anew once, and then told.
#[tokio::test]
async fn object_described_anew_without_change_is_not_asked_for_ever() {
    let refusal = json!({"status": "error", "category": "VALIDATION_ERROR",
        "message": "[{\"error\":\"PROPERTY_DOESNT_EXIST\",\"name\":\"amount\"}]"});
    let server = answering(vec![ResponseTemplate::new(400).set_body_json(refusal)]).await;
    let error = changes(&server, Some(CURSOR)).await.pop().unwrap().unwrap_err();
    assert!(
        matches!(&error, SourceError::Permanent { code, .. } if code == "PROPERTY_DOESNT_EXIST"),
        "{error:?}"
    );
    assert_eq!((sent(&server, SEARCH).await.len(), sent(&server, PROPERTIES).await.len()), (1, 2));
}

#[tokio::test]
async fn search_limit_is_waited_out_and_daily_limit_is_not() {
    let limited = |policy: &str| {
        ResponseTemplate::new(429)
            .insert_header("x-hubspot-ratelimit-daily", "250000")
            .insert_header("x-hubspot-ratelimit-daily-remaining", "0")
            .set_body_json(
                json!({"status": "error", "errorType": "RATE_LIMIT", "policyName": policy, "message": "x"}),
            )
    };
    let secondly = ResponseTemplate::new(429).set_body_json(
        json!({"status": "error", "message": "You have reached your secondly limit.", "category": "RATE_LIMITS"}),
    );
    let server = answering(vec![secondly, ok(&results(&[record(7, 1)]))]).await;
    let started = std::time::Instant::now();
    assert!(matches!(&changes(&server, Some(CURSOR)).await[..], [Ok(_)]));
    assert!(started.elapsed() >= std::time::Duration::from_secs(1));

    let error = failure(vec![limited("DAILY")]).await;
    assert!(matches!(error, SourceError::BudgetSpent { used: 250_000, max: 250_000 }), "{error:?}");
}

#[tokio::test]
async fn reserve_of_the_days_calls_is_kept() {
    let page = json!({"total": 9, "results": [record(7, 1)], "paging": {"next": {"after": "1"}}});
    let first = ok(&page)
        .insert_header("x-hubspot-ratelimit-daily", "1000")
        .insert_header("x-hubspot-ratelimit-daily-remaining", "150");
    let server = answering(vec![first, ok(&results(&[]))]).await;
    let read = changes(&server, Some(CURSOR)).await;
    let error = read.into_iter().next_back().unwrap().unwrap_err();
    assert!(matches!(error, SourceError::BudgetSpent { used: 850, max: 1_000 }), "{error:?}");
}

/// A merged record answers under its survivor's id, and 207 tells what is not there.
#[tokio::test]
async fn partial_batches_are_told_from_failed_ones() {
    let error = |category: &str| {
        json!({"status": "COMPLETE", "results": [record(7, 1), record(70, 2)], "numErrors": 1, "errors": [
            {"status": "error", "category": category, "message": "Could not get some", "context": {"ids": ["8"]}}]})
    };
    for (category, expected) in [("OBJECT_NOT_FOUND", true), ("INTERNAL_ERROR", false)] {
        let server = MockServer::start().await;
        Mock::given(path(PROPERTIES)).respond_with(ok(&description())).mount(&server).await;
        Mock::given(path(ASSOCIATIONS)).respond_with(ok(&results(&[]))).mount(&server).await;
        Mock::given(path(BATCH))
            .and(body_json(json!({
                "properties": ["hs_lastmodifieddate", "dealname", "dealstage", "amount", "closedate", "hs_merged_object_ids"],
                "inputs": [{"id": "7"}, {"id": "8"}, {"id": "9"}],
            })))
            .respond_with(ResponseTemplate::new(207).set_body_json(error(category)))
            .mount(&server)
            .await;
        let fetcher = HubspotFetcher::<Opportunity>::new(client(&server));
        let ids = ["9", "7", "8"].map(Into::into);
        let fetched = sync_core::RecordFetcher::fetch_many(&fetcher, &subscription(), &ids).await;
        match fetched {
            Ok(fetched) => {
                assert!(expected && matches!(fetched[1], Fetched::Found { .. }));
                assert!(matches!((&fetched[0], &fetched[2]), (Fetched::Gone(_), Fetched::Gone(_))));
            }
            Err(error) => assert!(!expected && matches!(error, SourceError::Transient { .. }), "{error:?}"),
        }
    }
}

/// A part of the associations that could not be read is no missing link.
#[tokio::test]
async fn associations_that_fail_in_part_empty_no_link() {
    let server = MockServer::start().await;
    Mock::given(path(PROPERTIES)).respond_with(ok(&description())).mount(&server).await;
    Mock::given(path(LIST)).respond_with(ok(&results(&[]))).mount(&server).await;
    Mock::given(path(SEARCH)).respond_with(ok(&results(&[record(7, 1)]))).mount(&server).await;
    let failed = json!({"status": "COMPLETE", "results": [], "errors": [{"category": "INTERNAL_ERROR"}]});
    let partial = ResponseTemplate::new(207).set_body_json(failed);
    Mock::given(path(ASSOCIATIONS)).respond_with(partial).expect(4).mount(&server).await;
    let error = changes(&server, Some(CURSOR)).await.pop().unwrap().unwrap_err();
    assert!(matches!(error, SourceError::Transient { .. }), "{error:?}");
    assert!(chain(&error).contains("part of the batch failed"), "{}", chain(&error));
}

/// Lists of associations go on page by page within one record.
#[tokio::test]
async fn long_lists_of_associations_are_read_to_the_end() {
    let server = answering(vec![ok(&results(&[record(7, 1)]))]).await;
    server.reset().await;
    Mock::given(path(PROPERTIES)).respond_with(ok(&description())).mount(&server).await;
    Mock::given(path(LIST)).respond_with(ok(&results(&[]))).mount(&server).await;
    Mock::given(path(SEARCH)).respond_with(ok(&results(&[record(7, 1)]))).mount(&server).await;
    let to = |id: u64, label: Json| json!({"toObjectId": id, "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": 5, "label": label}]});
    let first = json!({"results": [{"from": {"id": "7"}, "to": [to(801, Json::Null)], "paging": {"next": {"after": "500"}}}]});
    let second = json!({"results": [{"from": {"id": "7"}, "to": [to(802, json!("Primary"))]}]});
    Mock::given(path(ASSOCIATIONS))
        .and(body_json(json!({"inputs": [{"id": "7", "after": "500"}]})))
        .respond_with(ok(&second))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path(ASSOCIATIONS))
        .and(body_json(json!({"inputs": [{"id": "7"}]})))
        .respond_with(ok(&first))
        .expect(1)
        .mount(&server)
        .await;
    let read = changes(&server, Some(CURSOR)).await;
    let Payload::Upsert(record) = &read[0].as_ref().unwrap().payload else { panic!("{read:?}") };
    assert_eq!(record.value.account, Some("802".into()));
}

#[tokio::test]
async fn base_url_that_is_none_is_refused_when_the_client_is_built() {
    for base_url in ["", "api.hubapi.com", "mailto:x@example.test"] {
        let token = StaticToken::new("t".into(), None);
        let auth = Authenticator::new("acme".into(), token, MemoryTokenStore::default());
        let config = HubspotConfig { base_url: base_url.to_owned(), ..HubspotConfig::default() };
        assert!(HubspotClient::builder(auth).config(config).build().is_err(), "{base_url}");
    }
}
