//! An answer as a provider reads it.

use std::fmt;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use crate::error::HttpError;
use crate::redact;

/// A whole answer, decompressed. `Debug` shows neither the body nor headers that may be secret.
#[derive(Clone)]
pub struct ApiResponse {
    pub(crate) call: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl ApiResponse {
    /// HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// All headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// One header as text; `None` if it is absent or not text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body. Cloning the result copies nothing.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.body
    }

    /// The body read as JSON.
    ///
    /// # Errors
    /// [`HttpError::Malformed`] with the media type, the length and the position, never with content.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, HttpError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // The parser's message may quote a value, so only its position is kept.
            let position = format!(", unreadable at line {} column {}", error.line(), error.column());
            self.malformed("json", position)
        })
    }

    /// The error for a body that a provider could not read.
    ///
    /// `position` is appended to the message as it is, and must hold no content.
    #[must_use]
    pub fn malformed(&self, expected: &'static str, position: String) -> HttpError {
        let content_type = self.header(CONTENT_TYPE.as_str()).unwrap_or("no content type").to_owned();
        HttpError::Malformed { call: self.call, expected, content_type, length: self.body.len(), position }
    }
}

impl fmt::Debug for ApiResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiResponse")
            .field("call", &self.call)
            .field("status", &self.status)
            .field("headers", &redact::headers(&self.headers))
            .field("length", &self.body.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(content_type: Option<&'static str>, body: &'static str) -> ApiResponse {
        let headers = content_type.map(|text| (CONTENT_TYPE, text.parse().unwrap())).into_iter().collect();
        ApiResponse {
            call: "query rows",
            status: StatusCode::OK,
            headers,
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[test]
    fn json_is_read() {
        assert_eq!(response(None, "[1,2]").json::<Vec<u8>>().unwrap(), [1, 2]);
    }

    #[test]
    fn page_instead_of_json_is_described_without_its_content() {
        let error = response(Some("text/html"), "<html>s3cr3t").json::<Vec<u8>>().unwrap_err();
        let text = error.to_string();
        assert_eq!(
            text,
            "query rows expected json, got 12 bytes of text/html, unreadable at line 1 column 1"
        );
        let error = response(None, r#"["s3cr3t"]"#).json::<Vec<u8>>().unwrap_err();
        assert!(
            error.to_string().contains("no content type") && !format!("{error:?}").contains("s3cr3t"),
            "{error:?}"
        );
    }

    #[test]
    fn debug_shows_no_content() {
        let shown = format!("{:?}", response(Some("text/plain"), "s3cr3t"));
        assert!(!shown.contains("s3cr3t") && shown.contains("text/plain"), "{shown}");
    }
}
