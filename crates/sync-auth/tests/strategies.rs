//! Proves what each strategy sends, how it reads the answers, and that no secret shows anywhere.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

mod support;

use std::io::{Result as IoResult, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use chrono::{TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use support::*;
use sync_auth::*;
use sync_core::Clock;
use wiremock::matchers::{body_string, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const SECRETS: [&str; 4] = ["s3cr3t-client", "s3cr3t-refresh", "s3cr3t-access", "s3cr3t-rotated"];

fn endpoint(server: &MockServer) -> TokenEndpoint {
    TokenEndpoint::new(format!("{}/services/oauth2/token", server.uri()).parse().unwrap()).unwrap()
}

fn client() -> ClientCredential {
    ClientCredential::new("CID", Some("s3cr3t-client".into()))
}

async fn answering(status: u16, body: Value) -> MockServer {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(status).set_body_json(body);
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    server
}

async fn obtain(strategy: &dyn AuthStrategy) -> Result<Grant, AuthError> {
    let refresh_token = Some("s3cr3t-refresh".into());
    strategy.obtain(&TokenRequest { refresh_token, rejected: None, now: ManualClock::default().now() }).await
}

#[tokio::test]
async fn refresh_token_is_posted_as_a_form_and_its_successor_read() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/services/oauth2/token"))
        .and(header("content-type", "application/x-www-form-urlencoded"))
        .and(header("accept", "application/json"))
        .and(body_string(
            "grant_type=refresh_token&refresh_token=s3cr3t-refresh&client_id=CID&client_secret=s3cr3t-client",
        ))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({
            "access_token": "00D!s3cr3t-access", "refresh_token": "s3cr3t-rotated", "expires_in": 1800,
            "instance_url": "https://acme.example.test", "issued_at": "1767348245000", "id": "https://x/id",
        })))
        .mount(&server)
        .await;
    let grant = obtain(&RefreshToken::new(endpoint(&server), client())).await.unwrap();
    assert_eq!(text(&grant.access), "00D!s3cr3t-access");
    assert_eq!(grant.refresh_token.unwrap().expose_secret(), "s3cr3t-rotated");
    assert_eq!(grant.access.instance_url.unwrap().as_str(), "https://acme.example.test/");
    assert_eq!(grant.access.expires_at.unwrap() - grant.access.issued_at, TimeDelta::seconds(1800));
}

#[tokio::test]
async fn missing_refresh_token_asks_for_authorisation_without_a_call() {
    let server = answering(200, json!({"access_token": "a"})).await;
    let strategy = RefreshToken::new(endpoint(&server), client());
    let request = TokenRequest { refresh_token: None, rejected: None, now: Utc::now() };
    let error = strategy.obtain(&request).await.unwrap_err();
    assert!(matches!(error, AuthError::NeedsReauthorisation { grant } if grant.code == "no_refresh_token"));
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn client_credentials_travel_in_the_form_or_as_basic() {
    let server = answering(200, json!({"access_token": "a", "expires_in": "60"})).await;
    obtain(&ClientCredentials::new(endpoint(&server), client())).await.unwrap();
    let basic = ClientCredential { placement: CredentialPlacement::Basic, ..client() };
    let grant = obtain(&ClientCredentials::new(endpoint(&server), basic)).await.unwrap();
    assert_eq!(grant.access.expires_at.unwrap() - grant.access.issued_at, TimeDelta::seconds(60));
    assert!(grant.refresh_token.is_none() && grant.access.instance_url.is_none());

    let seen = server.received_requests().await.unwrap();
    let body = |n: usize| String::from_utf8(seen[n].body.clone()).unwrap();
    assert_eq!(body(0), "grant_type=client_credentials&client_id=CID&client_secret=s3cr3t-client");
    assert_eq!(body(1), "grant_type=client_credentials");
    // base64 of `CID:s3cr3t-client`
    assert_eq!(seen[1].headers["authorization"], "Basic Q0lEOnMzY3IzdC1jbGllbnQ=");
}

/// A fresh key per run, so that none lies in the repository: (PKCS#8 PEM, PKCS#1 public DER).
fn rsa_key() -> (String, Vec<u8>) {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", base64(der.as_ref()));
    (pem, pair.public_key().as_ref().to_vec())
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .chain([0; 2].iter())
            .take(3)
            .fold(0_usize, |word, byte| word << 8 | usize::from(*byte));
        for position in 0..4 {
            let digit = DIGITS[word >> (18 - 6 * position) & 63];
            text.push(if position <= chunk.len() { digit as char } else { '=' });
        }
        if text.len() % 65 == 64 {
            text.push('\n');
        }
    }
    text
}

