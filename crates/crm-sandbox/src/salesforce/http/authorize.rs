//! `/services/oauth2/authorize`: the page where a user lets the app in, or not.

use crate::authorize::{Asked, Code, Page, Refused, refusal};
use crate::salesforce::auth::DEFAULT_SCOPE;
use crate::salesforce::model::{Org, RecordId, Value};
use crate::salesforce::settings::SalesforceSettings;
use crate::salesforce::state::{State, text_of};
use crate::wire::{Answer, Call};

/// Users on the page.
const SHOWN_USERS: usize = 200;

/// GET shows the page, POST is its form.
pub(super) fn serve(state: &State, call: &Call) -> Answer {
    let asked = Asked::read(call);
    let settings = state.settings();
    if asked.get("client_id") != Some(&state.credentials.client_id) {
        return refusal("error=invalid_client_id&error_description=client identifier invalid");
    }
    let registered = |uri: &&str| settings.redirect_uris.iter().any(|known| known == uri);
    let Some(redirect_uri) = asked.get("redirect_uri").filter(registered) else {
        return refusal(
            "error=redirect_uri_mismatch&error_description=redirect_uri must match configuration",
        );
    };
    match decide(state, &asked, &settings, redirect_uri) {
        Ok(answer) => answer,
        Err(refused) => asked.back_with(redirect_uri, refused),
    }
}

fn decide(
    state: &State,
    asked: &Asked,
    settings: &SalesforceSettings,
    redirect_uri: &str,
) -> Result<Answer, Refused> {
    if asked.get("response_type") != Some("code") {
        return Err(("unsupported_response_type", "response type not supported"));
    }
    // Clients such as jsforce name no method: the provider knows this one only.
    let challenge = asked.challenge(settings.require_pkce, "S256")?;
    let scopes = scopes(asked, settings)?;
    let users = users(&state.org());
    let Some(decision) = asked.decision(settings.consent) else {
        let shown: Vec<_> = users.iter().map(|(id, name)| (id.to_string(), name.clone())).collect();
        let org = state.org().org_id.to_string();
        return Ok(
            Page { provider: "Salesforce", account: &org, users: &shown, scopes: &scopes }.answer(asked)
        );
    };
    let chosen = decision.ok_or(("access_denied", "end-user denied authorization"))?;
    let known = |user: &RecordId| users.iter().any(|(id, _)| id == user);
    let user = match RecordId::parse(chosen) {
        Some(user) => {
            Some(user).filter(known).ok_or(("access_denied", "user hasn't approved this consumer"))?
        }
        None => state.org().api_user,
    };
    let expires_at = state.clock.now_ms().saturating_add(settings.code_life_ms());
    let code = Code { redirect_uri: redirect_uri.to_owned(), challenge, user, scopes, expires_at };
    let code = state.sessions().issue_code(code);
    Ok(asked.back(redirect_uri, &[("code", &code)]))
}

/// What is asked for, or the usual when nothing is.
fn scopes(asked: &Asked, settings: &SalesforceSettings) -> Result<Vec<String>, Refused> {
    let mut scopes = asked.scopes("scope");
    if scopes.is_empty() {
        scopes = DEFAULT_SCOPE.split(' ').map(str::to_owned).collect();
    }
    if scopes.iter().all(|scope| settings.app_scopes.contains(scope)) {
        Ok(scopes)
    } else {
        Err(("invalid_scope", "the requested scope is not allowed"))
    }
}

/// Active users with their names, the API user first.
fn users(org: &Org) -> Vec<(RecordId, String)> {
    let Some(table) = org.table("User") else { return Vec::new() };
    let name = |id: RecordId| text_of(org, id, "Username").unwrap_or_else(|| id.to_string());
    let others = table.all().map(|(id, _)| *id).filter(|id| *id != org.api_user && is_active(org, *id));
    let all = std::iter::once(org.api_user).chain(others).take(SHOWN_USERS);
    all.map(|id| (id, name(id))).collect()
}

/// Whether a user may log in.
pub(super) fn is_active(org: &Org, user: RecordId) -> bool {
    let flag = || {
        let table = org.table_of(&user)?;
        Some(table.newest(&user)?.stored(table.def.field_index("IsActive")?))
    };
    flag() != Some(&Value::Bool(false))
}
