//! Tokens: grants, life, end.

use std::time::Duration;

use crate::support::{Json, V3, World, category, json};

/// The form fields of a client.
fn client(world: &World) -> Vec<(&'static str, String)> {
    let app = world.running.credentials();
    vec![("client_id", app.client_id.clone()), ("client_secret", app.client_secret.clone())]
}

async fn grant(world: &World, path: &str, fields: &[(&'static str, &str)]) -> (u16, Json) {
    let mut form = client(world);
    for (key, value) in fields {
        form.retain(|(known, _)| known != key);
        form.push((key, (*value).to_owned()));
    }
    let form: Vec<(&str, &str)> = form.iter().map(|(key, value)| (*key, value.as_str())).collect();
    world.form(path, &form).await
}

#[tokio::test]
async fn refresh_tokens_give_access_tokens_at_every_version() {
    let mut world = World::empty().await;
    let refresh = world.running.credentials().refresh_token.clone();
    for path in ["v1/token", "v3/token", "2026-03/token"] {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
        let (status, body) = grant(&world, path, &fields).await;
        assert_eq!((status, &body["token_type"], &body["expires_in"]), (200, &json!("bearer"), &json!(1800)));
        assert_eq!(body["refresh_token"], json!(refresh), "it stays the same");
        assert_eq!(body.get("hub_id").is_some(), path != "v1/token");
        world.token = body["access_token"].as_str().unwrap().to_owned();
        assert_eq!(world.get(&format!("{V3}/deals")).await.0, 200);
    }
}

#[tokio::test]
async fn codes_are_used_once_and_may_need_their_verifier() {
    let world = World::empty().await;
    let redirect = world.running.credentials().redirect_uri.clone();
    for (verifier, sent, redirect, wanted) in [
        (None, None, redirect.as_str(), 200),
        (Some("v"), Some("v"), redirect.as_str(), 200),
        (Some("v"), Some("w"), redirect.as_str(), 400),
        (Some("v"), None, redirect.as_str(), 400),
        (None, None, "http://elsewhere", 400),
    ] {
        let code = world.control().issue_code(verifier);
        let mut fields =
            vec![("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", redirect)];
        fields.extend(sent.map(|sent| ("code_verifier", sent)));
        let (status, body) = grant(&world, "v3/token", &fields).await;
        assert_eq!(status, wanted, "{verifier:?} {sent:?} {redirect}: {body}");
        assert_eq!(grant(&world, "v3/token", &fields).await.1["status"], "BAD_AUTH_CODE", "used up");
    }
}

#[tokio::test]
async fn bad_grants_are_worded_by_version() {
    let world = World::empty().await;
    let refresh = world.running.credentials().refresh_token.clone();
    for (fields, status, error) in [
        (vec![("grant_type", "refresh_token"), ("refresh_token", "x")], "BAD_REFRESH_TOKEN", "invalid_grant"),
        (vec![("grant_type", "refresh_token")], "BAD_REFRESH_TOKEN", "invalid_grant"),
        (vec![("grant_type", "authorization_code"), ("code", "x")], "BAD_AUTH_CODE", "invalid_grant"),
        (vec![("client_id", "x")], "BAD_CLIENT_ID", "invalid_client"),
        (vec![("client_secret", "x")], "BAD_CLIENT_SECRET", "invalid_client"),
        (vec![("grant_type", "magic")], "BAD_GRANT_TYPE", "unsupported_grant_type"),
    ] {
        let (code, body) = grant(&world, "v3/token", &fields).await;
        assert_eq!((code, &body["status"], &body["error"]), (400, &json!(status), &json!(error)));
        let (code, body) = grant(&world, "v1/token", &fields).await;
        assert_eq!((code, &body["status"], body.get("error")), (400, &json!(status), None));
        assert!(body["correlationId"].is_string());
    }
    let in_query = format!("v3/token?grant_type=refresh_token&refresh_token={refresh}");
    assert_eq!(grant(&world, &in_query, &[]).await.0, 400, "parameters belong in the body");
    let (status, body) =
        grant(&world, "2026-03/token", &[("grant_type", "client_credentials"), ("scope", "x")]).await;
    assert_eq!((status, body.get("refresh_token")), (200, None));
}

#[tokio::test]
async fn access_tokens_expire_by_the_simulated_clock() {
    let mut world = World::empty().await;
    world.token = world.control().open_session();
    assert_eq!(world.get(&format!("{V3}/deals")).await.0, 200);
    world.control().advance(Duration::from_secs(1800 + 75));
    let (status, body) = world.get(&format!("{V3}/deals")).await;
    assert_eq!((status, category(&body)), (401, "EXPIRED_AUTHENTICATION"));
    assert_eq!(body["message"], "The OAuth token used to make this call expired 75 second(s) ago.");
    assert_eq!(body["context"]["expire time"], json!(["2026-01-05T08:30:00.000Z"]));
    world.token = "garbage".into();
    let (status, body) = world.get(&format!("{V3}/deals")).await;
    assert_eq!((status, category(&body)), (401, "EXPIRED_AUTHENTICATION"));
    assert!(
        body["message"].as_str().unwrap().contains("expired 1767601875 second(s)"),
        "counted from 1970: {body}"
    );
}

#[tokio::test]
async fn private_tokens_live_until_they_are_rotated() {
    let mut world = World::empty().await;
    assert!(world.token.starts_with("pat-na1-"));
    world.control().advance(Duration::from_secs(400 * 86_400));
    assert_eq!(world.get(&format!("{V3}/deals")).await.0, 200);
    let new = world.control().rotate_private_token();
    let (status, body) = world.get(&format!("{V3}/deals")).await;
    assert_eq!((status, category(&body)), (401, "INVALID_AUTHENTICATION"));
    world.token = new;
    assert_eq!(world.get(&format!("{V3}/deals")).await.0, 200);
    let bare = world.http.get(format!("{}{V3}/deals", world.running.base_url())).send().await.unwrap();
    let (status, body) = crate::support::read(bare).await;
    assert_eq!((status, category(&body)), (401, "INVALID_AUTHENTICATION"));
}

#[tokio::test]
async fn tokens_are_introspected_and_revoked() {
    let mut world = World::empty().await;
    let refresh = world.running.credentials().refresh_token.clone();
    let access = world.control().open_session();
    world.control().advance(Duration::from_secs(46));
    let (_, info) = world.get(&format!("/oauth/v1/access-tokens/{access}")).await;
    assert_eq!(
        (&info["token_type"], &info["expires_in"], &info["hub_id"]),
        (&json!("access"), &json!(1754), &json!(9_000_001))
    );
    let (_, info) = world.get(&format!("/oauth/v1/refresh-tokens/{refresh}")).await;
    assert_eq!(
        (&info["token_type"], &info["client_id"]),
        (&json!("refresh"), &json!(world.running.credentials().client_id))
    );
    let (_, info) = grant(&world, "v3/token/introspect", &[("token", &access)]).await;
    assert_eq!(
        (&info["active"], &info["token_use"], &info["expires_in"]),
        (&json!(true), &json!("access_token"), &json!(1754))
    );
    assert_eq!(world.delete(&format!("/oauth/v1/refresh-tokens/{refresh}")).await.0, 204);
    let (_, info) = grant(&world, "v3/token/introspect", &[("token", &access)]).await;
    assert_eq!(info["active"], false, "its access tokens went with it");
    world.token = access;
    assert_eq!(world.get(&format!("{V3}/deals")).await.0, 401);
    let again = world.control().grant_refresh_token();
    assert_eq!(grant(&world, "v3/token/revoke", &[("token", &again)]).await.0, 200);
    let fields = [("grant_type", "refresh_token"), ("refresh_token", again.as_str())];
    assert_eq!(grant(&world, "v3/token", &fields).await.1["status"], "BAD_REFRESH_TOKEN");
}
