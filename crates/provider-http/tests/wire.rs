//! Proves what goes over the wire and how answers are taken: tokens, repetition, budget, redirects, limits.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

mod support;

use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderValue};
use http::{HeaderMap, Method};
use provider_http::{
    Answer, ApiRequest, Budget, BudgetSpent, Classify, HttpError, RetryPolicy, StatusClassifier, Usage,
    Verdict,
};
use serde_json::json;
use support::*;
use sync_auth::{Authenticator, MemoryTokenStore, StaticToken};
use wiremock::matchers::{any, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Answers in this order, the last one for good.
async fn answering(answers: Vec<ResponseTemplate>) -> MockServer {
    let server = MockServer::start().await;
    let last = answers.len() - 1;
    for (n, answer) in answers.into_iter().enumerate() {
        let mock = Mock::given(any()).respond_with(answer);
        if n < last { mock.up_to_n_times(1) } else { mock }.mount(&server).await;
    }
    server
}

fn status(code: u16) -> ResponseTemplate {
    ResponseTemplate::new(code)
}

async fn requests(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

fn rows() -> ApiRequest {
    ApiRequest::get("list rows", "/rows")
}

#[tokio::test]
async fn call_carries_token_query_and_body() {
    let server = MockServer::start().await;
    Mock::given(method("PATCH"))
        .and(path("/rows/a%2Fb"))
        .and(query_param("fields", "Name, Owner"))
        .and(header("authorization", "Bearer s3cr3t-1"))
        .and(header("content-type", "application/json"))
        .and(header("accept", "application/json"))
        .and(header("user-agent", concat!("hexsync/", env!("CARGO_PKG_VERSION"))))
        .and(wiremock::matchers::body_json(json!({"Name": "Acme"})))
        .respond_with(status(201).set_body_json(json!({"id": 7})).insert_header("etag", "x"))
        .expect(1)
        .mount(&server)
        .await;
    let request = ApiRequest::patch("write row", "/rows")
        .segment("a/b")
        .query("fields", "Name, Owner")
        .header(AUTHORIZATION, HeaderValue::from_static("Bearer of-the-caller"))
        .json(&json!({"Name": "Acme"}))
        .unwrap();
    let response = client(&server.uri()).send(request).await.unwrap();
    assert_eq!(response.status().as_u16(), 201);
    assert_eq!(response.json::<serde_json::Value>().unwrap(), json!({"id": 7}));
    assert_eq!(response.header("ETag"), Some("x"));
}

#[tokio::test]
async fn busy_server_is_asked_again() {
    let server = answering(vec![status(503), status(500), status(200)]).await;
    assert!(client(&server.uri()).send(rows()).await.is_ok());
    assert_eq!(requests(&server).await, 3);
}

#[tokio::test]
async fn six_tries_are_all() {
    let server = answering(vec![status(503)]).await;
    let error = client(&server.uri()).send(rows()).await.unwrap_err();
    assert!(matches!(error, HttpError::Transient { tries: 6, .. }), "{error:?}");
    assert_eq!(requests(&server).await, 6);
    let once = builder(&tokens(&server.uri())).retry(RetryPolicy::never()).build().unwrap();
    once.send(rows()).await.unwrap_err();
    assert_eq!(requests(&server).await, 7);
}

#[tokio::test]
async fn write_is_repeated_only_when_it_did_not_happen() {
    let write = || ApiRequest::new("create row", Method::POST, "/rows");
    let server = answering(vec![status(503), status(200)]).await;
    let error = client(&server.uri()).send(write()).await.unwrap_err();
    assert!(matches!(error, HttpError::OutcomeUnknown { .. }), "{error:?}");
    assert_eq!(requests(&server).await, 1);

    let server = answering(vec![status(503), status(200)]).await;
    assert!(client(&server.uri()).send(write().repeatable(true)).await.is_ok());

    let server = answering(vec![status(429), status(401), status(200)]).await;
    assert!(client(&server.uri()).send(write()).await.is_ok());
    assert_eq!(requests(&server).await, 3);
}

#[tokio::test]
async fn refused_token_is_renewed_once() {
    let server = MockServer::start().await;
    Mock::given(header("authorization", "Bearer s3cr3t-1")).respond_with(status(401)).mount(&server).await;
    Mock::given(header("authorization", "Bearer s3cr3t-2")).respond_with(status(200)).mount(&server).await;
    let client = client(&server.uri());
    assert!(client.send(rows()).await.is_ok());
    assert!(client.send(rows()).await.is_ok());
    assert_eq!(requests(&server).await, 3, "the new token is used from then on");
}

#[tokio::test]
async fn calls_refused_together_share_one_renewal() {
    let server = MockServer::start().await;
    Mock::given(header("authorization", "Bearer s3cr3t-1")).respond_with(status(401)).mount(&server).await;
    Mock::given(header("authorization", "Bearer s3cr3t-2")).respond_with(status(200)).mount(&server).await;
    let tokens = tokens(&server.uri());
    let client = builder(&tokens).build().unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let client = client.clone();
        calls.spawn(async move { client.send(rows()).await.is_ok() });
    }
    assert!(calls.join_all().await.into_iter().all(|ok| ok));
    assert_eq!(tokens.made(), 2);
}

#[tokio::test]
async fn refusal_that_a_fresh_token_does_not_cure_ends_the_call() {
    let server = answering(vec![status(401)]).await;
    let tokens = tokens(&server.uri());
    let error = builder(&tokens).build().unwrap().send(rows()).await.unwrap_err();
    assert!(matches!(error, HttpError::Unauthorised { .. }), "{error:?}");
    assert_eq!((requests(&server).await, tokens.made()), (2, 2));
}

#[tokio::test]
async fn one_call_never_renews_twice() {
    let server = answering(vec![status(401), status(503), status(401), status(200)]).await;
    let tokens = tokens(&server.uri());
    let error = builder(&tokens).build().unwrap().send(rows()).await.unwrap_err();
    assert!(matches!(error, HttpError::Unauthorised { .. }), "{error:?}");
    assert_eq!((requests(&server).await, tokens.made()), (3, 2));
}

#[tokio::test]
async fn dead_grant_asks_for_a_person() {
    let server = answering(vec![status(401)]).await;
    let token = StaticToken::new("s3cr3t-1".into(), Some(server.uri().parse().unwrap()));
    let auth = Authenticator::new("acme".into(), token, MemoryTokenStore::default());
    let client = provider_http::HttpClient::builder(auth).build().unwrap();
    for _ in 0..2 {
        let error = client.send(rows()).await.unwrap_err();
        assert!(matches!(error, HttpError::NeedsReauthorisation { .. }), "{error:?}");
    }
    assert_eq!(requests(&server).await, 1, "a dead connection makes no calls");
    assert!(client.authenticator().dead_grant().is_some());
}

#[tokio::test]
async fn long_throttling_is_handed_on_and_holds_every_caller() {
    let server = answering(vec![status(429).insert_header("retry-after", "3600")]).await;
    let client = client(&server.uri());
    for _ in 0..2 {
        let error = client.send(rows()).await.unwrap_err();
        let HttpError::Throttled { retry_after, .. } = error else { panic!("{error:?}") };
        assert!(retry_after > Duration::from_secs(3590) && retry_after <= Duration::from_secs(3600));
    }
    assert_eq!(requests(&server).await, 1);
}

#[tokio::test]
async fn date_to_come_back_at_is_relative_to_the_answer() {
    let answer = status(503)
        .insert_header("date", "Fri, 02 Jan 2015 10:00:00 GMT")
        .insert_header("retry-after", "Fri, 02 Jan 2015 10:10:00 GMT");
    let server = answering(vec![answer]).await;
    let error = client(&server.uri()).send(rows()).await.unwrap_err();
    assert!(
        matches!(error, HttpError::Throttled { retry_after, .. } if retry_after == Duration::from_secs(600))
    );
}

/// Reads `x-usage: used/max`, and its own meaning into 403.
struct Provider;

impl Classify for Provider {
    fn verdict(&self, answer: &Answer<'_>) -> Verdict {
        match (answer.status.as_u16(), answer.body) {
            (403, b"busy") => Verdict::Throttled { wait: None },
            (403, body) => Verdict::Permanent { code: String::from_utf8_lossy(body).into_owned() },
            (300, _) => Verdict::Ok,
            _ => StatusClassifier.verdict(answer),
        }
    }

    fn usage(&self, headers: &HeaderMap) -> Option<Usage> {
        let (used, max) = headers.get("x-usage")?.to_str().ok()?.split_once('/')?;
        Some(Usage { used: used.parse().ok()?, max: max.parse().ok()? })
    }
}

#[tokio::test]
async fn provider_reads_its_own_codes() {
    let server = answering(vec![
        status(403).set_body_string("busy"),
        status(403).set_body_string("NO_ACCESS"),
        status(300).set_body_string("several"),
    ])
    .await;
    let client = builder(&tokens(&server.uri())).classify(Provider).build().unwrap();
    let error = client.send(rows()).await.unwrap_err();
    let HttpError::Refused { status, code, body, .. } = &error else { panic!("{error:?}") };
    assert_eq!((*status, code.as_str(), &body.0[..]), (403, "NO_ACCESS", &b"NO_ACCESS"[..]));
    assert_eq!(error.to_string(), "list rows was refused (403, NO_ACCESS)");
    assert_eq!(client.send(rows()).await.unwrap().status().as_u16(), 300);
}

#[tokio::test]
async fn spent_budget_stops_all_clients_of_the_org() {
    let server = answering(vec![status(200).insert_header("x-usage", "80/100")]).await;
    let budget = Budget::default();
    let with_budget =
        || builder(&tokens(&server.uri())).classify(Provider).budget(budget.clone()).build().unwrap();
    let (one, other) = (with_budget(), with_budget());
    assert!(one.send(rows()).await.is_ok());
    for client in [&one, &other] {
        let error = client.send(rows()).await.unwrap_err();
        let HttpError::BudgetSpent { spent, .. } = error else { panic!("{error:?}") };
        assert_eq!(spent, BudgetSpent { used: 80, max: 100, reserve: 20 });
    }
    assert_eq!(requests(&server).await, 1);
    assert_eq!(one.budget().snapshot().left, Some(0));
}

#[tokio::test]
async fn every_try_is_a_call_of_the_budget() {
    let server = answering(vec![status(503), status(401), status(200)]).await;
    let budget = Budget::keeping(0);
    budget.record(Usage { used: 0, max: 100 });
    let client = builder(&tokens(&server.uri())).budget(budget.clone()).build().unwrap();
    client.send(rows()).await.unwrap();
    assert_eq!(budget.snapshot().usage, Some(Usage { used: 3, max: 100 }));
}

#[tokio::test]
async fn redirect_is_not_followed() {
    let elsewhere = answering(vec![status(200)]).await;
    let server = answering(vec![status(302).insert_header("location", elsewhere.uri())]).await;
    let error = client(&server.uri()).send(rows()).await.unwrap_err();
    assert!(matches!(error, HttpError::Refused { status: 302, .. }), "{error:?}");
    assert_eq!(requests(&elsewhere).await, 0);
}

#[tokio::test]
async fn next_page_is_followed_on_the_same_server_only() {
    let (server, elsewhere) = (answering(vec![status(200)]).await, answering(vec![status(200)]).await);
    let tokens = tokens(&server.uri());
    let client = builder(&tokens).build().unwrap();
    assert!(
        client.send(ApiRequest::get("next page", format!("{}/rows?after=7", server.uri()))).await.is_ok()
    );
    let error =
        client.send(ApiRequest::get("next page", format!("{}/rows", elsewhere.uri()))).await.unwrap_err();
    assert!(matches!(error, HttpError::ForeignOrigin { .. }), "{error:?}");
    assert_eq!((requests(&server).await, requests(&elsewhere).await), (1, 0));
}

#[tokio::test]
async fn base_url_of_the_client_serves_tokens_without_one() {
    let server = answering(vec![status(200)]).await;
    let mut tokens = tokens(&server.uri());
    tokens.instance_url = None;
    let error = builder(&tokens).build().unwrap().send(rows()).await.unwrap_err();
    assert!(matches!(error, HttpError::InvalidRequest { .. }), "{error:?}");
    let client = builder(&tokens).base_url(server.uri().parse().unwrap()).build().unwrap();
    assert!(client.send(rows()).await.is_ok());
}

#[tokio::test]
async fn long_answer_is_cut_off_and_not_asked_for_again() {
    let server = answering(vec![status(200).set_body_string("x".repeat(1001))]).await;
    let client = builder(&tokens(&server.uri())).max_response_bytes(1000).build().unwrap();
    let error = client.send(rows()).await.unwrap_err();
    assert!(matches!(error, HttpError::TooLarge { limit: 1000, .. }), "{error:?}");
    assert_eq!(requests(&server).await, 1);
    assert_eq!(client.send(rows().max_response_bytes(1001)).await.unwrap().bytes().len(), 1001);
}

/// 100,000 zero bytes, compressed.
const ZEROS: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xed, 0xc1, 0x31, 0x01, 0x00, 0x00, 0x00,
    0xc2, 0xa0, 0xf5, 0x4f, 0x6d, 0x0d, 0x0f, 0xa0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x80, 0x57, 0x03, 0x7d, 0x95, 0x11, 0xd4, 0xa0, 0x86, 0x01, 0x00,
];

