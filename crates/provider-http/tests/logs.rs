//! Proves that a call leaves a useful trace, and that no secret or value is in it.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

mod support;

use std::io::{Result as IoResult, Write};
use std::sync::{Arc, Mutex};

use http::header::{HeaderName, HeaderValue};
use provider_http::ApiRequest;
use support::*;
use tracing_subscriber::fmt::format::FmtSpan;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> IoResult<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> IoResult<()> {
        Ok(())
    }
}

#[tokio::test]
async fn trace_tells_what_happened_and_no_secret() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let server = MockServer::start().await;
    for code in [503, 401] {
        let answer = ResponseTemplate::new(code).set_body_string("s3cr3t body");
        Mock::given(any()).respond_with(answer).up_to_n_times(1).mount(&server).await;
    }
    let answer =
        ResponseTemplate::new(200).insert_header("x-session", "s3cr3t").set_body_string("s3cr3t rows");
    Mock::given(any()).respond_with(answer).up_to_n_times(2).mount(&server).await;
    let refusal = ResponseTemplate::new(400).set_body_string("s3cr3t refusal");
    Mock::given(any()).respond_with(refusal).mount(&server).await;

    let client = client(&server.uri());
    let request = ApiRequest::post("search rows", "/services/search")
        .repeatable(true)
        .query("filter", "s3cr3t")
        .header(HeaderName::from_static("x-key"), HeaderValue::from_static("s3cr3t"))
        .body(HeaderValue::from_static("text/plain"), "s3cr3t");
    let response = client.send(request.clone()).await.unwrap();
    let by_pattern = ApiRequest::get("get row", "/rows/s3cr3t").logged_path("/rows/{external id}");
    client.send(by_pattern).await.unwrap();
    let refused = client.send(request.clone()).await.unwrap_err();
    let page = response.json::<u8>().unwrap_err();
    let shown = format!("{client:?} {request:?} {response:?} {refused:?} {refused} {page:?} {page}");
    assert!(!shown.contains("s3cr3t"), "{shown}");

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    // The server logs on a thread of its own; this is the calling side, its libraries included.
    assert!(!log.contains("s3cr3t"), "{log}");
    let closed: Vec<_> =
        log.lines().filter(|line| line.contains("http.call") && line.contains(": close ")).collect();
    assert_eq!(closed.len(), 3, "{log}");
    for part in [
        r#"call="search rows""#,
        "method=POST",
        "connection=acme",
        r#"path="/services/search""#,
        r#"query="filter""#,
        "status=200",
        "tries=3",
        "millis=",
    ] {
        assert!(closed[0].contains(part), "{part}: {}", closed[0]);
    }
    assert!(closed[1].contains(r#"path="/rows/{external id}""#), "{}", closed[1]);
}
