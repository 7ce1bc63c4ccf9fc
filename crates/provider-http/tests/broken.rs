//! Proves that half an answer is none: dropped connections, cut bodies, broken compression, silence.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

mod support;

use std::time::Duration;

use provider_http::{ApiRequest, HttpError};
use support::*;

const WHOLE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nrows";
const NOTHING: &[u8] = b"";
const CUT_BODY: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 400\r\nconnection: close\r\n\r\nrows";
const CUT_CHUNK: &[u8] =
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n4\r\nrows\r\n40\r\nmo";
const CUT_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-le";
const NOT_HTTP: &[u8] = b"SSH-2.0-OpenSSH_9.6\r\n\r\n";
const CUT_GZIP: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 12\r\nconnection: close\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\x03\x01\x04";
const CUT_REFUSAL: &[u8] = b"HTTP/1.1 404 Not Found\r\ncontent-length: 400\r\nconnection: close\r\n\r\nno";
const CUT_401: &[u8] = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 400\r\nconnection: close\r\n\r\nno";

#[tokio::test]
async fn broken_answer_is_asked_for_again() {
    for broken in [NOTHING, CUT_BODY, CUT_CHUNK, CUT_HEAD, NOT_HTTP, CUT_GZIP] {
        let server = RawServer::start(vec![broken, broken, WHOLE]).await;
        let response = client(&server.uri).send(ApiRequest::get("list rows", "/rows")).await;
        let shown = String::from_utf8_lossy(broken).into_owned();
        assert_eq!(&response.expect(&shown).bytes()[..], b"rows", "{shown}");
        assert_eq!(server.served(), 3, "{shown}");
    }
}

#[tokio::test]
async fn answer_that_stays_broken_is_transient() {
    let server = RawServer::start(vec![CUT_BODY; 7]).await;
    let error = client(&server.uri).send(ApiRequest::get("list rows", "/rows")).await.unwrap_err();
    assert!(matches!(error, HttpError::Transient { tries: 6, .. }), "{error:?}");
    assert_eq!(server.served(), 6);
}

#[tokio::test]
async fn write_whose_answer_broke_off_is_not_sent_again() {
    for broken in [NOTHING, CUT_BODY] {
        let server = RawServer::start(vec![broken, WHOLE]).await;
        let error = client(&server.uri).send(ApiRequest::post("create row", "/rows")).await.unwrap_err();
        assert!(matches!(error, HttpError::OutcomeUnknown { .. }), "{error:?}");
        assert_eq!(server.served(), 1);
    }
    let server = RawServer::start(vec![CUT_BODY, WHOLE]).await;
    let search = ApiRequest::post("search rows", "/search").repeatable(true);
    assert!(client(&server.uri).send(search).await.is_ok());
}

#[tokio::test]
async fn status_of_a_refusal_counts_though_its_body_broke_off() {
    let server = RawServer::start(vec![CUT_REFUSAL, WHOLE]).await;
    let error = client(&server.uri).send(ApiRequest::get("get row", "/rows/1")).await.unwrap_err();
    assert!(matches!(error, HttpError::Refused { status: 404, .. }), "{error:?}");

    let server = RawServer::start(vec![CUT_401, WHOLE]).await;
    let tokens = tokens(&server.uri);
    let response = builder(&tokens).build().unwrap().send(ApiRequest::post("create row", "/rows")).await;
    assert!(response.is_ok(), "{response:?}");
    assert_eq!(tokens.made(), 2);
}

#[tokio::test]
async fn server_that_is_not_there_may_be_tried_again_by_any_call() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client(&uri).send(ApiRequest::post("create row", "/rows")).await.unwrap_err();
    assert!(matches!(error, HttpError::Transient { tries: 6, .. }), "{error:?}");
    let HttpError::Transient { source, .. } = &error else { unreachable!() };
    assert!(source.to_string().contains("no connection"), "{source}");
}

#[tokio::test]
async fn silence_ends_by_time_out() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let short = Duration::from_millis(40);
    let by_client = builder(&tokens(&uri)).timeout(short).build().unwrap();
    let by_gap = builder(&tokens(&uri)).read_timeout(short).build().unwrap();
    let by_request = ApiRequest::post("create row", "/rows").timeout(short);
    let write = || ApiRequest::post("create row", "/rows");
    let client = client(&uri);
    let calls = [by_client.send(write()), by_gap.send(write()), client.send(by_request)];
    for call in calls {
        // Well below the default time-outs, so that it is the short one that ended the call.
        let outcome = tokio::time::timeout(Duration::from_secs(20), call).await.unwrap();
        let Err(HttpError::OutcomeUnknown { source, .. }) = outcome else { panic!("{outcome:?}") };
        assert!(source.to_string().contains("no answer in time"), "{source}");
    }
}
