//! A request's body: bounded in length and in time.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::SemaphorePermit;
use tokio::time::timeout;

use super::{Denied, Shared, units};

/// A body, with the room it takes.
pub(super) struct Whole<'s> {
    pub(super) bytes: Bytes,
    _room: SemaphorePermit<'s>,
}

/// Reads a body whole.
pub(super) async fn read<'s>(
    shared: &'s Shared,
    headers: &HeaderMap,
    body: Body,
) -> Result<Whole<'s>, Denied> {
    let limits = &shared.limits;
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let length: usize = announced.unwrap_or(limits.body_bytes);
    if length > limits.body_bytes {
        return Err(too_large());
    }
    let too_much = |_| Denied::PutOff(StatusCode::SERVICE_UNAVAILABLE, "too many bytes at once");
    let room = shared.bytes.try_acquire_many(units(length)).map_err(too_much)?;
    let whole = timeout(limits.body_time, Limited::new(body, limits.body_bytes).collect()).await;
    match whole {
        Ok(Ok(whole)) => Ok(Whole { bytes: whole.to_bytes(), _room: room }),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Denied::Refused(StatusCode::BAD_REQUEST, "the body broke off")),
        Err(_too_slow) => {
            Err(Denied::Refused(StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive"))
        }
    }
}

fn too_large() -> Denied {
    Denied::Refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than a call may be")
}
