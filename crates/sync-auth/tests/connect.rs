//! Proves that an account is connected by the person, tenant and browser that began it, once, and by nobody else.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test, and says where")]

mod support;

use std::sync::Arc;

use async_trait::async_trait;
use axum::http::request::Parts;
use reqwest::{Response, StatusCode};
use serde_json::json;
use support::vaults::{tokens, vault};
use support::*;
use sync_auth::connect::router::{Principal, RouterOptions, Visitors, routes};
use sync_auth::connect::{
    Account, AccountIdentity, Answer, ConnectApp, ConnectError, ConnectFlow, OAuthProvider, OptionalScopes,
    StartRequest, Visitor,
};
use sync_auth::{AuthError, ClientCredential, HostRule, TokenStore};
use sync_core::{ConnectionKey, ConnectionStatus, ConnectionStore, UnitOfWork};
use sync_memory::MemoryStore;
use url::Url;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

struct Identity;

#[async_trait]
impl AccountIdentity for Identity {
    async fn identify(&self, answer: &Answer<'_>) -> Result<Account, AuthError> {
        assert!(answer.text("refresh_token").is_none() && answer.text("access_token").is_none());
        let id = answer.text("account").unwrap_or_default();
        Ok(Account { id, label: Some("<b>Acme</b>".into()), user_id: answer.text("user"), user_label: None })
    }
}

struct World {
    crm: MockServer,
    store: Arc<MemoryStore>,
    clock: ManualClock,
    flow: Arc<ConnectFlow<MemoryStore>>,
}

impl World {
    async fn new() -> Self {
        let crm = MockServer::start().await;
        let (store, clock) = (Arc::new(MemoryStore::new()), ManualClock::default());
        let at = |path: &str| format!("{}{path}", crm.uri()).parse::<Url>().unwrap();
        let provider = OAuthProvider {
            provider: "suite".into(),
            label: "Suite & Sons".into(),
            authorise_url: at("/authorise?tenant=common"),
            token_url: at("/token"),
            revoke_url: None,
            scopes: vec!["api".into(), "offline".into()],
            optional_scopes: Some(OptionalScopes { parameter: "maybe".into(), scopes: vec!["x y".into()] }),
            extra: vec![("prompt".into(), "consent".into())],
            instance_hosts: Some(HostRule::new(&["suite.example"]).or_loopback()),
            grant_limit: Some(5),
        };
        let app = ConnectApp {
            provider,
            client: ClientCredential::new("app", Some("s3cr3t-client".into())),
            redirect_uri: "https://app.example.test/connect/suite/callback".parse().unwrap(),
            identity: Arc::new(Identity),
        };
        let flow =
            ConnectFlow::new(Arc::clone(&store), vault(), vec![app], vec!["/settings".into()]).unwrap();
        let flow = Arc::new(flow.with_clock(Arc::new(clock.clone())));
        Self { crm, store, clock, flow }
    }

    /// The token endpoint answers like this from now on.
    async fn answers(&self, status: u16, body: serde_json::Value) {
        self.crm.reset().await;
        let answer = ResponseTemplate::new(status).set_body_json(body);
        Mock::given(method("POST")).and(path("/token")).respond_with(answer).mount(&self.crm).await;
    }

    async fn grants(&self, account: &str) {
        let answer = json!({"access_token": "s3cr3t-access", "refresh_token": "s3cr3t-refresh", "expires_in": 1800,
            "scope": "api offline", "account": account, "user": "u1", "instance_url": self.crm.uri()});
        self.answers(200, answer).await;
    }

    /// Begins as `visitor` and answers the parameters of the address at the provider.
    async fn start(&self, visitor: &Visitor) -> Vec<(String, String)> {
        let started = self.flow.start(visitor, &request("/settings/crm")).await.unwrap();
        assert!(!format!("{visitor:?}").contains(BROWSER));
        started.url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
    }

    async fn finish(&self, visitor: &Visitor, query: &str) -> Result<ConnectionKey, ConnectError> {
        self.flow.finish(visitor, &"suite".into(), query).await.map(|connected| connected.key)
    }

