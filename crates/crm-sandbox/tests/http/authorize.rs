//! The authorisation page, codes with PKCE, rotation, the limit of live grants.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crm_sandbox::salesforce::SalesforceSettings;
use crm_sandbox::salesforce::generate::OrgSpec;
use crm_sandbox::{Consent, Fault, FaultRule, SalesforceSandbox};
use url::Url;

use crate::support::{Json, V, World, json, read};

const BACK: &str = "http://127.0.0.1:9/callback?tenant=a";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// Has letters that a URL must escape.
const STATE: &str = "a b+c/ä&=%";

async fn world() -> World {
    let settings = SalesforceSettings { redirect_uris: vec![BACK.to_owned()], ..Default::default() };
    let spec = OrgSpec { users: 3, ..OrgSpec::EMPTY };
    let mut world = World::start(SalesforceSandbox::builder().org(spec).settings(settings)).await;
    world.http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    world
}

/// What a browser is sent with, some parameters replaced.
fn asked<'a>(world: &'a World, replaced: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![
        ("response_type", "code"),
        ("client_id", world.running.credentials().client_id.as_str()),
        ("redirect_uri", BACK),
        ("scope", "api refresh_token"),
        ("state", STATE),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    all.retain(|(name, _)| !replaced.iter().any(|(other, _)| other == name));
    all.extend(replaced.iter().filter(|(_, value)| !value.is_empty()));
    all
}

fn url(world: &World) -> String {
    format!("{}/services/oauth2/authorize", world.running.base_url())
}

/// Sends the page's form.
async fn decide(world: &World, decision: &str, replaced: &[(&str, &str)]) -> reqwest::Response {
    let mut form = asked(world, replaced);
    form.push(("decision", decision));
    world.http.post(url(world)).form(&form).send().await.unwrap()
}

/// Parameters that the app gets.
fn brought_back(answer: &reqwest::Response) -> Vec<(String, String)> {
    assert_eq!(answer.status(), 302);
    let location = answer.headers()["location"].to_str().unwrap();
    assert!(location.starts_with("http://127.0.0.1:9/callback?tenant=a&"), "{location}");
    Url::parse(location).unwrap().query_pairs().into_owned().skip(1).collect()
}

fn value<'a>(all: &'a [(String, String)], name: &str) -> &'a str {
    all.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
}

async fn code(world: &World, replaced: &[(&str, &str)]) -> String {
    value(&brought_back(&decide(world, "allow", replaced).await), "code").to_owned()
}

async fn exchange(world: &World, code: &str, replaced: &[(&str, &str)]) -> (u16, Json) {
    let app = world.running.credentials();
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("client_id", &app.client_id),
        ("client_secret", &app.client_secret),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
        ("code", code),
    ];
    form.retain(|(name, _)| !replaced.iter().any(|(other, _)| other == name));
    form.extend(replaced);
    world.form("token", &form).await
}

async fn refresh(world: &World, refresh_token: &str) -> (u16, Json) {
    let replaced = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
    exchange(world, "", &replaced).await
}

#[tokio::test]
async fn the_page_carries_what_was_asked_and_offers_the_users() {
    let world = world().await;
    let answer = world.http.get(url(&world)).query(&asked(&world, &[])).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    let page = answer.text().await.unwrap();
    assert!(page.contains("name=\"state\" value=\"a b+c/ä&amp;=%\""), "{page}");
    assert!(page.contains("integration@example.com"));
    assert_eq!(page.matches("<option ").count(), 3);
}

#[tokio::test]
async fn consent_leads_to_tokens_of_the_chosen_user() {
    let world = world().await;
    let users =
        world.records("SELECT Id, Username FROM User WHERE Username != 'integration@example.com'").await;
    let chosen = users[0]["Id"].as_str().unwrap();
    let back = brought_back(&decide(&world, "allow", &[("user", chosen)]).await);
    assert_eq!(value(&back, "state"), STATE, "as it came");
    let (status, body) = exchange(&world, value(&back, "code"), &[]).await;
    assert_eq!((status, &body["scope"]), (200, &json!("api refresh_token")), "{body}");
    assert!(body["id"].as_str().unwrap().ends_with(chosen));
    let token = body["access_token"].as_str().unwrap();
    let limits = format!("{}{V}/limits", world.running.base_url());
    assert_eq!(world.http.get(limits).bearer_auth(token).send().await.unwrap().status(), 200);
    let (status, again) = refresh(&world, body["refresh_token"].as_str().unwrap()).await;
    assert_eq!((status, again.get("refresh_token")), (200, None));
    let (_, short) = exchange(&world, &code(&world, &[("scope", "api")]).await, &[]).await;
    assert_eq!(short.get("refresh_token"), None, "nobody asked for one");
}

