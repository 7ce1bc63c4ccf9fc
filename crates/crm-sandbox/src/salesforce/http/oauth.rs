//! `/services/oauth2/...`: tokens, revocation, identity, introspection.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CACHE_CONTROL, HeaderName};
use http::{Method, header};
use serde_json::{Value as Json, json};

use super::authorize::is_active;
use super::error::{ApiError, oauth_error};
use super::request::{Call, Caller};
use crate::salesforce::auth::{DEFAULT_SCOPE, read_assertion};
use crate::salesforce::model::RecordId;
use crate::salesforce::state::{ByName, State, text_of, username};
use crate::wire::Answer;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Who a JWT may be meant for, besides this server.
const AUDIENCES: [&str; 2] = ["https://login.salesforce.com", "https://test.salesforce.com"];

/// What a login ends with.
struct Login {
    user: RecordId,
    scope: String,
    /// The refresh token behind the new session.
    parent: Option<String>,
    /// Whether it is handed out: it is new.
    fresh: bool,
}

impl Login {
    fn without_refresh(user: RecordId) -> Self {
        Self { user, scope: DEFAULT_SCOPE.to_owned(), parent: None, fresh: false }
    }
}

/// `POST /services/oauth2/token`
pub(super) fn token(state: &State, call: &Call) -> Answer {
    if call.method != Method::POST {
        return oauth_error("invalid_request", "must use HTTP POST");
    }
    let form: ByName<String> = call.form().into_iter().collect();
    let login = match form.get("grant_type").map_or("", String::as_str) {
        "authorization_code" => by_code(state, call, &form),
        "refresh_token" => by_refresh_token(state, call, &form),
        "client_credentials" => by_client(state, call, &form),
        JWT_BEARER => by_jwt(state, &form),
        "" => Err(("invalid_request", "missing grant type")),
        _ => Err(("unsupported_grant_type", "grant type not supported")),
    };
    match login {
        Ok(login) => granted(state, &login),
        Err((error, description)) => oauth_error(error, description),
    }
}

type Refused = (&'static str, &'static str);

fn by_refresh_token(state: &State, call: &Call, form: &ByName<String>) -> Result<Login, Refused> {
    let required = state.settings().require_client_secret;
    check_client(state, call, form, required)?;
    let token = form.get("refresh_token").ok_or(("invalid_request", "missing refresh token"))?;
    let rotate = state.settings().rotate_refresh_tokens;
    let mut sessions = state.sessions();
    let dead = ("invalid_grant", "expired access/refresh token");
    let grant = sessions.grant(token).cloned().ok_or(dead)?;
    if !is_active(&state.org(), grant.user) {
        return Err(("invalid_grant", "inactive user"));
    }
    let rotated = if rotate { sessions.rotate(token) } else { None };
    let fresh = rotated.is_some();
    Ok(Login { user: grant.user, scope: grant.scope, parent: rotated.or_else(|| Some(token.clone())), fresh })
}

/// The code is used up by the first attempt, whatever comes of it.
fn by_code(state: &State, call: &Call, form: &ByName<String>) -> Result<Login, Refused> {
    let settings = state.settings();
    check_client(state, call, form, settings.require_client_secret)?;
    let code = form.get("code").ok_or(("invalid_request", "missing required parameters: code"))?;
    let mut sessions = state.sessions();
    let code = sessions.take_code(code, state.clock.now_ms());
    let code = code.ok_or(("invalid_grant", "expired authorization code"))?;
    if form.get("redirect_uri") != Some(&code.redirect_uri) {
        return Err(("redirect_uri_mismatch", "redirect_uri must match configuration"));
    }
    if !code.verified_by(form.get("code_verifier").map(String::as_str)) {
        return Err(("invalid_grant", "invalid code verifier"));
    }
    if !is_active(&state.org(), code.user) {
        return Err(("invalid_grant", "inactive user"));
    }
    let lasting =
        code.scopes.iter().any(|scope| matches!(scope.as_str(), "refresh_token" | "offline_access"));
    let scope = code.scopes.join(" ");
    let parent = lasting.then(|| sessions.grant_refresh_within(code.user, &scope, settings.live_grants));
    Ok(Login { user: code.user, scope, parent, fresh: true })
}