    async fn row(&self) -> sync_core::Connection {
        let mut tx = self.store.begin().await.unwrap();
        self.store.connection(&mut tx, &key()).await.unwrap().unwrap()
    }

    async fn exchanges(&self) -> usize {
        self.crm.received_requests().await.unwrap().len()
    }
}

const BROWSER: &str = "browser-of-ann";

fn key() -> ConnectionKey {
    ConnectionKey::new(Some("t1".into()), "main")
}

fn ann() -> Visitor {
    Visitor { tenant: Some("t1".into()), user: "ann".into(), browser: BROWSER.into() }
}

fn request(return_to: &str) -> StartRequest {
    StartRequest { connection: "main".into(), provider: "suite".into(), return_to: return_to.into() }
}

fn value<'a>(query: &'a [(String, String)], key: &str) -> &'a str {
    let mut found = query.iter().filter(|(name, _)| name == key);
    let (_, value) = found.next().unwrap_or_else(|| panic!("{key} in {query:?}"));
    assert!(found.next().is_none(), "{key} once");
    value
}

#[tokio::test]
async fn browser_is_sent_with_everything_the_provider_needs() {
    let world = World::new().await;
    let query = world.start(&ann()).await;
    assert_eq!(value(&query, "response_type"), "code");
    assert_eq!(value(&query, "client_id"), "app");
    assert_eq!(value(&query, "redirect_uri"), "https://app.example.test/connect/suite/callback");
    assert_eq!(value(&query, "scope"), "api offline");
    assert_eq!(value(&query, "maybe"), "x y");
    assert_eq!((value(&query, "prompt"), value(&query, "tenant")), ("consent", "common"));
    assert_eq!(value(&query, "code_challenge_method"), "S256");
    assert_eq!((value(&query, "code_challenge").len(), value(&query, "state").len()), (43, 43));
    assert_eq!(world.row().await.status, ConnectionStatus::Pending);
    let again = world.start(&ann()).await;
    assert_ne!(value(&query, "state"), value(&again, "state"));
    assert_ne!(value(&query, "code_challenge"), value(&again, "code_challenge"));
}

#[tokio::test]
async fn granted_access_becomes_an_active_connection() {
    let world = World::new().await;
    let query = world.start(&ann()).await;
    world.grants("org1").await;
    let callback = format!("code=c0de&state={}", value(&query, "state"));
    let connected = world.flow.finish(&ann(), &"suite".into(), &callback).await.unwrap();
    assert_eq!((&connected.key, connected.return_to.as_str()), (&key(), "/settings/crm"));
    assert_eq!(connected.crowding, None);

    // The provider can check the proof key: what was sent fits the challenge.
    let sent = String::from_utf8(world.crm.received_requests().await.unwrap().remove(0).body).unwrap();
    let sent: std::collections::HashMap<_, _> =
        url::form_urlencoded::parse(sent.as_bytes()).into_owned().collect();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, sent["code_verifier"].as_bytes());
    use base64::Engine;
    let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest);
    assert_eq!(challenge, value(&query, "code_challenge"));
    assert_eq!((sent["grant_type"].as_str(), sent["code"].as_str()), ("authorization_code", "c0de"));
    assert_eq!(sent["redirect_uri"], "https://app.example.test/connect/suite/callback");

    let row = world.row().await;
    assert_eq!(row.status, ConnectionStatus::Active);
    assert_eq!(row.profile.account_id.as_deref(), Some("org1"));
    assert_eq!(
        (row.profile.grantor_id.as_deref(), row.profile.client_id.as_deref()),
        (Some("u1"), Some("app"))
    );
    assert_eq!(row.profile.scopes, ["api", "offline"]);
    assert_eq!(row.expires_at, Some("2026-01-02T10:30:00Z".parse().unwrap()));
    let stored = tokens(&world.store).load(&key()).await.unwrap().unwrap();
    assert_eq!(refresh_text(&stored), "s3cr3t-refresh");
    assert_eq!(text(stored.access.as_ref().unwrap()), "s3cr3t-access");
    assert!(!format!("{row:?} {connected:?}").contains("s3cr3t"));
}

