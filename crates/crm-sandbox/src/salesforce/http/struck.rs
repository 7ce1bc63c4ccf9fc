//! How Salesforce words the faults that strike a request.

use http::header::RETRY_AFTER;
use serde_json::json;

use super::error::{ApiError, oauth_error};
use crate::faults::Fault;
use crate::wire::{Answer, Call, HTML, JSON};

const MAINTENANCE: &[u8] =
    b"<html><head><title>Maintenance</title></head><body>We are down for maintenance. \
    Sorry for the inconvenience.</body></html>";

/// The answer a fault gives instead of the real one; `None` for faults that work on the connection.
pub(super) fn answer(call: &Call, fault: &Fault) -> Option<Answer> {
    let oauth = matches!(call.path().as_slice(), ["services", "oauth2", ..]);
    oauth.then(|| of_login(fault)).flatten().or_else(|| of_data(fault))
}

/// Login servers have words of their own for some of them.
fn of_login(fault: &Fault) -> Option<Answer> {
    match fault {
        Fault::Unauthorized => Some(oauth_error("invalid_grant", "expired access/refresh token")),
        Fault::BurstLimit
        | Fault::ConcurrentLimit
        | Fault::DailyLimit
        | Fault::TooManyRequests { retry_after_s: None } => {
            Some(oauth_error("rate_limit_exceeded", "login rate exceeded"))
        }
        Fault::InternalError => {
            let body = json!({"error": "unknown_error", "error_description": "retry your request"});
            Some(Answer::json(500, &body))
        }
        _ => None,
    }
}

fn of_data(fault: &Fault) -> Option<Answer> {
    let error = |status, code: &str, message: &str| Some(ApiError::new(status, code, message).answer());
    match fault {
        Fault::Latency { .. }
        | Fault::LateAnswer { .. }
        | Fault::Twice
        | Fault::Drop
        | Fault::DropAnswer
        | Fault::Truncate { .. } => None,
        Fault::Unauthorized => Some(ApiError::session().answer()),
        Fault::DailyLimit => Some(daily_limit()),
        Fault::ConcurrentLimit => {
            error(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded.")
        }
        Fault::BurstLimit | Fault::SearchLimit => error(429, "REQUEST_LIMIT_EXCEEDED", "Too many requests."),
        Fault::TooManyRequests { retry_after_s } => {
            error(429, "REQUEST_LIMIT_EXCEEDED", "Too many requests.").map(|a| wait(a, *retry_after_s))
        }
        Fault::InternalError => error(
            500,
            "UNKNOWN_EXCEPTION",
            "An unexpected error occurred. Please include this ErrorId if you contact support: 1234567-8901",
        ),
        Fault::BadGateway => Some(Answer::bytes(502, HTML, MAINTENANCE.to_vec())),
        Fault::OriginTimeout => Some(Answer::bytes(524, HTML, MAINTENANCE.to_vec())),
        Fault::Unavailable { retry_after_s } | Fault::Migration { retry_after_s } => {
            error(503, "SERVER_UNAVAILABLE", "Server temporarily unavailable")
                .map(|a| wait(a, *retry_after_s))
        }
        Fault::Garbage => {
            Some(Answer::bytes(200, JSON, b"\x1f\x8b\xff{\"totalSize\":1,\"done\":tru".to_vec()))
        }
        Fault::Html => Some(Answer::bytes(200, HTML, MAINTENANCE.to_vec())),
        Fault::Locked => error(423, "ENTITY_IS_LOCKED", "The entity is locked."),
        Fault::LockedRow => error(
            400,
            "UNABLE_TO_LOCK_ROW",
            "unable to obtain exclusive access to this record or 1 records: 001Dn00000000001",
        ),
        Fault::QueryTimeout => error(400, "QUERY_TIMEOUT", "Your query request was running for too long."),
        Fault::InvalidLocator => error(400, "INVALID_QUERY_LOCATOR", "invalid query locator"),
    }
}

/// What every call answers once the daily allowance is used up.
pub(super) fn daily_limit() -> Answer {
    ApiError::new(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.").answer()
}

fn wait(answer: Answer, seconds: Option<u64>) -> Answer {
    match seconds {
        Some(seconds) => answer.with(RETRY_AFTER, &seconds.to_string()),
        None => answer,
    }
}