fn jwt_config(pem: &str) -> JwtBearerConfig {
    JwtBearerConfig {
        client_id: "CID".into(),
        subject: "sync@acme.example.test".into(),
        audience: "https://login.example.test".into(),
        private_key_pem: pem.into(),
        lifetime: None,
    }
}

#[tokio::test]
async fn assertion_is_signed_with_the_key_and_ends_within_three_minutes() {
    let server = answering(200, json!({"access_token": "a"})).await;
    let (pem, public) = rsa_key();
    let strategy = JwtBearer::new(endpoint(&server), jwt_config(&pem)).unwrap();
    let now = Utc::now();
    strategy.obtain(&TokenRequest { refresh_token: None, rejected: None, now }).await.unwrap();

    let body = server.received_requests().await.unwrap().remove(0).body;
    let body = String::from_utf8(body).unwrap();
    let assertion = body
        .strip_prefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=")
        .unwrap_or_else(|| panic!("{body}"));
    let mut rules = Validation::new(Algorithm::RS256);
    rules.set_audience(&["https://login.example.test"]);
    rules.set_issuer(&["CID"]);
    let claims =
        jsonwebtoken::decode::<Value>(assertion, &DecodingKey::from_rsa_der(&public), &rules).unwrap().claims;
    assert_eq!(claims["sub"], "sync@acme.example.test");
    assert_eq!(claims["exp"].as_i64().unwrap() - now.timestamp(), 120);
    assert!(!format!("{strategy:?}").contains("PRIVATE"));
}

#[tokio::test]
async fn assertion_settings_are_checked_at_once() {
    let server = MockServer::start().await;
    let code = |config| match JwtBearer::new(endpoint(&server), config) {
        Err(AuthError::Configuration { code, .. }) => code,
        other => panic!("{other:?}"),
    };
    let (pem, _) = rsa_key();
    let lasting =
        |seconds| JwtBearerConfig { lifetime: Some(Duration::from_secs(seconds)), ..jwt_config(&pem) };
    assert_eq!(code(lasting(181)), "assertion_lifetime");
    assert_eq!(code(lasting(0)), "assertion_lifetime");
    assert!(JwtBearer::new(endpoint(&server), lasting(180)).is_ok());
    assert_eq!(code(jwt_config("not a key")), "private_key");
}

#[tokio::test]
async fn static_token_is_dead_once_refused() {
    let strategy =
        StaticToken::new("s3cr3t-access".into(), Some("https://api.example.test".parse().unwrap()));
    let auth = Authenticator::new(connection(), strategy, MemoryTokenStore::default());
    let token = auth.current().await.unwrap();
    assert_eq!(token.instance_url.as_ref().unwrap().host_str(), Some("api.example.test"));
    auth.refresh_if(&token).await.unwrap_err();
    assert_eq!(auth.dead_grant().unwrap().code, "token_rejected");
    auth.current().await.unwrap_err();
}

#[tokio::test]
async fn endpoint_errors_arrive_classified() {
    let server = answering(400, json!({"error": "invalid_grant", "error_description": "expired"})).await;
    let error = obtain(&RefreshToken::new(endpoint(&server), client())).await.unwrap_err();
    assert!(
        matches!(error, AuthError::NeedsReauthorisation { grant } if grant.detail.as_deref() == Some("expired"))
    );

    let throttling = MockServer::start().await;
    let answer = ResponseTemplate::new(429).insert_header("retry-after", "9");
    Mock::given(method("POST")).respond_with(answer).mount(&throttling).await;
    let error = obtain(&RefreshToken::new(endpoint(&throttling), client())).await.unwrap_err();
    assert!(matches!(error, AuthError::Throttled { retry_after } if retry_after == Duration::from_secs(9)));
}