fn by_client(state: &State, call: &Call, form: &ByName<String>) -> Result<Login, Refused> {
    check_client(state, call, form, true)?;
    Ok(Login::without_refresh(state.org().api_user))
}

fn by_jwt(state: &State, form: &ByName<String>) -> Result<Login, Refused> {
    let assertion = form.get("assertion").ok_or(("invalid_request", "missing assertion"))?;
    let key = state.jwt_key().map_err(|_| ("invalid_request", "no certificate"))?;
    let claims =
        read_assertion(assertion, key, state.clock.now_ms()).map_err(|reason| ("invalid_grant", reason))?;
    if claims.iss != state.credentials.client_id {
        return Err(("invalid_client_id", "client identifier invalid"));
    }
    let audience = claims.aud.trim_end_matches('/');
    if audience != state.base_url() && !AUDIENCES.contains(&audience) {
        return Err(("invalid_grant", "audience is invalid"));
    }
    let org = state.org();
    let users = org.find_by_key("User", "Username", &claims.sub).unwrap_or_default();
    match users.first() {
        Some(user) if !is_active(&org, *user) => Err(("invalid_grant", "inactive user")),
        Some(user) => Ok(Login::without_refresh(*user)),
        None => Err(("invalid_grant", "user hasn't approved this consumer")),
    }
}