#[tokio::test]
async fn a_code_is_good_once_for_its_app_its_way_back_its_verifier_and_its_time() {
    let world = world().await;
    let good = code(&world, &[]).await;
    assert_eq!(exchange(&world, &good, &[]).await.0, 200);
    let expired = json!({"error": "invalid_grant", "error_description": "expired authorization code"});
    assert_eq!(exchange(&world, &good, &[]).await, (400, expired.clone()));
    for (name, wrong, error) in [
        ("client_id", "x", "invalid_client_id"),
        ("client_secret", "x", "invalid_client"),
        ("redirect_uri", "http://127.0.0.1:9/callback", "redirect_uri_mismatch"),
        ("code_verifier", "x", "invalid_grant"),
    ] {
        let (status, body) = exchange(&world, &code(&world, &[]).await, &[(name, wrong)]).await;
        assert_eq!((status, &body["error"]), (400, &json!(error)), "{name}");
    }
    let late = code(&world, &[]).await;
    world.control().advance(Duration::from_secs(15 * 60));
    assert_eq!(exchange(&world, &late, &[]).await, (400, expired));
}

#[tokio::test]
async fn requests_that_can_not_be_trusted_are_not_redirected() {
    let world = world().await;
    for (name, wrong, words) in [
        ("client_id", "x", "invalid_client_id"),
        ("redirect_uri", "http://127.0.0.1:9/callback", "redirect_uri_mismatch"),
        ("redirect_uri", "http://evil.example/<script>", "redirect_uri_mismatch"),
    ] {
        let query = asked(&world, &[(name, wrong)]);
        let answer = world.http.get(url(&world)).query(&query).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers().get("location")), (400, None));
        assert!(answer.text().await.unwrap().contains(words));
    }
}

#[tokio::test]
async fn refusals_go_back_to_the_app_with_its_state() {
    let world = world().await;
    for (replaced, error) in [
        (vec![("response_type", "token")], "unsupported_response_type"),
        (vec![("scope", "api nonsense")], "invalid_scope"),
        (vec![("code_challenge_method", "plain")], "invalid_request"),
        (vec![("code_challenge", "short")], "invalid_request"),
    ] {
        let query = asked(&world, &replaced);
        let answer = world.http.get(url(&world)).query(&query).send().await.unwrap();
        let back = brought_back(&answer);
        assert_eq!((value(&back, "error"), value(&back, "state")), (error, STATE));
    }
    let back = brought_back(&decide(&world, "deny", &[]).await);
    assert_eq!(value(&back, "error"), "access_denied");
    assert_eq!(value(&back, "error_description"), "end-user denied authorization");
    world.control().edit_settings(|settings| settings.require_pkce = true);
    let bare = [("code_challenge", ""), ("code_challenge_method", "")];
    let back = brought_back(&decide(&world, "allow", &bare).await);
    assert_eq!(value(&back, "error_description"), "missing required code challenge");
}

#[tokio::test]
async fn consent_can_be_given_without_a_page() {
    let world = world().await;
    let get = || world.http.get(url(&world)).query(&asked(&world, &[])).send();
    world.control().edit_settings(|settings| settings.consent = Consent::Allow);
    let back = brought_back(&get().await.unwrap());
    assert_eq!(exchange(&world, value(&back, "code"), &[]).await.0, 200);
    world.control().edit_settings(|settings| settings.consent = Consent::Deny);
    assert_eq!(value(&brought_back(&get().await.unwrap()), "error"), "access_denied");
}