#[tokio::test]
async fn state_is_good_once() {
    let world = World::new().await;
    let query = world.start(&ann()).await;
    world.grants("org1").await;
    let callback = format!("code=c&state={}", value(&query, "state"));
    world.finish(&ann(), &callback).await.unwrap();
    assert!(matches!(world.finish(&ann(), &callback).await, Err(ConnectError::UsedState)));
    assert_eq!(world.exchanges().await, 1);
}

#[tokio::test]
async fn nobody_else_can_finish_and_no_code_is_exchanged_for_them() {
    let world = World::new().await;
    world.grants("org1").await;
    let others = [
        (Visitor { user: "bob".into(), ..ann() }, "another user"),
        (Visitor { browser: "other".into(), ..ann() }, "another browser"),
        (Visitor { browser: "".into(), ..ann() }, "another browser"),
        (Visitor { tenant: Some("t2".into()), ..ann() }, "not begun here"),
        (Visitor { tenant: None, ..ann() }, "not begun here"),
    ];
    for (visitor, expected) in others {
        let query = world.start(&ann()).await;
        let callback = format!("code=c&state={}", value(&query, "state"));
        let error = world.finish(&visitor, &callback).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{visitor:?}: {error}");
        assert!(error.is_the_visitors());
    }
    let query = world.start(&ann()).await;
    let callback = format!("code=c&state={}", value(&query, "state"));
    let other = world.flow.finish(&ann(), &"other".into(), &callback).await;
    assert!(matches!(other, Err(ConnectError::WrongProvider)), "{other:?}");
    assert_eq!(world.exchanges().await, 0);
    assert_eq!(world.row().await.status, ConnectionStatus::Pending);
}

