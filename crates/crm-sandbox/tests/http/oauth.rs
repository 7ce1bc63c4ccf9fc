//! Logins, rotation, revocation, identity.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use crm_sandbox::SalesforceSandbox;
use crm_sandbox::salesforce::SalesforceSettings;

use crate::support::{Json, V, World, code, json};

async fn refresh(world: &World, refresh_token: &str) -> (u16, Json) {
    let app = world.running.credentials();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", &app.client_id),
        ("client_secret", &app.client_secret),
        ("refresh_token", refresh_token),
    ];
    world.form("token", &form).await
}

async fn works(world: &World, token: &str) -> bool {
    let url = format!("{}{V}/limits", world.running.base_url());
    let status = world.http.get(url).bearer_auth(token).send().await.unwrap().status();
    assert!(status == 200 || status == 401, "{status}");
    status == 200
}

#[tokio::test]
async fn refresh_token_gives_a_session_at_this_very_server() {
    let world = World::empty().await;
    let (status, body) = refresh(&world, &world.running.credentials().refresh_token).await;
    assert_eq!(status, 200);
    assert_eq!(body["instance_url"], world.running.base_url());
    assert_eq!(body["issued_at"], "1767600000000");
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body.get("refresh_token"), None, "no rotation by default");
    assert_eq!(body.get("expires_in"), None, "the provider never says how long a token lives");
    let token = body["access_token"].as_str().unwrap();
    assert_eq!(token.split('!').next().unwrap().len(), 15);
    assert!(works(&world, token).await);

    let identity = world.http.get(body["id"].as_str().unwrap()).bearer_auth(token).send().await.unwrap();
    let identity: Json = identity.json().await.unwrap();
    assert_eq!(identity["username"], "integration@example.com");
}

#[tokio::test]
async fn rotation_kills_the_presented_refresh_token() {
    let settings = SalesforceSettings { rotate_refresh_tokens: true, ..SalesforceSettings::default() };
    let world = World::start(SalesforceSandbox::builder().settings(settings)).await;
    let first = world.running.credentials().refresh_token.clone();
    let (_, body) = refresh(&world, &first).await;
    let second = body["refresh_token"].as_str().unwrap();
    assert_ne!(first, second);
    let (status, refused) = refresh(&world, &first).await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")));
    assert_eq!(refused["error_description"], "expired access/refresh token");
    assert_eq!(refresh(&world, second).await.0, 200);
}

#[tokio::test]
async fn wrong_client_is_told_which_part_is_wrong() {
    let world = World::empty().await;
    let app = world.running.credentials();
    let grant = ("grant_type", "client_credentials");
    let (status, body) = world.form("token", &[grant, ("client_id", "x"), ("client_secret", "y")]).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_client_id")));
    let (status, body) =
        world.form("token", &[grant, ("client_id", &app.client_id), ("client_secret", "y")]).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_client")));
    let (status, body) = world.form("token", &[("grant_type", "password")]).await;
    assert_eq!((status, &body["error"]), (400, &json!("unsupported_grant_type")));
}

#[tokio::test]
async fn client_credentials_work_as_form_and_as_basic() {
    let world = World::empty().await;
    let app = world.running.credentials().clone();
    let grant = ("grant_type", "client_credentials");
    let form = [grant, ("client_id", app.client_id.as_str()), ("client_secret", &app.client_secret)];
    let (status, body) = world.form("token", &form).await;
    assert_eq!(status, 200);
    assert!(works(&world, body["access_token"].as_str().unwrap()).await);

    let url = format!("{}/services/oauth2/token", world.running.base_url());
    let request = world.http.post(url).basic_auth(&app.client_id, Some(&app.client_secret)).form(&[grant]);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["cache-control"], "no-store");
}

