//! Which handler serves which path.

use std::sync::Arc;

use http::Method;

use super::error::ApiError;
use super::request::{Call, Caller};
use super::{
    authorize, collections, composite, control, describe, limits, oauth, query, replication, request, rows,
    struck,
};
use crate::salesforce::state::{RequestKind, State};
use crate::wire::Answer;

/// What kind of request this is, for counts and faults.
pub(super) fn kind(call: &Call) -> RequestKind {
    let reads = matches!(call.method, Method::GET | Method::HEAD);
    match call.path().as_slice() {
        ["_sandbox", ..] => RequestKind::Control,
        ["services", "oauth2", "authorize"] => RequestKind::Authorize,
        ["services", "oauth2", "token"] => RequestKind::Token,
        ["services", "oauth2", ..] | ["id", ..] => RequestKind::Identity,
        ["services", "data"] => RequestKind::Versions,
        ["services", "data", _, rest @ ..] => match rest {
            ["query" | "queryAll"] => RequestKind::Query,
            ["query" | "queryAll", _] => RequestKind::QueryMore,
            ["limits"] => RequestKind::Limits,
            ["sobjects"] => RequestKind::DescribeGlobal,
            ["sobjects", _, "describe"] => RequestKind::Describe,
            ["sobjects", _, "updated"] => RequestKind::Updated,
            ["sobjects", _, "deleted"] => RequestKind::Deleted,
            ["sobjects", ..] if reads => RequestKind::RowRead,
            ["sobjects", ..] => RequestKind::RowWrite,
            ["composite"] => RequestKind::Composite,
            ["composite", "sobjects", _] => RequestKind::CollectionRead,
            ["composite", "sobjects", ..] => RequestKind::CollectionWrite,
            _ => RequestKind::Other,
        },
        _ => RequestKind::Other,
    }
}

/// Serves a request that no fault has struck.
pub(super) fn dispatch(state: &Arc<State>, call: &Call) -> Answer {
    let path = call.path();
    let result = match path.as_slice() {
        ["_sandbox", rest @ ..] if state.settings().control_api => control::serve(state, call, rest),
        ["services", "oauth2", "authorize"] => Ok(authorize::serve(state, call)),
        ["services", "oauth2", "token"] => Ok(oauth::token(state, call)),
        ["services", "oauth2", "revoke"] => Ok(oauth::revoke(state, call)),
        ["services", "oauth2", "introspect"] => Ok(oauth::introspect(state, call)),
        ["services", "oauth2", "userinfo"] => {
            caller(state, call).map(|caller| oauth::user_info(state, &caller))
        }
        ["id", org, user] => caller(state, call).and_then(|_| oauth::identity(state, (*org, *user))),
        ["services", "data"] => Ok(describe::versions()),
        ["services", "data", version, rest @ ..] => data(state, call, version, rest),
        _ => Err(ApiError::not_found()),
    };
    result.unwrap_or_else(|error| error.answer())
}

/// Calls under `/services/data/{version}`: they need a session and count against the allowance.
fn data(state: &State, call: &Call, version: &str, rest: &[&str]) -> Result<Answer, ApiError> {
    let number = describe::version(version).ok_or_else(ApiError::not_found)?;
    let caller = caller(state, call)?;
    if !state.charge() {
        return Ok(struck::daily_limit());
    }
    let base = format!("/services/data/{version}");
    // Writers take turns: a composite request is one transaction.
    let turn = kind(call).writes().then(|| state.write_turn());
    let answer = match rest {
        ["composite"] => composite::serve(state, call, &caller),
        _ => resource(state, call, &caller, rest, &base),
    };
    drop(turn);
    state.bell.notify_one();
    let answer = answer?;
    if number < state.settings().oldest_supported_version {
        let text = format!("299 - \"This API version is deprecated. Use v{}.0.\"", describe::NEWEST_VERSION);
        return Ok(answer.with(http::header::WARNING, &text));
    }
    Ok(answer)
}

/// What follows `/services/data/{version}`, composite requests apart.
pub(super) fn resource(
    state: &State,
    call: &Call,
    caller: &Caller,
    rest: &[&str],
    base: &str,
) -> Result<Answer, ApiError> {
    let get = || only_get(call);
    match rest {
        [] => get().map(|()| describe::resources(base)),
        ["limits"] => get().map(|()| limits::limits(state)),
        ["query"] => get().and_then(|()| query::first_page(state, call, caller, base, false)),
        ["queryAll"] => get().and_then(|()| query::first_page(state, call, caller, base, true)),
        ["query" | "queryAll", locator] => {
            get().and_then(|()| query::next_page(state, caller, base, locator))
        }
        ["sobjects"] => get().map(|()| describe::global(state, call, base)),
        ["sobjects", object] => match call.method {
            Method::GET => describe::basic(&state.org(), object, base),
            Method::POST => rows::create(state, call, caller, object, base),
            _ => Err(ApiError::method(&call.method, "GET,POST")),
        },
        ["sobjects", object, "describe"] => get().and_then(|()| describe::object(state, call, object, base)),
        ["sobjects", object, "updated"] => get().and_then(|()| replication::updated(state, call, object)),
        ["sobjects", object, "deleted"] => get().and_then(|()| replication::deleted(state, call, object)),
        ["sobjects", object, id] => rows::by_id(state, call, caller, (*object, *id), base),
        ["sobjects", object, field, key] => rows::by_key(state, call, caller, (*object, *field, *key), base),
        ["composite", "sobjects"] => collections::write(state, call, caller),
        ["composite", "sobjects", object] => collections::read(state, call, object, base),
        ["composite", "sobjects", object, field] if call.method == Method::PATCH => {
            collections::upsert(state, call, caller, object, field)
        }
        ["composite", "sobjects", ..] => Err(ApiError::method(&call.method, "PATCH")),
        _ => Err(ApiError::not_found()),
    }
}

fn only_get(call: &Call) -> Result<(), ApiError> {
    if matches!(call.method, Method::GET | Method::HEAD) {
        Ok(())
    } else {
        Err(ApiError::method(&call.method, "GET,HEAD"))
    }
}

fn caller(state: &State, call: &Call) -> Result<Caller, ApiError> {
    let token = request::token(call)?;
    let timeout = oauth::timeout_ms(state);
    let mut sessions = state.sessions();
    let session = sessions.touch(token, state.clock.now_ms(), timeout).ok_or_else(ApiError::session)?;
    if !session.scope.split(' ').any(|scope| scope == "api" || scope == "full") {
        let message = "This session is not valid for use with the REST API";
        return Err(ApiError::new(401, "INVALID_SESSION_ID", message));
    }
    Ok(Caller { token: token.to_owned(), user: session.user })
}