#[tokio::test]
async fn compressed_answer_is_unpacked_and_its_true_size_counts() {
    let answer = status(200).set_body_raw(ZEROS, "text/csv").insert_header("content-encoding", "gzip");
    let server = answering(vec![answer]).await;
    let client = client(&server.uri());
    assert_eq!(client.send(rows()).await.unwrap().bytes(), &vec![0_u8; 100_000]);
    let accepts = &server.received_requests().await.unwrap()[0].headers["accept-encoding"];
    assert!(accepts.to_str().unwrap().contains("gzip"));
    let error = client.send(rows().max_response_bytes(99_999)).await.unwrap_err();
    assert!(matches!(error, HttpError::TooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn time_of_the_provider_is_learnt() {
    let server = answering(vec![status(200).insert_header("date", "Fri, 02 Jan 2015 10:00:00 GMT")]).await;
    let client = client(&server.uri());
    assert_eq!(client.server_clock().offset(), None);
    client.send(rows()).await.unwrap();
    assert_eq!(client.server_clock().server_now().date_naive().to_string(), "2015-01-02");
}

#[tokio::test]
async fn proxy_is_used_when_it_is_configured() {
    let proxy = answering(vec![status(200)]).await;
    let client = builder(&tokens("http://acme.example.test"))
        .plain_http(true)
        .proxy(proxy.uri().parse().unwrap())
        .build()
        .unwrap();
    assert!(client.send(rows()).await.is_ok());
    assert_eq!(requests(&proxy).await, 1);
}

#[tokio::test]
async fn settings_that_can_not_work_are_refused_at_once() {
    let error = builder(&tokens("https://acme.example.test")).user_agent("two\nlines").build().unwrap_err();
    assert!(error.to_string().contains("user agent"), "{error}");
}
