//! How HubSpot words the faults that strike a request.

use http::header::RETRY_AFTER;
use serde_json::json;

use super::error::ApiError;
use crate::faults::Fault;
use crate::hubspot::auth::BadToken;
use crate::hubspot::limits::Limited;
use crate::hubspot::state::State;
use crate::wire::{Answer, Call, HTML, JSON};

const EDGE_PAGE: &[u8] = b"<!DOCTYPE html><html><head><title>hubapi.com | Error</title></head><body>\
    <h1>Something went wrong at the edge</h1></body></html>";

/// The answer a fault gives instead of the real one; `None` for faults that work on the connection.
pub(super) fn answer(state: &State, call: &Call, fault: &Fault) -> Option<Answer> {
    let page = |status| Some(Answer::bytes(status, HTML, EDGE_PAGE.to_vec()));
    let error = |status, category: &str, message: &str| {
        Some(ApiError::new(status, category, message).answer(state, call))
    };
    let app = &state.credentials;
    let limited = |limit| Some(ApiError::limited(limit, app.app_id, app.portal_id).answer(state, call));
    match fault {
        Fault::Latency { .. }
        | Fault::LateAnswer { .. }
        | Fault::Twice
        | Fault::Drop
        | Fault::DropAnswer
        | Fault::Truncate { .. } => None,
        Fault::Unauthorized if call.path().first() == Some(&"oauth") => {
            let message = "missing or invalid refresh token";
            let body = json!({
                "status": "BAD_REFRESH_TOKEN",
                "message": message,
                "error": "invalid_grant",
                "error_description": message,
            });
            Some(Answer::json(400, &body))
        }
        Fault::Unauthorized => {
            let now = state.clock.now_ms();
            let expired = ApiError::bad_token(BadToken::Expired(now.saturating_sub(75_000)), now);
            Some(expired.answer(state, call))
        }
        Fault::DailyLimit => limited(Limited::Daily),
        Fault::BurstLimit | Fault::ConcurrentLimit => limited(Limited::TenSecondly),
        Fault::SearchLimit => limited(Limited::Secondly),
        Fault::TooManyRequests { retry_after_s } => {
            limited(Limited::TenSecondly).map(|answer| wait(answer, *retry_after_s))
        }
        Fault::InternalError => error(500, "INTERNAL_ERROR", "internal error"),
        Fault::BadGateway => page(502),
        Fault::Unavailable { retry_after_s } => page(503).map(|answer| wait(answer, *retry_after_s)),
        Fault::OriginTimeout => page(524),
        Fault::Migration { retry_after_s } => {
            let message = "This account is being moved to another data center.";
            error(477, "MIGRATION_IN_PROGRESS", message).map(|answer| wait(answer, *retry_after_s))
        }
        Fault::Locked | Fault::LockedRow => {
            error(423, "LOCKED", "The resource is locked by a bulk operation; try again in two seconds.")
        }
        Fault::QueryTimeout => page(504),
        Fault::InvalidLocator => error(400, "VALIDATION_ERROR", "The given 'after' is not valid any more"),
        Fault::Garbage => Some(Answer::bytes(200, JSON, b"\x1f\x8b\xff{\"results\":[{\"id\":\"51".to_vec())),
        Fault::Html => page(200),
    }
}

/// Sent by an edge server, so it is no JSON.
pub(super) fn uri_too_long() -> Answer {
    Answer::bytes(414, HTML, b"<html><body><h1>414 Request-URI Too Large</h1></body></html>".to_vec())
}

fn wait(answer: Answer, seconds: Option<u64>) -> Answer {
    match seconds {
        Some(seconds) => answer.with(RETRY_AFTER, &seconds.to_string()),
        None => answer,
    }
}