fn assertion(world: &World, edit: impl FnOnce(&mut Json)) -> String {
    let pem = world.running.jwt_private_key().unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let key = KeyPair::from_pkcs8(&STANDARD.decode(body).unwrap()).unwrap();
    let now = world.control().clock().now().timestamp();
    let app = world.running.credentials();
    let mut claims = json!({
        "iss": app.client_id, "sub": app.username, "aud": "https://login.salesforce.com", "exp": now + 120,
    });
    edit(&mut claims);
    let encode = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
    let message = format!("{}.{}", encode(&json!({"alg": "RS256"})), encode(&claims));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

async fn jwt_login(world: &World, assertion: &str) -> (u16, Json) {
    let grant = ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
    world.form("token", &[grant, ("assertion", assertion)]).await
}

#[tokio::test]
async fn signed_assertion_logs_in() {
    let world = World::empty().await;
    let (status, body) = jwt_login(&world, &assertion(&world, |_| ())).await;
    assert_eq!(status, 200, "{body}");
    assert!(works(&world, body["access_token"].as_str().unwrap()).await);
    let as_text = assertion(&world, |claims| claims["exp"] = json!(claims["exp"].to_string()));
    assert_eq!(jwt_login(&world, &as_text).await.0, 200, "some clients send exp as a string");
}

#[tokio::test]
async fn assertion_with_a_flaw_is_refused() {
    let world = World::empty().await;
    let flaws: [(&str, &str, Json); 4] = [
        ("sub", "user hasn't approved this consumer", json!("nobody@example.com")),
        ("aud", "audience is invalid", json!("https://elsewhere.example")),
        ("iss", "client identifier invalid", json!("someone")),
        ("exp", "expired authorization code", json!(1_767_600_000 + 3_600)),
    ];
    for (claim, description, value) in flaws {
        let (status, body) = jwt_login(&world, &assertion(&world, |claims| claims[claim] = value)).await;
        assert_eq!((status, &body["error_description"]), (400, &json!(description)));
    }
    let good = assertion(&world, |_| ());
    let (status, body) = jwt_login(&world, &good.replacen("ey", "fy", 1)).await;
    assert_eq!((status, &body["error_description"]), (400, &json!("invalid assertion")));
}

#[tokio::test]
async fn idle_session_ends_and_the_refresh_token_outlives_it() {
    let world = World::empty().await;
    world.control().advance(Duration::from_secs(2 * 3600));
    let (status, body) = world.get(&format!("{V}/limits")).await;
    assert_eq!((status, code(&body)), (401, "INVALID_SESSION_ID"));
    assert_eq!(body[0]["message"], "Session expired or invalid");
    assert_eq!(refresh(&world, &world.running.credentials().refresh_token).await.0, 200);
}

#[tokio::test]
async fn revoked_refresh_token_takes_its_sessions_along() {
    let world = World::empty().await;
    let refresh_token = world.running.credentials().refresh_token.clone();
    let (_, body) = refresh(&world, &refresh_token).await;
    let token = body["access_token"].as_str().unwrap();
    assert_eq!(world.form("revoke", &[("token", &refresh_token)]).await, (200, Json::Null));
    assert!(!works(&world, token).await);
    assert_eq!(refresh(&world, &refresh_token).await.1["error"], "invalid_grant");
    assert_eq!(world.form("revoke", &[("token", &refresh_token)]).await.1["error"], "invalid_token");
}

#[tokio::test]
async fn introspection_and_userinfo_name_the_user() {
    let world = World::empty().await;
    let app = world.running.credentials();
    let ask = async |token: &str| {
        let app = [("client_id", app.client_id.as_str()), ("client_secret", &app.client_secret)];
        world.form("introspect", &[("token", token), app[0], app[1]]).await.1
    };
    let live = ask(&world.token).await;
    assert_eq!((&live["active"], &live["username"]), (&json!(true), &json!("integration@example.com")));
    assert_eq!(live["exp"], 1_767_600_000 + 7_200);
    assert_eq!(ask("nonsense").await, json!({"active": false}));
    let (status, info) = world.get("/services/oauth2/userinfo").await;
    assert_eq!((status, &info["name"]), (200, &json!("Integration User")));
}

#[tokio::test]
async fn missing_or_odd_authorization_is_a_401() {
    let world = World::empty().await;
    let url = format!("{}{V}/limits", world.running.base_url());
    let bare = crate::support::read(world.http.get(&url).send().await.unwrap()).await;
    assert_eq!((bare.0, code(&bare.1)), (401, "INVALID_SESSION_ID"));
    let odd = world.http.get(&url).header("authorization", "Basic eDp5").send().await.unwrap();
    let odd = crate::support::read(odd).await;
    assert_eq!((odd.0, code(&odd.1)), (401, "INVALID_AUTH_HEADER"));
}
