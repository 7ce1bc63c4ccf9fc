//! `/oauth/...`: tokens, what is known of them, and their end.

use std::collections::HashMap;

use http::Method;
use serde_json::{Value as Json, json};

use super::error::correlation;
use super::route::is_date;
use crate::hubspot::auth::Grant;
use crate::hubspot::state::State;
use crate::wire::{Answer, Call};

/// `status`, `error`, text.
type Refused = (&'static str, &'static str, &'static str);

const BAD_REFRESH_TOKEN: Refused = ("BAD_REFRESH_TOKEN", "invalid_grant", "missing or invalid refresh token");
const BAD_HUB: Refused = ("BAD_HUB", "access_denied", "missing or unknown hub id");
const BAD_AUTH_CODE: Refused = ("BAD_AUTH_CODE", "invalid_grant", "missing or unknown auth code");
const BAD_CLIENT_ID: Refused = ("BAD_CLIENT_ID", "invalid_client", "missing or invalid client id");
const BAD_CLIENT_SECRET: Refused =
    ("BAD_CLIENT_SECRET", "invalid_client", "missing or invalid client secret");
const BAD_REDIRECT_URI: Refused = ("BAD_REDIRECT_URI", "invalid_grant", "missing or invalid redirect uri");
const BAD_GRANT_TYPE: Refused = ("BAD_GRANT_TYPE", "unsupported_grant_type", "missing or unknown grant type");

/// What version 1 and what its successors answer differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Newer,
}

pub(super) fn serve(state: &State, call: &Call, rest: &[&str]) -> Answer {
    let newer = |version: &str| version == "v3" || is_date(version);
    match (&call.method, rest) {
        (&Method::POST, ["v1", "token"]) => token(state, call, Version::One),
        (&Method::POST, [version, "token"]) if newer(version) => token(state, call, Version::Newer),
        (&Method::POST, [version, "token", "introspect"]) if newer(version) => introspect(state, call),
        (&Method::POST, [version, "token", "revoke"]) if newer(version) => revoke(state, call),
        (&Method::GET, ["v1", "access-tokens", token]) => access_info(state, call, token),
        (&Method::GET, ["v1", "refresh-tokens", token]) => refresh_info(state, call, token),
        (&Method::DELETE, ["v1", "refresh-tokens", token]) => {
            state.tokens().revoke(token);
            Answer::empty(204)
        }
        _ => super::error::ApiError::no_resource().answer(state, call),
    }
}

type Form = HashMap<String, String>;

fn token(state: &State, call: &Call, version: Version) -> Answer {
    let refuse = |refused| refused_answer(state, call, version, refused);
    // Parameters of the newer endpoints go in the body only.
    if version == Version::Newer && !call.query.is_empty() {
        return refuse(("BAD_REQUEST", "invalid_request", "parameters must be sent in the request body"));
    }
    let form: Form = call.form().into_iter().collect();
    if let Err(refused) = check_client(state, &form) {
        return refuse(refused);
    }
    let parent = match form.get("grant_type").map_or("", String::as_str) {
        "refresh_token" => by_refresh_token(state, &form).map(Some),
        "authorization_code" => by_code(state, &form).map(Some),
        "client_credentials" if version == Version::Newer => Ok(None),
        _ => Err(BAD_GRANT_TYPE),
    };
    match parent {
        Ok(parent) => granted(state, parent, version),
        Err(refused) => refuse(refused),
    }
}

fn check_client(state: &State, form: &Form) -> Result<(), Refused> {
    let app = &state.credentials;
    if form.get("client_id") != Some(&app.client_id) {
        return Err(BAD_CLIENT_ID);
    }
    if form.get("client_secret") == Some(&app.client_secret) { Ok(()) } else { Err(BAD_CLIENT_SECRET) }
}

/// The refresh token behind the new access token.
fn by_refresh_token(state: &State, form: &Form) -> Result<String, Refused> {
    let token = form.get("refresh_token").ok_or(BAD_REFRESH_TOKEN)?;
    let (gone, rotates) = state.setting(|settings| (settings.account_gone, settings.rotate_refresh_tokens));
    let mut tokens = state.tokens();
    if gone {
        return Err(BAD_HUB);
    }
    let live = if rotates { tokens.rotate(token) } else { tokens.grant(token).map(|_| token.clone()) };
    live.ok_or(BAD_REFRESH_TOKEN)
}

fn by_code(state: &State, form: &Form) -> Result<String, Refused> {
    let mut tokens = state.tokens();
    let now = state.clock.now_ms();
    let code = form.get("code").and_then(|code| tokens.take_code(code, now)).ok_or(BAD_AUTH_CODE)?;
    if form.get("redirect_uri") != Some(&code.redirect_uri) {
        return Err(BAD_REDIRECT_URI);
    }
    if !code.verified_by(form.get("code_verifier").map(String::as_str)) {
        return Err(BAD_AUTH_CODE);
    }
    state.install();
    Ok(tokens.grant_refresh(Grant { user: code.user, scopes: Some(code.scopes) }))
}