#[tokio::test]
async fn success_without_a_token_is_transient() {
    for body in [
        json!({"token": 1}),
        json!({"access_token": ""}),
        json!([]),
        json!({"access_token": "a", "instance_url": "::"}),
    ] {
        let server = answering(200, body.clone()).await;
        let error = obtain(&RefreshToken::new(endpoint(&server), client())).await.unwrap_err();
        assert!(matches!(error, AuthError::Transient { .. }), "{body}: {error:?}");
    }
}

#[tokio::test]
async fn endless_answer_is_cut_off() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_string("x".repeat(300 * 1024));
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    let error = obtain(&RefreshToken::new(endpoint(&server), client())).await.unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");
}

#[tokio::test]
async fn redirect_is_refused_so_that_secrets_stay_here() {
    let elsewhere = answering(200, json!({"access_token": "a"})).await;
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(307).insert_header("location", elsewhere.uri());
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    let error = obtain(&RefreshToken::new(endpoint(&server), client())).await.unwrap_err();
    assert!(matches!(error, AuthError::Configuration { code, .. } if code == "redirected"));
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn dead_host_is_transient() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/token", closed.local_addr().unwrap());
    drop(closed);
    let endpoint = TokenEndpoint::new(url.parse().unwrap()).unwrap();
    let error = obtain(&RefreshToken::new(endpoint, client())).await.unwrap_err();
    assert!(matches!(&error, AuthError::Transient { what, .. } if what == "no connection"), "{error:?}");
}

#[test]
fn secrets_are_not_sent_in_the_clear() {
    let accepted = |url: &str| TokenEndpoint::new(url.parse().unwrap()).is_ok();
    assert!(accepted("https://login.example.test/token"));
    assert!(
        accepted("http://127.0.0.1:8080/token")
            && accepted("http://[::1]/token")
            && accepted("http://localhost/t")
    );
    assert!(!accepted("http://login.example.test/token"));
    assert!(!accepted("http://localhost.example.test/token"));
    assert!(!accepted("https://user:pass@login.example.test/token"));
    assert!(!accepted("ftp://login.example.test/token"));
    let options = EndpointOptions { plain_http: true, ..EndpointOptions::default() };
    assert!(TokenEndpoint::with_options("http://sandbox:8080/token".parse().unwrap(), &options).is_ok());
}

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
async fn no_secret_reaches_logs_errors_or_debug() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let server = MockServer::start().await;
    let answer = json!({"access_token": "s3cr3t-access", "refresh_token": "s3cr3t-rotated"});
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    let refusal =
        json!({"error": "invalid_grant", "error_description": "s3cr3t-rotated of s3cr3t-client is revoked"});
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(400).set_body_json(refusal))
        .mount(&server)
        .await;

    let store = MemoryTokenStore::default();
    store.save(&connection(), &StoredToken::from_refresh_token("s3cr3t-refresh".into())).await.unwrap();
    let strategy = RefreshToken::new(endpoint(&server), client());
    let mut shown = format!("{strategy:?} {:?} {store:?}", client());
    let auth = Authenticator::new(connection(), strategy, store.clone());
    let token = auth.current().await.unwrap();
    let error = auth.refresh_if(&token).await.unwrap_err();
    shown += &format!("{token:?} {auth:?} {store:?} {error:?} {error} {:?}", auth.dead_grant());
    let request =
        TokenRequest { refresh_token: Some(token.secret.clone()), rejected: Some(token), now: Utc::now() };
    shown += &format!("{request:?}");

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("got a new token") && log.contains("the grant is dead"),
        "the log was captured: {log}"
    );
    for secret in SECRETS {
        assert!(!log.contains(secret), "{secret} in the log: {log}");
        assert!(!shown.contains(secret), "{secret} shown: {shown}");
    }
}
