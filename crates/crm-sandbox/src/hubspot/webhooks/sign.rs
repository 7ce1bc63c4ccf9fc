//! Signatures of requests to the receiver.

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{OldSignature, WebhookSettings};

const OLD: HeaderName = HeaderName::from_static("x-hubspot-signature");
const OLD_VERSION: HeaderName = HeaderName::from_static("x-hubspot-signature-version");
const V3: HeaderName = HeaderName::from_static("x-hubspot-signature-v3");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-hubspot-request-timestamp");

/// Escapes that stand for themselves in what version 3 signs.
const DECODED: [(&str, &str); 12] = [
    ("%3A", ":"),
    ("%2F", "/"),
    ("%3F", "?"),
    ("%40", "@"),
    ("%21", "!"),
    ("%24", "$"),
    ("%27", "'"),
    ("%28", "("),
    ("%29", ")"),
    ("%2A", "*"),
    ("%2C", ","),
    ("%3B", ";"),
];

/// The headers that prove where a POST comes from. `timestamp` in milliseconds.
pub(super) fn headers(
    settings: &WebhookSettings,
    secret: &str,
    url: &str,
    body: &str,
    timestamp: i64,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut add = |name: HeaderName, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    };
    match settings.old_signature {
        OldSignature::V1 => {
            add(OLD, &v1(secret, body));
            add(OLD_VERSION, "v1");
        }
        OldSignature::V2 => {
            add(OLD, &v2(secret, "POST", url, body));
            add(OLD_VERSION, "v2");
        }
        OldSignature::None => {}
    }
    if settings.signature_v3 {
        let timestamp = timestamp.to_string();
        add(V3, &v3(secret, "POST", url, body, &timestamp));
        add(TIMESTAMP, &timestamp);
    }
    headers
}

fn v1(secret: &str, body: &str) -> String {
    sha256_hex(&format!("{secret}{body}"))
}

fn v2(secret: &str, method: &str, url: &str, body: &str) -> String {
    sha256_hex(&format!("{secret}{method}{url}{body}"))
}

fn v3(secret: &str, method: &str, url: &str, body: &str, timestamp: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let text = format!("{method}{}{body}{timestamp}", decoded(url));
    STANDARD.encode(hmac::sign(&key, text.as_bytes()))
}

fn decoded(url: &str) -> String {
    DECODED.iter().fold(url.to_owned(), |url, (escape, letter)| {
        url.replace(escape, letter).replace(&escape.to_lowercase(), letter)
    })
}

fn sha256_hex(text: &str) -> String {
    let sum = digest::digest(&digest::SHA256, text.as_bytes());
    sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_match_published_vectors() {
        let secret = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
        let url = "https://www.example.com/webhook_uri";
        // HubSpot's documentation, and the tests of its SDK.
        assert_eq!(
            v2(secret, "GET", url, ""),
            "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e"
        );
        assert_eq!(
            v2(secret, "POST", url, "{\"example_field\":\"example_value\"}"),
            "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900"
        );
    }

    #[test]
    fn known_escapes_are_signed_as_what_they_stand_for() {
        assert_eq!(decoded("http://h/a%2Fb?c=%40%20%c3&d=%3b"), "http://h/a/b?c=@%20%c3&d=;");
    }
}
