//! A request as a provider writes it.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use serde::Serialize;

use crate::error::HttpError;
use crate::limit::RateLimiter;

/// One call to a provider's API. `Debug` shows neither query values, header values, nor the body.
#[derive(Clone)]
pub struct ApiRequest {
    pub(crate) call: &'static str,
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) segments: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    pub(crate) repeatable: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_response_bytes: Option<usize>,
    pub(crate) logged_path: Option<&'static str>,
    pub(crate) limiter: Option<RateLimiter>,
}

impl ApiRequest {
    /// A request. `call` names it in errors and logs, e.g. `query opportunities`. `target` is a path on the
    /// connection's server, or an address from an answer, which is followed only if it lies there as well.
    ///
    /// GET, HEAD, PUT, DELETE, OPTIONS and TRACE may be repeated after a failure (RFC 9110, section 9.2.2);
    /// others only when [`repeatable`](Self::repeatable) says so.
    pub fn new(call: &'static str, method: Method, target: impl Into<String>) -> Self {
        let repeatable = method.is_idempotent();
        Self {
            call,
            method,
            target: target.into(),
            segments: Vec::new(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: None,
            repeatable,
            timeout: None,
            max_response_bytes: None,
            logged_path: None,
            limiter: None,
        }
    }

    /// A GET.
    pub fn get(call: &'static str, target: impl Into<String>) -> Self {
        Self::new(call, Method::GET, target)
    }

    /// A POST; not repeatable unless told.
    pub fn post(call: &'static str, target: impl Into<String>) -> Self {
        Self::new(call, Method::POST, target)
    }

    /// A PATCH; not repeatable unless told.
    pub fn patch(call: &'static str, target: impl Into<String>) -> Self {
        Self::new(call, Method::PATCH, target)
    }

    /// A DELETE.
    pub fn delete(call: &'static str, target: impl Into<String>) -> Self {
        Self::new(call, Method::DELETE, target)
    }

    /// What it is called in errors and logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.call
    }

    /// Appends one path segment, escaped: for ids and other text that is not ours.
    #[must_use]
    pub fn segment(mut self, text: impl Into<String>) -> Self {
        self.segments.push(text.into());
        self
    }

    /// Appends a query parameter, escaped.
    #[must_use]
    pub fn query(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((key.into(), value.into()));
        self
    }

    /// Sets a header. `Authorization` is set by the client and can't be replaced.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// A body of any kind.
    #[must_use]
    pub fn body(mut self, content_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        self.headers.insert(CONTENT_TYPE, content_type);
        self.body = Some(body.into());
        self
    }

    /// A JSON body.
    ///
    /// # Errors
    /// [`HttpError::InvalidRequest`] if `value` has no JSON form.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, HttpError> {
        let reason = "the body has no json form";
        let bytes =
            serde_json::to_vec(value).map_err(|_| HttpError::InvalidRequest { call: self.call, reason })?;
        Ok(self.body(HeaderValue::from_static("application/json"), bytes))
    }

    /// Whether sending it twice does no harm, e.g. a search sent as POST, or an upsert by external id.
    /// Default: by the method.
    #[must_use]
    pub fn repeatable(mut self, repeatable: bool) -> Self {
        self.repeatable = repeatable;
        self
    }

    /// Time allowed for one try, body included, instead of the client's total time-out.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Bytes allowed in the answer after decompression, instead of the client's limit.
    #[must_use]
    pub fn max_response_bytes(mut self, bytes: usize) -> Self {
        self.max_response_bytes = Some(bytes);
        self
    }

    /// The bucket that this call takes its turn from, instead of the client's: for calls that the provider counts
    /// on their own. What the answer says about waiting counts for this bucket.
    #[must_use]
    pub fn limiter(mut self, limiter: RateLimiter) -> Self {
        self.limiter = Some(limiter);
        self
    }

    /// Shown in logs instead of the path, for paths that hold customers' data, e.g. `/rows/{external id}`.
    #[must_use]
    pub fn logged_path(mut self, pattern: &'static str) -> Self {
        self.logged_path = Some(pattern);
        self
    }
}

impl fmt::Debug for ApiRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.target.split(['?', '#']).next().unwrap_or_default();
        let keys: Vec<_> = self.query.iter().map(|(key, _)| key).collect();
        f.debug_struct("ApiRequest")
            .field("call", &self.call)
            .field("method", &self.method)
            .field("path", &self.logged_path.unwrap_or(path))
            .field("query_keys", &keys)
            .field("headers", &crate::redact::headers(&self.headers))
            .field("body_length", &self.body.as_ref().map(Bytes::len))
            .field("repeatable", &self.repeatable)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_that_may_be_repeated_are_those_of_the_standard() {
        let repeatable = |method| ApiRequest::new("test", method, "/").repeatable;
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS] {
            assert!(repeatable(method.clone()), "{method}");
        }
        assert!(!repeatable(Method::POST) && !repeatable(Method::PATCH));
        assert!(ApiRequest::post("search", "/").repeatable(true).repeatable);
    }

    #[test]
    fn debug_shows_no_values() {
        let request = ApiRequest::post("write", "/rows?after=s3cr3t")
            .query("email", "s3cr3t")
            .header(HeaderName::from_static("x-key"), HeaderValue::from_static("s3cr3t"))
            .json(&"s3cr3t")
            .unwrap();
        let shown = format!("{request:?}");
        assert!(!shown.contains("s3cr3t") && shown.contains("email") && shown.contains("/rows"), "{shown}");
        let shown = format!("{:?}", ApiRequest::get("read", "/rows/s3cr3t").logged_path("/rows/{id}"));
        assert!(!shown.contains("s3cr3t") && shown.contains("/rows/{id}"), "{shown}");
    }
}
