//! What Salesforce reads from a request, and who is behind it.

use http::Method;
use http::header::AUTHORIZATION;

use super::error::ApiError;
use crate::salesforce::model::RecordId;
pub(super) use crate::wire::Call;

/// The caller, once the token has been checked.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) token: String,
    pub(super) user: RecordId,
}

/// Clients that can't send every method name the real one in the query.
pub(super) fn override_method(call: &mut Call) {
    if call.method == Method::POST
        && let Some(Ok(method)) = call.param("_HttpMethod").map(|name| Method::from_bytes(name.as_bytes()))
    {
        call.method = method;
    }
}

/// The API version in the path.
pub(super) fn version(call: &Call) -> Option<u32> {
    super::describe::version(call.segments.get(2)?)
}

/// The bearer token; `OAuth` is an older name of the scheme.
pub(super) fn token(call: &Call) -> Result<&str, ApiError> {
    let header = call.headers.get(AUTHORIZATION).ok_or_else(ApiError::session)?;
    let bad = || ApiError::new(401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE");
    let (scheme, token) = header.to_str().map_err(|_| bad())?.split_once(' ').ok_or_else(bad)?;
    if scheme.eq_ignore_ascii_case("Bearer") || scheme.eq_ignore_ascii_case("OAuth") {
        Ok(token.trim())
    } else {
        Err(bad())
    }
}
