//! Whether a call is HubSpot's, by its signature.

use std::borrow::Cow;
use std::fmt::Write;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};

/// How far a call's time stamp may lie from now, milliseconds, in either direction.
pub const MAX_AGE_MS: i64 = 300_000;

/// The escapes that HubSpot takes back before it signs an address, and nothing else.
const DECODED: [(&str, char); 12] = [
    ("3A", ':'),
    ("2F", '/'),
    ("3F", '?'),
    ("40", '@'),
    ("21", '!'),
    ("24", '$'),
    ("27", '\''),
    ("28", '('),
    ("29", ')'),
    ("2A", '*'),
    ("2C", ','),
    ("3B", ';'),
];

/// What is signed, and how. Header values are as they came.
#[derive(Clone, Copy, Debug, Default)]
pub struct SignedRequest<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The whole address as HubSpot called it: `https://host/path?query`.
    pub uri: &'a str,
    /// The body, byte for byte.
    pub body: &'a [u8],
    /// `X-HubSpot-Signature-v3`.
    pub signature_v3: Option<&'a str>,
    /// `X-HubSpot-Request-Timestamp`: milliseconds since 1970.
    pub timestamp: Option<&'a str>,
    /// `X-HubSpot-Signature`.
    pub signature: Option<&'a str>,
    /// `X-HubSpot-Signature-Version`: `v1` or `v2`.
    pub version: Option<&'a str>,
}

/// By which scheme a call was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// SHA-256 over secret and body.
    V1,
    /// SHA-256 over secret, method, address and body.
    V2,
    /// HMAC-SHA256 over method, address, body and time.
    V3,
}

/// Why a call is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no signature, or only one of a version that is not accepted.
    #[error("the call carries no signature of an accepted version")]
    Unsigned,
    /// The time stamp is missing or no number.
    #[error("the call's time stamp is missing or can't be read")]
    BadTimestamp,
    /// The call is older than five minutes, or from a clock that is ahead by more.
    #[error("the call's time stamp is more than five minutes away from now; check this machine's clock")]
    OutOfTime,
    /// It was not made with this secret for this call.
    #[error("the signature does not fit; check the client secret and the public address")]
    Mismatch,
}

/// Tells by which scheme a call is signed with one of these secrets.
///
/// A call that carries a signature of the third version is judged by that one alone: an older one beside it does
/// not help it. The older ones have no time and can be repeated for ever, the first can even be extended, so they
/// count only where `accept_older` says so. Signatures are compared in constant time.
///
/// # Errors
/// [`Refused`], without the signature or the secret.
pub fn verify<K: AsRef<[u8]>>(
    secrets: &[K],
    request: &SignedRequest<'_>,
    now: DateTime<Utc>,
    accept_older: bool,
) -> Result<Version, Refused> {
    if let Some(signature) = request.signature_v3 {
        return verify_v3(secrets, request, signature, now);
    }
    let (Some(signature), true) = (request.signature, accept_older) else { return Err(Refused::Unsigned) };
    let version = match request.version {
        Some("v1") => Version::V1,
        Some("v2") => Version::V2,
        _ => return Err(Refused::Unsigned),
    };
    verify_older(secrets, request, signature, version)
}

fn verify_v3<K: AsRef<[u8]>>(
    secrets: &[K],
    request: &SignedRequest<'_>,
    signature: &str,
    now: DateTime<Utc>,
) -> Result<Version, Refused> {
    let timestamp = request.timestamp.ok_or(Refused::BadTimestamp)?;
    let is_number = !timestamp.is_empty() && timestamp.bytes().all(|b| b.is_ascii_digit());
    let millis: i64 = timestamp.parse().ok().filter(|_| is_number).ok_or(Refused::BadTimestamp)?;
    if now.timestamp_millis().abs_diff(millis) > MAX_AGE_MS.unsigned_abs() {
        return Err(Refused::OutOfTime);
    }
    let signature = STANDARD.decode(signature).map_err(|_| Refused::Mismatch)?;
    let fits = secrets.iter().any(|secret| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref());
        spellings(request.uri).any(|uri| {
            let mut signed = hmac::Context::with_key(&key);
            for part in [request.method.as_bytes(), uri.as_bytes(), request.body, timestamp.as_bytes()] {
                signed.update(part);
            }
            verify_slices_are_equal(signed.sign().as_ref(), &signature).is_ok()
        })
    });
    if fits { Ok(Version::V3) } else { Err(Refused::Mismatch) }
}

fn verify_older<K: AsRef<[u8]>>(
    secrets: &[K],
    request: &SignedRequest<'_>,
    signature: &str,
    version: Version,
) -> Result<Version, Refused> {
    let signature = signature.to_ascii_lowercase();
    let fits = secrets.iter().any(|secret| {
        let secret = secret.as_ref();
        spellings(request.uri).any(|uri| {
            let made = match version {
                Version::V1 => sha256_hex(&[secret, request.body]),
                _ => sha256_hex(&[secret, request.method.as_bytes(), uri.as_bytes(), request.body]),
            };
            verify_slices_are_equal(made.as_bytes(), signature.as_bytes()).is_ok()
        })
    });
    if fits { Ok(version) } else { Err(Refused::Mismatch) }
}

/// The address as it was called, and as HubSpot's documents sign it; its own helpers sign it undecoded.
fn spellings(uri: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let decoded = decoded(uri);
    [Some(Cow::Borrowed(uri)), (decoded != uri).then_some(Cow::Owned(decoded))].into_iter().flatten()
}

fn decoded(uri: &str) -> String {
    let mut parts = uri.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let escape = part.get(..2).map(str::to_ascii_uppercase);
        match DECODED.iter().find(|(code, _)| escape.as_deref() == Some(*code)) {
            Some((_, plain)) => {
                out.push(*plain);
                out.push_str(&part[2..]);
            }
            None => {
                out.push('%');
                out.push_str(part);
            }
        }
    }
    out
}

pub(crate) fn sha256_hex(parts: &[&[u8]]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hex = String::with_capacity(64);
    for byte in context.finish().as_ref() {
        // Writing to a string can't fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests;
