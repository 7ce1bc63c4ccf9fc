//! What goes back: status, headers, body; and how it is compressed or broken off.

use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::body::{Body, Frame, SizeHint};
use serde::Serialize;

pub(crate) const JSON: &str = "application/json;charset=UTF-8";
pub(crate) const HTML: &str = "text/html;charset=UTF-8";

/// Smaller bodies don't gain from compression.
const MIN_GZIP: usize = 512;

/// One answer before it is sent.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub(crate) fn bytes(status: u16, content_type: &'static str, body: Vec<u8>) -> Self {
        let mut answer = Self { status, headers: HeaderMap::new(), body };
        answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        answer
    }

    pub(crate) fn json(status: u16, body: &impl Serialize) -> Self {
        // Only maps with keys that are not strings can fail, and there are none.
        Self::bytes(status, JSON, serde_json::to_vec(body).unwrap_or_default())
    }

    /// Adds a header; values that can't be one are left out.
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Compresses the body, if that pays.
    pub(crate) fn gzip(mut self) -> Self {
        if self.body.len() < MIN_GZIP {
            return self;
        }
        let mut encoder = GzEncoder::new(Vec::with_capacity(self.body.len() / 4), Compression::fast());
        // Writing into a Vec can't fail; if it did, the plain body would still be right.
        if encoder.write_all(&self.body).is_ok()
            && let Ok(packed) = encoder.finish()
        {
            self.body = packed;
            self.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        self
    }

    /// Indents a JSON body.
    pub(crate) fn pretty(mut self) -> Self {
        self.body = indent(&self.body);
        self
    }
}

/// The body on its way out, possibly cut off.
pub(crate) struct Outgoing {
    left: Option<Bytes>,
    /// What the length header promises.
    promised: u64,
    broken: Broken,
}

/// Where a cut-off body stands: the cut comes only after what went before has been flushed.
enum Broken {
    No,
    AfterFlush,
    Now,
}

impl Outgoing {
    pub(crate) fn whole(body: Vec<u8>) -> Self {
        Self { promised: body.len() as u64, left: Some(body.into()), broken: Broken::No }
    }

    /// Sends the first `keep` bytes, then breaks the connection.
    pub(crate) fn cut(mut body: Vec<u8>, keep: usize) -> Self {
        let promised = (body.len() as u64).max(keep as u64 + 1);
        body.truncate(keep);
        Self { promised, left: Some(body.into()), broken: Broken::AfterFlush }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if let Some(data) = self.left.take().filter(|data| !data.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match self.broken {
            Broken::No => Poll::Ready(None),
            Broken::AfterFlush => {
                self.broken = Broken::Now;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Broken::Now => Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionAborted.into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.broken, Broken::No) && self.left.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.promised)
    }
}

/// Puts line breaks and two-space indents between the tokens of a JSON text.
fn indent(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let break_line = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        out.extend(std::iter::repeat_n(b' ', depth * 2));
    };
    for (i, &byte) in json.iter().enumerate() {
        if in_string {
            out.push(byte);
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        let empty = matches!(json.get(i + 1), Some(b'}' | b']'));
        match byte {
            b'{' | b'[' => {
                out.push(byte);
                depth += 1;
                if !empty {
                    break_line(&mut out, depth);
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if !matches!(out.last(), Some(b'{' | b'[')) {
                    break_line(&mut out, depth);
                }
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                break_line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b" : "),
            _ => {
                in_string = byte == b'"';
                out.push(byte);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indented_json_means_the_same() {
        let json = br#"{"a":[1,{"b":"x,\"{y"}],"c":{},"d":[]}"#;
        let pretty = indent(json);
        let read = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
        assert_eq!(read(&pretty), read(json));
        assert!(String::from_utf8(pretty).unwrap().contains("\n  \"c\" : {},"));
    }
}