/// Client id and secret, from form fields or HTTP Basic.
fn check_client(
    state: &State,
    call: &Call,
    form: &ByName<String>,
    secret_required: bool,
) -> Result<(), Refused> {
    let basic = call
        .header("authorization")
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(|value| STANDARD.decode(value.trim()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let basic = basic.as_deref().and_then(|text| text.split_once(':'));
    let id = form.get("client_id").map(String::as_str).or(basic.map(|(id, _)| id));
    let secret = form.get("client_secret").map(String::as_str).or(basic.map(|(_, secret)| secret));
    if id != Some(state.credentials.client_id.as_str()) {
        return Err(("invalid_client_id", "client identifier invalid"));
    }
    match secret {
        Some(secret) if secret == state.credentials.client_secret => Ok(()),
        None if !secret_required => Ok(()),
        _ => Err(("invalid_client", "invalid client credentials")),
    }
}

fn granted(state: &State, login: &Login) -> Answer {
    let now = state.clock.now_ms();
    let token = state.sessions().open(login.user, &login.scope, login.parent.clone(), now);
    let id = identity_url(state, state.org().org_id, login.user);
    let key = hmac::Key::new(hmac::HMAC_SHA256, state.credentials.client_secret.as_bytes());
    let signature = hmac::sign(&key, format!("{id}{now}").as_bytes());
    let mut body = json!({
        "access_token": token,
        "signature": STANDARD.encode(signature),
        "scope": login.scope,
        "instance_url": state.base_url(),
        "id": id,
        "token_type": "Bearer",
        "issued_at": now.to_string(),
    });
    if let Some(refresh_token) = login.parent.as_ref().filter(|_| login.fresh) {
        body["refresh_token"] = json!(refresh_token);
    }
    no_store(Answer::json(200, &body))
}

/// `/services/oauth2/revoke`, by form or by query.
pub(super) fn revoke(state: &State, call: &Call) -> Answer {
    let form = call.form();
    let in_form = form.iter().find(|(key, _)| key == "token").map(|(_, value)| value.as_str());
    match in_form.or(call.param("token")) {
        Some(token) if state.sessions().revoke(token) => no_store(Answer::empty(200)),
        Some(_) => oauth_error("invalid_token", "invalid token"),
        None => oauth_error("invalid_request", "missing token"),
    }
}

/// `POST /services/oauth2/introspect`
pub(super) fn introspect(state: &State, call: &Call) -> Answer {
    let form: ByName<String> = call.form().into_iter().collect();
    if let Err((error, description)) = check_client(state, call, &form, true) {
        return oauth_error(error, description);
    }
    let token = form.get("token").map_or("", String::as_str);
    let timeout = timeout_ms(state);
    let now = state.clock.now_ms();
    let session = state.sessions().peek(token, now, timeout).cloned();
    let body = match session {
        Some(session) => {
            let org = state.org();
            json!({
                "active": true,
                "scope": session.scope,
                "client_id": state.credentials.client_id,
                "username": username(&org, session.user),
                "sub": identity_url(state, org.org_id, session.user),
                "token_type": "access_token",
                "exp": session.last_used.saturating_add(timeout) / 1000,
                "iat": session.issued_at / 1000,
                "nbf": session.issued_at / 1000,
            })
        }
        None => match state.sessions().grant(token) {
            Some(grant) => json!({
                "active": true,
                "scope": grant.scope,
                "client_id": state.credentials.client_id,
                "token_type": "refresh_token",
            }),
            None => json!({"active": false}),
        },
    };
    no_store(Answer::json(200, &body))
}

/// `GET /services/oauth2/userinfo`
pub(super) fn user_info(state: &State, caller: &Caller) -> Answer {
    let org = state.org();
    let text = |field| text_of(&org, caller.user, field);
    Answer::json(
        200,
        &json!({
            "sub": identity_url(state, org.org_id, caller.user),
            "user_id": caller.user,
            "organization_id": org.org_id,
            "preferred_username": text("Username"),
            "nickname": text("Alias"),
            "name": text("Name"),
            "email": text("Email"),
            "email_verified": true,
            "zoneinfo": text("TimeZoneSidKey"),
            "updated_at": org.clock.now().to_rfc3339(),
            "urls": urls(state),
        }),
    )
}

/// `GET /id/{org}/{user}`
pub(super) fn identity(state: &State, ids: (&str, &str)) -> Result<Answer, ApiError> {
    let org = state.org();
    let user = RecordId::parse(ids.1).filter(|_| RecordId::parse(ids.0) == Some(org.org_id));
    let user = user.ok_or_else(ApiError::not_found)?;
    let username = text_of(&org, user, "Username").ok_or_else(ApiError::not_found)?;
    Ok(Answer::json(
        200,
        &json!({
            "id": identity_url(state, org.org_id, user),
            "user_id": user,
            "organization_id": org.org_id,
            "username": username,
            "nick_name": text_of(&org, user, "Alias"),
            "display_name": text_of(&org, user, "Name"),
            "email": text_of(&org, user, "Email"),
            "photos": {"picture": Json::Null, "thumbnail": Json::Null},
            "user_type": "STANDARD",
            "language": "en_US",
            "urls": urls(state),
        }),
    ))
}

/// How long sessions last without use, in simulated milliseconds.
pub(super) fn timeout_ms(state: &State) -> i64 {
    i64::try_from(state.settings().session_timeout.as_millis()).unwrap_or(i64::MAX)
}

/// Takes the org's id rather than the org: a caller may hold the lock already.
fn identity_url(state: &State, org: RecordId, user: RecordId) -> String {
    format!("{}/id/{org}/{user}", state.base_url())
}

fn urls(state: &State) -> Json {
    let at = |path: &str| format!("{}/services/{path}", state.base_url());
    json!({
        "enterprise": at("Soap/c/{version}/"),
        "metadata": at("Soap/m/{version}/"),
        "partner": at("Soap/u/{version}/"),
        "rest": at("data/v{version}/"),
        "sobjects": at("data/v{version}/sobjects/"),
        "search": at("data/v{version}/search/"),
        "query": at("data/v{version}/query/"),
    })
}

fn no_store(answer: Answer) -> Answer {
    let pragma: HeaderName = header::PRAGMA;
    answer.with(CACHE_CONTROL, "no-store").with(pragma, "no-cache")
}