#[tokio::test]
async fn state_ends_after_ten_minutes() {
    let world = World::new().await;
    world.grants("org1").await;
    for (seconds, in_time) in [(599, true), (600, false), (-601, false)] {
        let query = world.start(&ann()).await;
        world.clock.advance(seconds);
        let outcome = world.finish(&ann(), &format!("code=c&state={}", value(&query, "state"))).await;
        match outcome {
            Ok(_) => assert!(in_time, "{seconds}"),
            Err(ConnectError::ExpiredState) => assert!(!in_time, "{seconds}"),
            Err(other) => panic!("{seconds}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn unknown_and_missing_states_are_refused() {
    let world = World::new().await;
    let unknown = world.finish(&ann(), "code=c&state=unknown").await;
    assert!(matches!(unknown, Err(ConnectError::UnknownState)), "{unknown:?}");
    let missing = world.finish(&ann(), "code=c").await;
    assert!(matches!(missing, Err(ConnectError::Callback(_))), "{missing:?}");
}

#[tokio::test]
async fn refusal_of_the_provider_is_told_and_uses_the_state_up() {
    let world = World::new().await;
    let query = world.start(&ann()).await;
    let state = value(&query, "state");
    let denied = format!("error=access_denied&error_description=end-user+denied&state={state}");
    let Err(ConnectError::Refused { code, detail }) = world.finish(&ann(), &denied).await else {
        panic!("refused")
    };
    assert_eq!((code.as_str(), detail.as_deref()), ("access_denied", Some("end-user denied")));
    let late = world.finish(&ann(), &format!("code=c&state={state}")).await;
    assert!(matches!(late, Err(ConnectError::UsedState)), "{late:?}");
}

#[tokio::test]
async fn browser_is_sent_nowhere_else_afterwards() {
    let world = World::new().await;
    for bad in ["https://evil.test/", "//evil.test", "/admin", "/settings/../admin", ""] {
        let refused = world.flow.start(&ann(), &request(bad)).await;
        assert!(matches!(refused, Err(ConnectError::ReturnPath)), "{bad}");
    }
}

/// Tokens are sent to an answer's address, so it has to be one of the provider's.
#[tokio::test]
async fn foreign_instance_is_refused() {
    let world = World::new().await;
    for (url, code) in [
        ("https://evil.test/", Some("instance_url")),
        ("http://169.254.169.254/", Some("instance_url")),
        ("https://evil.test/.suite.example", Some("instance_url")),
        ("https://acme.suite.example/", None),
    ] {
        let query = world.start(&ann()).await;
        let answer =
            json!({"access_token": "a", "refresh_token": "r", "account": "org1", "instance_url": url});
        world.answers(200, answer).await;
        let outcome = world.finish(&ann(), &format!("code=c&state={}", value(&query, "state"))).await;
        match (outcome, code) {
            (Err(ConnectError::Exchange(AuthError::Configuration { code, .. })), Some(expected)) => {
                assert_eq!(code, expected, "{url}");
            }
            (Ok(_), None) => {}
            (other, _) => panic!("{url}: {other:?}"),
        }
    }
}

/// Records of two accounts under one connection would be mixed up.
#[tokio::test]
async fn connection_stays_with_its_account() {
    let world = World::new().await;
    for (account, fits) in [("org1", true), ("org2", false), ("org1", true)] {
        let query = world.start(&ann()).await;
        world.grants(account).await;
        let outcome = world.finish(&ann(), &format!("code=c&state={}", value(&query, "state"))).await;
        assert_eq!(outcome.is_ok(), fits, "{account}: {outcome:?}");
        if let Err(error) = outcome {
            assert!(matches!(error, ConnectError::OtherAccount { .. }), "{error:?}");
        }
        assert_eq!(world.row().await.profile.account_id.as_deref(), Some("org1"));
    }
}

#[tokio::test]
async fn grant_without_a_refresh_token_is_no_connection() {
    let world = World::new().await;
    let query = world.start(&ann()).await;
    world.answers(200, json!({"access_token": "a", "account": "org1"})).await;
    let outcome = world.finish(&ann(), &format!("code=c&state={}", value(&query, "state"))).await;
    assert!(matches!(outcome, Err(ConnectError::NoRefreshToken)), "{outcome:?}");
    assert_eq!(world.row().await.status, ConnectionStatus::Pending);
}

/// The sixth grant of the same user to the same app makes the provider drop the first; that is told at once.
#[tokio::test]
async fn repeated_grants_of_one_user_are_told() {
    let world = World::new().await;
    world.grants("org1").await;
    for n in 1..=6 {
        let start = StartRequest { connection: format!("c{n}").into(), ..request("/settings") };
        let started = world.flow.start(&ann(), &start).await.unwrap();
        let query: Vec<_> = started.url.query_pairs().into_owned().collect();
        let callback = format!("code=c&state={}", value(&query, "state"));
        let connected = world.flow.finish(&ann(), &"suite".into(), &callback).await.unwrap();
        assert_eq!(connected.crowding, (n == 6).then_some(5), "{n}");
    }
}

struct ByHeader;

#[async_trait]
impl Visitors for ByHeader {
    async fn visitor(&self, request: &Parts) -> Option<Principal> {
        let user = request.headers.get("x-user")?.to_str().ok()?.to_owned();
        Some(Principal { tenant: Some("t1".into()), user: user.into() })
    }
}

/// The routes on a socket, and a browser that follows nothing by itself.
struct Site {
    world: World,
    base: String,
    browser: reqwest::Client,
}

impl Site {
    async fn open() -> Self {
        let world = World::new().await;
        world.grants("org1").await;
        let options = RouterOptions { secure_cookie: false };
        let app = axum::Router::new()
            .nest("/connect", routes(Arc::clone(&world.flow), Arc::new(ByHeader), options));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/connect", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let browser = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self { world, base, browser }
    }

    async fn get(&self, path: &str, cookie: &str) -> Response {
        let request = self.browser.get(format!("{}{path}", self.base)).header("x-user", "ann");
        request.header("cookie", cookie).send().await.unwrap()
    }

    /// Presses the button; answers the cookie and the state.
    async fn begin(&self) -> (String, String) {
        let response = self.press("same-origin", "/settings").await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        guarded(&response);
        let cookie = header(&response, "set-cookie").split(';').next().unwrap().to_owned();
        let url: Url = header(&response, "location").parse().unwrap();
        assert_eq!(url.path(), "/authorise");
        let state = url.query_pairs().find(|(key, _)| key == "state").unwrap().1.into_owned();
        (cookie, state)
    }

    async fn press(&self, from: &str, return_to: &str) -> Response {
        let form = self.browser.post(format!("{}/suite/start/main", self.base)).header("x-user", "ann");
        form.header("sec-fetch-site", from).form(&[("return_to", return_to)]).send().await.unwrap()
    }
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).unwrap_or_else(|| panic!("{name} is missing")).to_str().unwrap()
}

fn guarded(response: &Response) {
    assert_eq!(header(response, "cache-control"), "no-store");
    let policy = header(response, "content-security-policy");
    assert!(
        policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert_eq!(header(response, "x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn routes_lead_from_a_button_to_a_connection() {
    let site = Site::open().await;
    let page = site.get("/suite/start/main?return_to=%2Fsettings%22%3E", "").await;
    assert_eq!(page.status(), StatusCode::OK);
    guarded(&page);
    let crm = site.world.crm.uri();
    assert!(header(&page, "content-security-policy").contains(&format!("form-action 'self' {crm}")));
    let html = page.text().await.unwrap();
    assert!(
        html.contains("Continue to Suite &amp; Sons") && html.contains("value=\"/settings&quot;&gt;\""),
        "{html}"
    );
    assert!(html.contains("lang=\"en\"") && html.contains("<h1>") && !html.contains("<script"));

    let (cookie, state) = site.begin().await;
    let back = site.get(&format!("/suite/callback?code=c&state={state}"), &cookie).await;
    assert_eq!(back.status(), StatusCode::SEE_OTHER, "{}", back.text().await.unwrap());
    assert_eq!(header(&back, "location"), "/settings");
    guarded(&back);
    assert_eq!(site.world.row().await.status, ConnectionStatus::Active);

    let again = site.get(&format!("/suite/callback?code=c&state={state}"), &cookie).await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
    guarded(&again);
    assert!(again.text().await.unwrap().contains("role=\"alert\""));
}

#[tokio::test]
async fn routes_refuse_strangers_other_browsers_and_other_sites() {
    let site = Site::open().await;
    let (cookie, state) = site.begin().await;
    let stranger = site.browser.get(format!("{}/suite/start/main?return_to=/settings", site.base));
    assert_eq!(stranger.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(site.press("cross-site", "/settings").await.status(), StatusCode::FORBIDDEN);
    assert_eq!(site.press("same-origin", "//evil.test").await.status(), StatusCode::BAD_REQUEST);
    // A callback that somebody was lured to: the state is the attacker's, the cookie the victim's.
    let (other, _) = site.begin().await;
    assert_ne!(cookie, other);
    let lured = site.get(&format!("/suite/callback?code=c&state={state}"), &other).await;
    assert_eq!(lured.status(), StatusCode::FORBIDDEN);
    let denied = site.get("/suite/callback?error=%3Cscript%3E&state=x", "").await;
    assert_eq!(denied.status(), StatusCode::GONE);
    assert!(!denied.text().await.unwrap().contains("<script"));
    assert_eq!(site.get("/other/start/main?return_to=/settings", "").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(site.world.row().await.status, ConnectionStatus::Pending);
}

#[tokio::test]
async fn failed_exchange_is_told_without_its_secrets() {
    let site = Site::open().await;
    let (cookie, state) = site.begin().await;
    let refusal =
        json!({"error": "invalid_grant", "error_description": "code c0de-s3cr3t is spent, s3cr3t-client"});
    site.world.answers(400, refusal).await;
    let back = site.get(&format!("/suite/callback?code=c0de-s3cr3t&state={state}"), &cookie).await;
    assert_eq!(back.status(), StatusCode::BAD_GATEWAY);
    let html = back.text().await.unwrap();
    assert!(html.contains("could not be exchanged") && !html.contains("s3cr3t"), "{html}");
}
