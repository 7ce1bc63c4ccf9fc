//! Which handler serves which path.

use std::sync::Arc;

use http::Method;
use http::header::{AUTHORIZATION, HeaderName};

use super::error::ApiError;
use super::{
    account, associations, authorize, batch, control, labels, oauth, objects, owners, pipelines, properties,
    schemas, search, struck, webhooks,
};
use crate::hubspot::auth::{BadToken, TokenKind};
use crate::hubspot::limits::Left;
use crate::hubspot::state::{RequestKind, State};
use crate::wire::{Answer, Call};

/// A path, whichever of its versions was asked: `/crm/v3/objects/…`, `/crm/objects/2026-03/…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target<'a> {
    Control(&'a [&'a str]),
    OAuth(&'a [&'a str]),
    /// With the version, because associations of one row look different in v3.
    Objects(&'a str, &'a [&'a str]),
    Associations(&'a [&'a str]),
    Properties(&'a [&'a str]),
    Pipelines(&'a [&'a str]),
    Owners(&'a [&'a str]),
    Schemas(&'a [&'a str]),
    Account(&'a [&'a str]),
    Installs(&'a [&'a str]),
    Webhooks(&'a [&'a str]),
    Unknown,
}

fn target<'a>(path: &'a [&'a str]) -> Target<'a> {
    match path {
        ["_sandbox", rest @ ..] => Target::Control(rest),
        ["oauth", rest @ ..] => Target::OAuth(rest),
        ["crm", version @ ("v3" | "v4"), "objects", rest @ ..] => Target::Objects(version, rest),
        ["crm", "v4", "associations", rest @ ..] | ["crm", "associations", "v4", rest @ ..] => {
            Target::Associations(rest)
        }
        ["crm", "v3", "properties", rest @ ..] => Target::Properties(rest),
        ["crm", "v3", "pipelines", rest @ ..] => Target::Pipelines(rest),
        ["crm", "v3", "owners", rest @ ..] => Target::Owners(rest),
        ["crm-object-schemas" | "crm", "v3", "schemas", rest @ ..] => Target::Schemas(rest),
        ["account-info", "v3", rest @ ..] => Target::Account(rest),
        ["appinstalls", "v3", rest @ ..] => Target::Installs(rest),
        ["webhooks", "v3", rest @ ..] => Target::Webhooks(rest),
        ["crm", family, version, rest @ ..] if is_date(version) => match *family {
            "objects" => Target::Objects("v4", rest),
            "associations" => Target::Associations(rest),
            "properties" => Target::Properties(rest),
            "pipelines" => Target::Pipelines(rest),
            "owners" => Target::Owners(rest),
            _ => Target::Unknown,
        },
        ["crm-object-schemas", version, "schemas", rest @ ..] if is_date(version) => Target::Schemas(rest),
        ["account-info", version, rest @ ..] if is_date(version) => Target::Account(rest),
        _ => Target::Unknown,
    }
}

/// `2026-03`: versions come in March and September.
pub(super) fn is_date(version: &str) -> bool {
    let parts = version.split_once('-');
    parts.is_some_and(|(year, month)| {
        year.len() == 4
            && year.starts_with("20")
            && year.parse::<u16>().is_ok()
            && matches!(month, "03" | "09")
    })
}

/// What kind of request this is, for counts and faults.
pub(super) fn kind(call: &Call) -> RequestKind {
    let path = call.path();
    let reads = matches!(call.method, Method::GET | Method::HEAD);
    match target(&path) {
        Target::Control(_) => RequestKind::Control,
        Target::OAuth(["authorize"] | [_, "authorize"]) => RequestKind::Authorize,
        Target::OAuth([_, "token"]) => RequestKind::Token,
        Target::OAuth(_) => RequestKind::TokenInfo,
        Target::Objects(_, rest) => match rest {
            [_] if reads => RequestKind::List,
            [_, "search"] => RequestKind::Search,
            [_, "batch", "read"] => RequestKind::BatchRead,
            [_, "batch", ..] => RequestKind::BatchWrite,
            [_, _, "associations", ..] if reads => RequestKind::AssociationRead,
            [_, _, "associations", ..] => RequestKind::AssociationWrite,
            [_, _] if reads => RequestKind::Read,
            _ => RequestKind::Write,
        },
        Target::Associations([_, _, "batch", "read"]) => RequestKind::AssociationRead,
        Target::Associations(_) if reads => RequestKind::AssociationRead,
        Target::Associations(_) => RequestKind::AssociationWrite,
        Target::Properties(_) => RequestKind::Properties,
        Target::Pipelines(_) => RequestKind::Pipelines,
        Target::Owners(_) => RequestKind::Owners,
        Target::Schemas(_) => RequestKind::Schemas,
        Target::Account(_) => RequestKind::AccountInfo,
        Target::Installs(_) => RequestKind::TokenInfo,
        Target::Webhooks(_) => RequestKind::Webhooks,
        Target::Unknown => RequestKind::Other,
    }
}

/// Serves a request that no fault has struck.
pub(super) fn dispatch(state: &Arc<State>, call: &Call) -> Answer {
    let path = call.path();
    let target = target(&path);
    if call.uri_len > state.setting(|settings| settings.uri_max) {
        return struck::uri_too_long();
    }
    let answer = match target {
        Target::Control(rest) if state.setting(|settings| settings.control_api) => {
            control::serve(state, call, rest)
        }
        // With the account's id in the path the browser is spared the choice of one.
        Target::OAuth(["authorize"] | [_, "authorize"]) => authorize::serve(state, call),
        Target::OAuth(rest) => Ok(oauth::serve(state, call, rest)),
        Target::Webhooks(rest) => webhooks::serve(state, call, rest),
        Target::Control(_) | Target::Unknown => Err(ApiError::no_resource()),
        _ => return api(state, call, target),
    };
    answer.unwrap_or_else(|error| error.answer(state, call))
}

/// Calls that need a token and count against limits.
fn api(state: &Arc<State>, call: &Call, target: Target<'_>) -> Answer {
    let caller = match caller(state, call) {
        Ok(caller) => caller,
        Err(error) => return error.answer(state, call),
    };
    let search = kind(call) == RequestKind::Search;
    if let Err(limited) = state.charge(caller, search) {
        let app = &state.credentials;
        let answer = ApiError::limited(limited, app.app_id, app.portal_id).answer(state, call);
        return with_limits(answer, &state.left(caller), search);
    }
    let served = check_scope(state, call, target).and_then(|()| serve(state, call, target));
    if kind(call).writes() {
        state.account_mut().automate();
        state.wake();
    }
    let answer = served.unwrap_or_else(|error| error.answer(state, call));
    with_limits(answer, &state.left(caller), search)
}

fn serve(state: &Arc<State>, call: &Call, target: Target<'_>) -> Result<Answer, ApiError> {
    match target {
        Target::Objects(version, rest) => match rest {
            [object] => objects::collection(state, call, object),
            [object, "search"] => only(call, &Method::POST).and_then(|()| search::serve(state, call, object)),
            [object, "batch", operation] => {
                only(call, &Method::POST).and_then(|()| batch::serve(state, call, object, operation))
            }
            [object, "merge"] => only(call, &Method::POST).and_then(|()| objects::merge(state, call, object)),
            [object, "gdpr-delete"] => {
                only(call, &Method::POST).and_then(|()| objects::gdpr_delete(state, call, object))
            }
            [object, key] => objects::one(state, call, object, key),
            [object, id, "associations", rest @ ..] => {
                associations::of_row(state, call, version, (*object, *id), rest)
            }
            _ => Err(ApiError::no_resource()),
        },
        Target::Associations([from, to, "batch", operation @ ..]) => {
            only(call, &Method::POST)?;
            associations::batch(state, call, (*from, *to), operation)
        }
        Target::Associations([from, to, "labels", rest @ ..]) => {
            labels::serve(state, call, (*from, *to), rest)
        }
        Target::Properties([object, rest @ ..]) => properties::serve(state, call, object, rest),
        Target::Pipelines([object, rest @ ..]) => pipelines::serve(state, call, object, rest),
        Target::Owners(rest) => owners::serve(state, call, rest),
        Target::Schemas(rest) => schemas::serve(state, call, rest),
        Target::Account(rest) => account::serve(state, call, rest),
        Target::Installs(["external-install"]) => {
            only(call, &Method::DELETE)?;
            state.uninstall();
            Ok(Answer::empty(204))
        }
        _ => Err(ApiError::no_resource()),
    }
}

pub(super) fn only(call: &Call, method: &Method) -> Result<(), ApiError> {
    if call.method == *method { Ok(()) } else { Err(ApiError::method()) }
}

fn bearer(call: &Call) -> Option<&str> {
    let (scheme, token) = call.headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}

fn caller(state: &State, call: &Call) -> Result<TokenKind, ApiError> {
    let token = bearer(call).ok_or_else(ApiError::no_credentials)?;
    let now = state.clock.now_ms();
    state.tokens().check(token, now).map_err(|bad: BadToken| ApiError::bad_token(bad, now))
}

/// Scopes are granted per object; associations and searches need the object's read scope.
fn check_scope(state: &State, call: &Call, target: Target<'_>) -> Result<(), ApiError> {
    let family = |object: &str| -> Option<String> {
        let account = state.account();
        let def = &account.tables[account.object(object)?].def;
        Some(if def.custom { "custom".to_owned() } else { def.name.clone() })
    };
    let scope = match target {
        Target::Objects(_, [object, ..]) => {
            let writes = matches!(kind(call), RequestKind::Write | RequestKind::BatchWrite);
            let right = if writes { "write" } else { "read" };
            family(object).map(|object| match object.as_str() {
                "tickets" => object,
                _ => format!("crm.objects.{object}.{right}"),
            })
        }
        Target::Associations([from, ..]) => family(from).map(|object| match object.as_str() {
            "tickets" => object,
            _ => format!("crm.objects.{object}.read"),
        }),
        Target::Schemas(_) => Some("crm.schemas.custom.read".to_owned()),
        Target::Owners(_) => Some("crm.objects.owners.read".to_owned()),
        _ => None,
    };
    let Some(scope) = scope else { return Ok(()) };
    let granted = state.setting(|settings| settings.scopes.contains(&scope));
    if granted && state.tokens().may(bearer(call).unwrap_or(""), &scope) {
        Ok(())
    } else {
        Err(ApiError::missing_scope(&scope))
    }
}

/// Searches say nothing of bursts; calls with OAuth tokens nothing of the day.
fn with_limits(mut answer: Answer, left: &Left, search: bool) -> Answer {
    let mut add = |name: &'static str, value: String| {
        if let Ok(value) = value.parse() {
            answer.headers.insert(HeaderName::from_static(name), value);
        }
    };
    if left.kind == TokenKind::Private {
        add("x-hubspot-ratelimit-daily", left.daily_max.to_string());
        add("x-hubspot-ratelimit-daily-remaining", left.daily_left.to_string());
    }
    if let Some(max) = left.burst_max.filter(|_| !search) {
        add("x-hubspot-ratelimit-interval-milliseconds", "10000".to_owned());
        add("x-hubspot-ratelimit-max", max.to_string());
        add("x-hubspot-ratelimit-remaining", left.burst_left.to_string());
        add("x-hubspot-ratelimit-secondly", (max / 10).to_string());
        add("x-hubspot-ratelimit-secondly-remaining", (left.burst_left / 10).to_string());
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_a_path_are_twins() {
        for (one, other) in [
            ("crm/v4/objects/deals/batch/read", "crm/objects/2026-03/deals/batch/read"),
            ("crm/v4/associations/deals/contacts/labels", "crm/associations/2025-09/deals/contacts/labels"),
            ("crm/v3/properties/deals", "crm/properties/2026-03/deals"),
            ("crm/v3/schemas", "crm-object-schemas/2026-03/schemas"),
            ("crm/v3/owners", "crm/owners/2026-03"),
        ] {
            let (one, other): (Vec<&str>, Vec<&str>) = (one.split('/').collect(), other.split('/').collect());
            assert_eq!(target(&one), target(&other));
        }
        assert_eq!(target(&["crm", "objects", "2026-04", "deals"]), Target::Unknown);
    }
}