#[tokio::test]
async fn the_sixth_grant_of_a_user_silently_ends_the_first() {
    let world = world().await;
    let mut tokens = Vec::new();
    for _ in 0..6 {
        let (_, body) = exchange(&world, &code(&world, &[]).await, &[]).await;
        tokens.push(body["refresh_token"].as_str().unwrap().to_owned());
    }
    // The org was connected once before: with that grant these are seven.
    let mut alive = Vec::new();
    for token in &tokens {
        alive.push(refresh(&world, token).await.0 == 200);
    }
    assert_eq!(alive, [false, true, true, true, true, true]);
    assert_eq!(refresh(&world, &world.running.credentials().refresh_token).await.0, 400);
}

#[tokio::test]
async fn a_rotated_token_whose_answer_is_lost_is_dead_all_the_same() {
    let world = world().await;
    world.control().edit_settings(|settings| settings.rotate_refresh_tokens = true);
    let first = world.running.credentials().refresh_token.clone();
    world.control().add_fault(FaultRule::new(Fault::DropAnswer).on("token").times(1));
    let app = world.running.credentials();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", &app.client_id),
        ("client_secret", &app.client_secret),
        ("refresh_token", &first),
    ];
    let url = format!("{}/services/oauth2/token", world.running.base_url());
    assert!(world.http.post(url).form(&form).send().await.is_err());
    let (status, body) = refresh(&world, &first).await;
    assert_eq!((status, &body["error_description"]), (400, &json!("expired access/refresh token")));
}

#[tokio::test]
async fn a_request_that_arrives_twice_rotates_once() {
    let world = world().await;
    world.control().edit_settings(|settings| settings.rotate_refresh_tokens = true);
    world.control().add_fault(FaultRule::new(Fault::Twice).on("token").times(1));
    let first = world.running.credentials().refresh_token.clone();
    assert_eq!(refresh(&world, &first).await.0, 400, "the second of the two found it used");
    let statuses: Vec<_> = world.control().request_log().iter().map(|one| one.status).collect();
    assert_eq!(statuses, [Some(200), Some(400)]);
}

#[tokio::test]
async fn login_servers_word_their_faults() {
    let world = world().await;
    let token = world.running.credentials().refresh_token.clone();
    for (fault, status, error) in [
        (Fault::Unauthorized, 400, "invalid_grant"),
        (Fault::TooManyRequests { retry_after_s: None }, 400, "rate_limit_exceeded"),
        (Fault::InternalError, 500, "unknown_error"),
    ] {
        world.control().set_faults(vec![FaultRule::new(fault.clone()).on("token").times(1)]);
        let (code, body) = refresh(&world, &token).await;
        assert_eq!((code, &body["error"]), (status, &json!(error)), "{fault:?}");
        assert_eq!(refresh(&world, &token).await.0, 200);
    }
}

#[tokio::test]
async fn users_who_left_can_not_refresh() {
    let world = world().await;
    let (_, body) = exchange(&world, &code(&world, &[]).await, &[]).await;
    let user = world.control().read(|org| org.api_user);
    let left = json!({"IsActive": false}).as_object().cloned().unwrap();
    world.control().update(user, &left).unwrap();
    let (status, refused) = refresh(&world, body["refresh_token"].as_str().unwrap()).await;
    assert_eq!((status, &refused["error_description"]), (400, &json!("inactive user")));
}

#[tokio::test]
async fn secrets_are_not_demanded_of_apps_that_have_none() {
    let world = world().await;
    world.control().edit_settings(|settings| settings.require_client_secret = false);
    let app = world.running.credentials();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", app.client_id.as_str()),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
        ("code", &code(&world, &[]).await),
    ];
    assert_eq!(world.form("token", &form).await.0, 200);
    let seven = URL_SAFE_NO_PAD.encode([7; 32]);
    let other = code(&world, &[("code_challenge", seven.as_str())]).await;
    let form = [form[0], form[1], form[2], form[3], ("code", other.as_str())];
    let (status, body) = world.form("token", &form).await;
    assert_eq!((status, &body["error_description"]), (400, &json!("invalid code verifier")));
    let answer = world.http.post(format!("{}/services/oauth2/token", world.running.base_url())).send();
    let (status, body) = read(answer.await.unwrap()).await;
    assert_eq!((status, &body["error_description"]), (400, &json!("missing grant type")));
}
