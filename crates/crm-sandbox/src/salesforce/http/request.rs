//! A request taken apart: path segments, query, body, and the session behind it.

use std::io::Read as _;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, HeaderMap};
use http::{Method, Uri};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::error::ApiError;
use crate::salesforce::model::RecordId;

/// The largest body the server reads, before and after unpacking.
pub(super) const MAX_BODY: usize = 50 * 1024 * 1024;

/// One request.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    /// Decoded path segments, without a trailing empty one.
    pub(super) segments: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// The caller, once the token has been checked.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) token: String,
    pub(super) user: RecordId,
}

impl Call {
    pub(super) fn new(method: Method, uri: &Uri, headers: HeaderMap) -> Self {
        let path = uri.path();
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        let segments = path.split('/').map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned());
        let query = uri.query().unwrap_or("");
        let query: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let mut call = Self { method, segments: segments.collect(), query, headers, body: Bytes::new() };
        if call.method == Method::POST
            && let Some(Ok(method)) =
                call.param("_HttpMethod").map(|name| Method::from_bytes(name.as_bytes()))
        {
            call.method = method;
        }
        call
    }

    /// The path, for matching.
    pub(super) fn path(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// The first query parameter of this name.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The API version in the path.
    pub(super) fn version(&self) -> Option<u32> {
        super::describe::version(self.segments.get(2)?)
    }

    /// A key of an option header such as `Sforce-Query-Options: batchSize=500, other=1`.
    pub(super) fn option(&self, header: &str, key: &str) -> Option<&str> {
        self.header(header)?.split([',', ';']).find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case(key).then(|| value.trim())
        })
    }

    /// The bearer token; `OAuth` is an older name of the scheme.
    pub(super) fn token(&self) -> Result<&str, ApiError> {
        let header = self.headers.get(AUTHORIZATION).ok_or_else(ApiError::session)?;
        let bad = || ApiError::new(401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE");
        let (scheme, token) = header.to_str().map_err(|_| bad())?.split_once(' ').ok_or_else(bad)?;
        if scheme.eq_ignore_ascii_case("Bearer") || scheme.eq_ignore_ascii_case("OAuth") {
            Ok(token.trim())
        } else {
            Err(bad())
        }
    }

    /// The JSON body.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_json::from_slice(&self.body).map_err(|error| ApiError::json(&error))
    }

    /// The body of a form.
    pub(super) fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// Unpacks a gzip body in place.
    pub(super) fn unpack(&mut self) -> Result<(), ApiError> {
        let packed = self.headers.get(CONTENT_ENCODING).is_some_and(|value| value.as_bytes() == b"gzip");
        if packed {
            let mut plain = Vec::new();
            let limit = MAX_BODY as u64 + 1;
            flate2::read::GzDecoder::new(&self.body[..]).take(limit).read_to_end(&mut plain).map_err(
                |_| ApiError::bad_request("JSON_PARSER_ERROR", "the request body is not valid gzip"),
            )?;
            if plain.len() > MAX_BODY {
                return Err(too_large());
            }
            self.body = plain.into();
        }
        Ok(())
    }

    /// Whether the client takes gzip.
    pub(super) fn takes_gzip(&self) -> bool {
        self.header("accept-encoding").is_some_and(|value| value.contains("gzip"))
    }
}

pub(super) fn too_large() -> ApiError {
    ApiError::new(413, "REQUEST_ENTITY_TOO_LARGE", "the request body is larger than 50 MB")
}
