//! `/webhooks/v3/{appId}/...`: where events go, and which.

use http::Method;
use http::header::AUTHORIZATION;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::batch::{HEAD, check_size, tail};
use super::error::ApiError;
use super::page::Page;
use crate::hubspot::state::State;
use crate::hubspot::webhooks::{Refusal, Subscription};
use crate::wire::{Answer, Call};

const MAX_UPDATES: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SettingsBody {
    target_url: String,
    throttling: Option<Throttling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Throttling {
    max_concurrent_requests: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewSubscription {
    event_type: String,
    object_type_id: Option<String>,
    property_name: Option<String>,
    #[serde(default)]
    active: bool,
}

#[derive(Deserialize)]
struct Activity {
    active: bool,
}

#[derive(Deserialize)]
struct Updates {
    inputs: Vec<Update>,
}

#[derive(Deserialize)]
struct Update {
    id: Json,
    active: bool,
}

impl From<Refusal> for ApiError {
    fn from(Refusal(status, text): Refusal) -> Self {
        let category = if status == 409 { "CONFLICT" } else { "VALIDATION_ERROR" };
        Self::new(status, category, text)
    }
}

pub(super) fn serve(state: &State, call: &Call, path: &[&str]) -> Result<Answer, ApiError> {
    check_app(state, call)?;
    let [app, rest @ ..] = path else { return Err(ApiError::no_resource()) };
    if *app != state.credentials.app_id.to_string() {
        return Err(ApiError::no_resource());
    }
    let answer = match (&call.method, rest) {
        (method, ["settings"]) => settings(state, call, method),
        (&Method::GET, ["subscriptions"]) => {
            let all: Vec<Json> = state.webhooks().app.all().map(Subscription::shown).collect();
            Ok(Answer::json(200, &json!({"results": all})))
        }
        (&Method::POST, ["subscriptions"]) => subscribe(state, call),
        (&Method::POST, ["subscriptions", "batch", "update"]) => update_many(state, call),
        (method, ["subscriptions", id]) => one(state, call, method, id),
        _ => Err(ApiError::no_resource()),
    };
    state.note_wishes();
    answer
}

/// The developer's key, or a token of the app.
fn check_app(state: &State, call: &Call) -> Result<(), ApiError> {
    if call.param("hapikey") == Some(&state.credentials.developer_api_key) {
        return Ok(());
    }
    let header = call.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token =
        header.and_then(|header| header.strip_prefix("Bearer ")).ok_or_else(ApiError::no_credentials)?;
    let now = state.clock.now_ms();
    state.tokens().check(token.trim(), now).map(|_| ()).map_err(|bad| ApiError::bad_token(bad, now))
}

fn settings(state: &State, call: &Call, method: &Method) -> Result<Answer, ApiError> {
    let now = state.clock.now_ms();
    let mut webhooks = state.webhooks();
    match *method {
        Method::GET => {}
        Method::PUT => {
            let body: SettingsBody = call.json()?;
            let max = body.throttling.map(|one| one.max_concurrent_requests);
            webhooks.app.set_target(&body.target_url, max, now)?;
        }
        Method::DELETE => {
            webhooks.app.target = None;
            return Ok(Answer::empty(204));
        }
        _ => return Err(ApiError::method()),
    }
    let shown = webhooks.app.shown_settings().ok_or_else(ApiError::no_resource)?;
    Ok(Answer::json(200, &shown))
}

fn subscribe(state: &State, call: &Call) -> Result<Answer, ApiError> {
    let body: NewSubscription = call.json()?;
    let (object, property) = (body.object_type_id.as_deref(), body.property_name.as_deref());
    let account = state.account();
    let mut webhooks = state.webhooks();
    let one = webhooks.app.subscribe(&account, &body.event_type, object, property, body.active)?;
    Ok(Answer::json(201, &one.shown()))
}

fn one(state: &State, call: &Call, method: &Method, id: &str) -> Result<Answer, ApiError> {
    let id: u64 = id.parse().map_err(|_| ApiError::no_resource())?;
    let mut webhooks = state.webhooks();
    match *method {
        Method::GET => {
            let one = webhooks.app.get(id).ok_or_else(ApiError::no_resource)?;
            Ok(Answer::json(200, &one.shown()))
        }
        Method::PATCH => {
            let body: Activity = call.json()?;
            let one = webhooks.app.set_active(id, body.active, state.clock.now_ms());
            Ok(Answer::json(200, &one.ok_or_else(ApiError::no_resource)?.shown()))
        }
        Method::DELETE if webhooks.app.remove(id) => Ok(Answer::empty(204)),
        Method::DELETE => Err(ApiError::no_resource()),
        _ => Err(ApiError::method()),
    }
}

fn update_many(state: &State, call: &Call) -> Result<Answer, ApiError> {
    let body: Updates = call.json()?;
    check_size(body.inputs.len(), MAX_UPDATES)?;
    let now = state.clock.now_ms();
    let mut webhooks = state.webhooks();
    let (mut page, mut errors) = (Page::new(HEAD, 512), Vec::new());
    for input in &body.inputs {
        let id = input.id.as_u64().or_else(|| input.id.as_str()?.parse().ok());
        match id.and_then(|id| webhooks.app.set_active(id, input.active, now)) {
            Some(one) => page.push(|out| out.extend_from_slice(one.shown().to_string().as_bytes())),
            None => errors.push(json!({
                "status": "error",
                "category": "OBJECT_NOT_FOUND",
                "message": "There is no such subscription",
                "context": {"ids": [input.id]},
            })),
        }
    }
    let status = if errors.is_empty() { 200 } else { 207 };
    Ok(page.end_batch(status, &tail(state, &errors)))
}