fn granted(state: &State, parent: Option<String>, version: Version) -> Answer {
    let lifetime = state.setting(|settings| settings.access_token);
    let lifetime_ms = i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
    let expires_at = state.clock.now_ms().saturating_add(lifetime_ms);
    let mut tokens = state.tokens();
    let access_token = tokens.open(parent.clone(), expires_at);
    let grant = tokens.access(&access_token).map(|access| access.grant.clone()).unwrap_or_default();
    drop(tokens);
    let mut body = json!({
        "token_type": "bearer",
        "access_token": access_token,
        "expires_in": lifetime.as_secs(),
    });
    let of_account = parent.is_some();
    if let Some(refresh_token) = parent {
        body["refresh_token"] = json!(refresh_token);
    }
    if version == Version::Newer {
        body["scopes"] = json!(scopes_of(state, &grant));
        body["token_use"] = json!("access_token");
        if of_account {
            body["hub_id"] = json!(state.credentials.portal_id);
            body["user_id"] = json!(grant.user.id);
        }
    }
    Answer::json(200, &body)
}

fn refused_answer(state: &State, call: &Call, version: Version, refused: Refused) -> Answer {
    let (status, error, message) = refused;
    let mut body = json!({"status": status, "message": message});
    match version {
        Version::One => body["correlationId"] = json!(correlation(state, call)),
        Version::Newer => {
            body["error"] = json!(error);
            body["error_description"] = json!(message);
        }
    }
    Answer::json(400, &body)
}

/// What the user agreed to, or all that the account has.
fn scopes_of(state: &State, grant: &Grant) -> Vec<String> {
    grant.scopes.clone().unwrap_or_else(|| state.setting(|settings| settings.scopes.clone()))
}

/// What is known of the user and the account.
fn common(state: &State, grant: &Grant) -> Json {
    json!({
        "user": grant.user.email,
        "user_id": grant.user.id,
        "hub_domain": "demo.example.test",
        "hub_id": state.credentials.portal_id,
        "app_id": state.credentials.app_id,
        "scopes": scopes_of(state, grant),
    })
}

/// Seconds that a live access token has left, and who stands behind it.
fn left(state: &State, token: &str) -> Option<(i64, Grant)> {
    let now = state.clock.now_ms();
    let access = state.tokens().access(token)?.clone();
    let left = access.expires_at - now;
    (left > 0).then_some((left / 1000, access.grant))
}

fn access_info(state: &State, call: &Call, token: &str) -> Answer {
    let Some((left, grant)) = left(state, token) else {
        let error = super::error::ApiError::not_found("access token not found or expired");
        return error.answer(state, call);
    };
    let mut body = common(state, &grant);
    body["token"] = json!(token);
    body["token_type"] = json!("access");
    body["expires_in"] = json!(left);
    body["signed_access_token"] =
        json!({"expiresAt": state.clock.now_ms() + left * 1000, "hubId": body["hub_id"]});
    Answer::json(200, &body)
}

fn refresh_info(state: &State, call: &Call, token: &str) -> Answer {
    let Some(grant) = state.tokens().grant(token).cloned() else {
        return super::error::ApiError::not_found("refresh token not found").answer(state, call);
    };
    let mut body = common(state, &grant);
    body["token"] = json!(token);
    body["token_type"] = json!("refresh");
    body["client_id"] = json!(state.credentials.client_id);
    Answer::json(200, &body)
}

fn introspect(state: &State, call: &Call) -> Answer {
    let form: Form = call.form().into_iter().collect();
    if let Err(refused) = check_client(state, &form) {
        return refused_answer(state, call, Version::Newer, refused);
    }
    let token = form.get("token").map_or("", String::as_str);
    let refresh = state.tokens().grant(token).cloned();
    let left = left(state, token);
    let is_refresh = refresh.is_some();
    let Some(grant) = refresh.or_else(|| left.as_ref().map(|(_, grant)| grant.clone())) else {
        return Answer::json(200, &json!({"active": false, "token": token}));
    };
    let mut body = common(state, &grant);
    body["active"] = json!(true);
    body["token"] = json!(token);
    body["client_id"] = json!(state.credentials.client_id);
    body["is_private_distribution"] = json!(false);
    body["token_use"] = json!(if is_refresh { "refresh_token" } else { "access_token" });
    body["token_type"] = json!("Bearer");
    if let Some((left, _)) = left {
        body["expires_in"] = json!(left);
    }
    Answer::json(200, &body)
}

fn revoke(state: &State, call: &Call) -> Answer {
    let form: Form = call.form().into_iter().collect();
    if let Err(refused) = check_client(state, &form) {
        return refused_answer(state, call, Version::Newer, refused);
    }
    if let Some(token) = form.get("token") {
        state.tokens().revoke(token);
    }
    Answer::empty(200)
}
