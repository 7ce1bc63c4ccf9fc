//! A request taken apart: path segments, query, headers, body.

use std::io::Read as _;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, HeaderMap};
use http::{Method, Uri};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::server::Refusal;

/// The largest body a server reads, before and after unpacking.
pub(super) const MAX_BODY: usize = 50 * 1024 * 1024;

/// One request.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Decoded path segments, without a trailing empty one.
    pub(crate) segments: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Bytes of the request URI.
    pub(crate) uri_len: usize,
    /// Which request this is, counted by the site from 1.
    pub(crate) number: u64,
}

impl Call {
    pub(crate) fn new(method: Method, uri: &Uri, headers: HeaderMap) -> Self {
        let path = uri.path();
        let trimmed = path.strip_prefix('/').unwrap_or(path);
        let trimmed = trimmed.strip_suffix('/').unwrap_or(trimmed);
        let segments =
            trimmed.split('/').map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned());
        let query = uri.query().unwrap_or("");
        Self {
            method,
            segments: segments.collect(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers,
            body: Bytes::new(),
            uri_len: uri.to_string().len(),
            number: 0,
        }
    }

    /// The path, for matching.
    pub(crate) fn path(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// The first query parameter of this name.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A key of an option header such as `Sforce-Query-Options: batchSize=500, other=1`.
    pub(crate) fn option(&self, header: &str, key: &str) -> Option<&str> {
        self.header(header)?.split([',', ';']).find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case(key).then(|| value.trim())
        })
    }

    /// The JSON body.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }

    /// The body of a form.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// Unpacks a gzip body in place.
    pub(super) fn unpack(&mut self) -> Result<(), Refusal> {
        let packed = self.headers.get(CONTENT_ENCODING).is_some_and(|value| value.as_bytes() == b"gzip");
        if packed {
            let mut plain = Vec::new();
            let limit = MAX_BODY as u64 + 1;
            let mut reader = flate2::read::GzDecoder::new(&self.body[..]).take(limit);
            reader.read_to_end(&mut plain).map_err(|_| Refusal::BadGzip)?;
            if plain.len() > MAX_BODY {
                return Err(Refusal::BodyTooLarge);
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
