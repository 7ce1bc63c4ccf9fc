//! Installing the app: the page, codes with PKCE, scopes, rotation, the end.

use std::time::Duration;

use crm_sandbox::hubspot::HubspotSettings;
use crm_sandbox::hubspot::generate::AccountSpec;
use crm_sandbox::{Consent, Fault, FaultRule, HubspotSandbox};
use reqwest::Method;
use url::Url;

use crate::support::{Json, V3, World, category, json, read};

const BACK: &str = "http://127.0.0.1:9/back";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

async fn world() -> World {
    let settings =
        HubspotSettings { redirect_uris: vec![BACK.to_owned()], ..HubspotSettings::without_bursts() };
    let spec = AccountSpec { owners: 4, ..AccountSpec::default() };
    let mut world = World::start(HubspotSandbox::builder().account(spec).settings(settings)).await;
    world.http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    world
}

fn asked<'a>(world: &'a World, replaced: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![
        ("client_id", world.running.credentials().client_id.as_str()),
        ("redirect_uri", BACK),
        ("scope", "oauth crm.objects.deals.read"),
        ("optional_scope", "crm.objects.deals.write crm.objects.unheard.read"),
        ("state", "s t/ä"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    all.retain(|(name, _)| !replaced.iter().any(|(other, _)| other == name));
    all.extend(replaced);
    all
}

async fn decide(world: &World, decision: &str, replaced: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut form = asked(world, replaced);
    form.push(("decision", decision));
    let url = format!("{}/oauth/authorize", world.running.base_url());
    brought_back(&world.http.post(url).form(&form).send().await.unwrap())
}

fn brought_back(answer: &reqwest::Response) -> Vec<(String, String)> {
    assert_eq!(answer.status(), 302);
    let location = answer.headers()["location"].to_str().unwrap();
    assert!(location.starts_with(&format!("{BACK}?")), "{location}");
    Url::parse(location).unwrap().query_pairs().into_owned().collect()
}

fn value<'a>(all: &'a [(String, String)], name: &str) -> &'a str {
    all.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
}

async fn token(world: &World, fields: &[(&str, &str)]) -> (u16, Json) {
    let app = world.running.credentials();
    let mut form = vec![("client_id", app.client_id.as_str()), ("client_secret", app.client_secret.as_str())];
    form.extend(fields);
    world.form("v3/token", &form).await
}

async fn exchange(world: &World, code: &str, verifier: &str, back: &str) -> (u16, Json) {
    let fields = [("grant_type", "authorization_code"), ("code", code)];
    token(world, &[fields[0], fields[1], ("redirect_uri", back), ("code_verifier", verifier)]).await
}

async fn refresh(world: &World, refresh_token: &str) -> (u16, Json) {
    token(world, &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
}

#[tokio::test]
async fn installing_grants_what_was_agreed_and_what_the_account_has() {
    let mut world = world().await;
    let page = world.http.get(format!("{}/oauth/9000001/authorize", world.running.base_url()));
    let page = page.query(&asked(&world, &[])).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("value=\"s t/ä\"") && page.matches("<option ").count() > 1, "{page}");
    let user = page.split("<option value=\"").nth(2).unwrap().split('"').next().unwrap().to_owned();
    let back = decide(&world, "allow", &[("user", &user)]).await;
    assert_eq!(value(&back, "state"), "s t/ä");
    let (status, body) = exchange(&world, value(&back, "code"), VERIFIER, BACK).await;
    let scopes = json!(["crm.objects.deals.read", "crm.objects.deals.write", "oauth"]);
    assert_eq!((status, &body["scopes"], &body["hub_id"]), (200, &scopes, &json!(9_000_001)));
    assert_eq!(body["user_id"].to_string(), user);
    world.token = body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(world.get(&format!("{V3}/deals")).await.0, 200);
    let (status, refused) = world.get(&format!("{V3}/contacts")).await;
    assert_eq!((status, category(&refused)), (403, "MISSING_SCOPES"), "nobody agreed to that");
    let (_, again) = refresh(&world, body["refresh_token"].as_str().unwrap()).await;
    assert_eq!((&again["scopes"], &again["user_id"]), (&scopes, &body["user_id"]));
    let info = world.get(&format!("/oauth/v1/access-tokens/{}", world.token)).await.1;
    assert_eq!((&info["scopes"], &info["user_id"]), (&scopes, &body["user_id"]));
}

#[tokio::test]
async fn codes_are_good_once_and_for_ten_minutes() {
    let world = world().await;
    let code = async || value(&decide(&world, "allow", &[]).await, "code").to_owned();
    for (verifier, back, status) in
        [("x", BACK, "BAD_AUTH_CODE"), (VERIFIER, "http://127.0.0.1:9/other", "BAD_REDIRECT_URI")]
    {
        assert_eq!(exchange(&world, &code().await, verifier, back).await.1["status"], status);
    }
    let once = code().await;
    assert_eq!(exchange(&world, &once, VERIFIER, BACK).await.0, 200);
    assert_eq!(exchange(&world, &once, VERIFIER, BACK).await.1["status"], "BAD_AUTH_CODE");
    let late = code().await;
    world.control().advance(Duration::from_secs(600));
    assert_eq!(exchange(&world, &late, VERIFIER, BACK).await.1["status"], "BAD_AUTH_CODE");
}

