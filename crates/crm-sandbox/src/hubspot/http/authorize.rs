//! `/oauth/authorize`: the page where a user installs the app, or does not.

use super::error::ApiError;
use crate::authorize::{Asked, Code, Page, Refused, refusal};
use crate::hubspot::auth::User;
use crate::hubspot::settings::HubspotSettings;
use crate::hubspot::state::State;
use crate::wire::{Answer, Call};

/// Users on the page.
const SHOWN_USERS: usize = 200;

/// GET shows the page, POST is its form.
pub(super) fn serve(state: &State, call: &Call) -> Result<Answer, ApiError> {
    if !matches!(call.method, http::Method::GET | http::Method::POST) {
        return Err(ApiError::method());
    }
    let asked = Asked::read(call);
    let settings = state.settings();
    if asked.get("client_id") != Some(&state.credentials.client_id) {
        return Ok(refusal("The client ID of this app is missing or unknown."));
    }
    let registered = |uri: &&str| settings.redirect_uris.iter().any(|known| known == uri);
    let Some(redirect_uri) = asked.get("redirect_uri").filter(registered) else {
        return Ok(refusal(
            "The redirect URI of this request is none of the app's registered redirect URLs.",
        ));
    };
    let scopes = match scopes(&asked, &settings) {
        Ok(scopes) => scopes,
        Err(missing) => {
            return Ok(refusal(&format!(
                "This account or app does not have the scopes: {}",
                missing.join(", ")
            )));
        }
    };
    let answer = decide(state, &asked, &settings, redirect_uri, scopes);
    Ok(answer.unwrap_or_else(|refused| asked.back_with(redirect_uri, refused)))
}

fn decide(
    state: &State,
    asked: &Asked,
    settings: &HubspotSettings,
    redirect_uri: &str,
    scopes: Vec<String>,
) -> Result<Answer, Refused> {
    let challenge = asked.challenge(settings.require_pkce, "plain")?;
    let users = users(state);
    let Some(decision) = asked.decision(settings.consent) else {
        let shown: Vec<_> = users.iter().map(|user| (user.id.to_string(), user.email.clone())).collect();
        let portal = state.credentials.portal_id.to_string();
        return Ok(
            Page { provider: "HubSpot", account: &portal, users: &shown, scopes: &scopes }.answer(asked)
        );
    };
    let chosen = decision.ok_or(("access_denied", "The user did not grant access"))?;
    let user = match chosen.parse::<u64>() {
        Ok(id) => users.into_iter().find(|user| user.id == id),
        Err(_) => users.into_iter().next(),
    };
    let user = user.ok_or(("access_denied", "The user can't install apps in this account"))?;
    let expires_at = state.clock.now_ms().saturating_add(settings.code_life_ms());
    let code = Code { redirect_uri: redirect_uri.to_owned(), challenge, user, scopes, expires_at };
    let code = state.tokens().issue_code(code);
    Ok(asked.back(redirect_uri, &[("code", &code)]))
}

/// Every required scope, and those optional ones that the account has; or the required ones it has not.
fn scopes(asked: &Asked, settings: &HubspotSettings) -> Result<Vec<String>, Vec<String>> {
    let has = |scope: &String| settings.scopes.contains(scope);
    let (mut granted, missing): (Vec<_>, Vec<_>) = asked.scopes("scope").into_iter().partition(has);
    if !missing.is_empty() {
        return Err(missing);
    }
    granted.extend(asked.scopes("optional_scope").into_iter().filter(has));
    granted.push("oauth".to_owned());
    granted.sort();
    granted.dedup();
    Ok(granted)
}

/// Who may install the app: the owners.
fn users(state: &State) -> Vec<User> {
    let account = state.account();
    let owners = account.owners.iter().filter(|owner| !owner.archived).take(SHOWN_USERS);
    owners.map(|owner| User { id: owner.user_id, email: owner.email.clone() }).collect()
}