#[tokio::test]
async fn users_may_refuse_and_strangers_are_turned_away() {
    let world = world().await;
    let back = decide(&world, "deny", &[]).await;
    assert_eq!((value(&back, "error"), value(&back, "state")), ("access_denied", "s t/ä"));
    world.control().edit_settings(|settings| settings.consent = Consent::Allow);
    let url = format!("{}/oauth/authorize", world.running.base_url());
    let get = async |replaced: &[(&str, &str)]| {
        world.http.get(&url).query(&asked(&world, replaced)).send().await.unwrap()
    };
    for (name, wrong, words) in [
        ("client_id", "x", "client ID"),
        ("redirect_uri", "http://127.0.0.1:9/back/", "redirect URL"),
        ("scope", "oauth crm.objects.unheard.read", "crm.objects.unheard.read"),
    ] {
        let answer = get(&[(name, wrong)]).await;
        assert_eq!((answer.status().as_u16(), answer.headers().get("location")), (400, None), "{name}");
        assert!(answer.text().await.unwrap().contains(words), "{name}");
    }
    let back = brought_back(&get(&[]).await);
    assert_eq!(exchange(&world, value(&back, "code"), VERIFIER, BACK).await.0, 200);
}

#[tokio::test]
async fn refresh_tokens_rotate_on_request() {
    let world = world().await;
    world.control().edit_settings(|settings| settings.rotate_refresh_tokens = true);
    let first = world.running.credentials().refresh_token.clone();
    let (_, body) = refresh(&world, &first).await;
    let second = body["refresh_token"].as_str().unwrap();
    assert_ne!(second, first);
    assert_eq!(refresh(&world, &first).await.1["status"], "BAD_REFRESH_TOKEN");
    assert_eq!(refresh(&world, second).await.0, 200);
}

#[tokio::test]
async fn an_uninstalled_app_is_locked_out_until_it_is_installed_anew() {
    let mut world = world().await;
    let refresh_token = world.running.credentials().refresh_token.clone();
    let (_, body) = refresh(&world, &refresh_token).await;
    world.token = body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(world.call(Method::DELETE, "/appinstalls/v3/external-install", None).await.0, 204);
    assert_eq!(world.get(&format!("{V3}/deals")).await.0, 401);
    let (status, refused) = refresh(&world, &refresh_token).await;
    assert_eq!(
        (status, &refused["status"], &refused["error"]),
        (400, &json!("BAD_REFRESH_TOKEN"), &json!("invalid_grant"))
    );
    let back = decide(&world, "allow", &[]).await;
    let (_, body) = exchange(&world, value(&back, "code"), VERIFIER, BACK).await;
    world.token = body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(world.get(&format!("{V3}/deals")).await.0, 200);
    world.control().edit_settings(|settings| settings.account_gone = true);
    let (status, gone) = refresh(&world, body["refresh_token"].as_str().unwrap()).await;
    assert_eq!((status, &gone["status"], &gone["error"]), (400, &json!("BAD_HUB"), &json!("access_denied")));
}

#[tokio::test]
async fn a_late_answer_was_carried_out_at_once() {
    let world = world().await;
    world.control().edit_settings(|settings| settings.rotate_refresh_tokens = true);
    world.control().add_fault(FaultRule::new(Fault::LateAnswer { ms: 60_000 }).on("token").times(1));
    let app = world.running.credentials();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", &app.client_id),
        ("client_secret", &app.client_secret),
        ("refresh_token", &app.refresh_token),
    ];
    let url = format!("{}/oauth/v3/token", world.running.base_url());
    let request = world.http.post(url).form(&form).timeout(Duration::from_millis(300));
    assert!(request.send().await.is_err());
    let log = world.control().request_log();
    assert_eq!(log.iter().map(|one| (one.kind, one.status)).collect::<Vec<_>>(), [("token", Some(200))]);
    assert_eq!(refresh(&world, &app.refresh_token).await.1["status"], "BAD_REFRESH_TOKEN");
}

#[tokio::test]
async fn a_token_server_may_refuse_a_good_token() {
    let world = world().await;
    let refresh_token = world.running.credentials().refresh_token.clone();
    world.control().add_fault(FaultRule::new(Fault::Unauthorized).on("token").times(1));
    let (status, body) = refresh(&world, &refresh_token).await;
    assert_eq!((status, &body["status"]), (400, &json!("BAD_REFRESH_TOKEN")));
    assert_eq!(refresh(&world, &refresh_token).await.0, 200);
    let odd = world.http.put(format!("{}/oauth/authorize", world.running.base_url())).send().await.unwrap();
    assert_eq!(read(odd).await.0, 405);
}
