//! The JWT bearer login: the app's key pair, and what an assertion must say.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;

/// Assertions may expire at most this far ahead, in seconds.
const MAX_LIFETIME_S: i64 = 180;

/// The app's RSA key pair. Made when first asked for: it takes a moment, and few tests log in this way.
pub(crate) struct JwtKey {
    public: Vec<u8>,
    private_pem: String,
}

/// The key pair could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("could not make an rsa key pair; check the system's source of randomness")]
pub struct KeyError;

impl JwtKey {
    pub(crate) fn generate() -> Result<Self, KeyError> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError)?;
        let private: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError)?;
        Ok(Self {
            public: pair.public_key().as_ref().to_vec(),
            private_pem: pem("PRIVATE KEY", private.as_ref()),
        })
    }

    pub(crate) fn private_pem(&self) -> &str {
        &self.private_pem
    }
}

/// What is read out of an assertion.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    pub(crate) aud: String,
    exp: Expiry,
}

/// Some clients send `exp` as a string.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Expiry {
    Number(i64),
    Text(String),
}

/// Checks signature and lifetime, and returns the claims; otherwise the `error_description` to answer.
pub(crate) fn read_assertion(assertion: &str, key: &JwtKey, now_ms: i64) -> Result<Claims, &'static str> {
    let (message, signature) = assertion.rsplit_once('.').ok_or("invalid assertion")?;
    let (header, payload) = message.split_once('.').ok_or("invalid assertion")?;
    let decode =
        |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| "invalid assertion");
    let header: serde_json::Value =
        serde_json::from_slice(&decode(header)?).map_err(|_| "invalid assertion")?;
    if header.get("alg").and_then(serde_json::Value::as_str) != Some("RS256") {
        return Err("algorithm not supported");
    }
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &key.public)
        .verify(message.as_bytes(), &decode(signature)?)
        .map_err(|_| "invalid assertion")?;
    let claims: Claims = serde_json::from_slice(&decode(payload)?).map_err(|_| "invalid assertion")?;
    let exp = match &claims.exp {
        Expiry::Number(exp) => Some(*exp),
        Expiry::Text(exp) => exp.parse().ok(),
    };
    let left = exp.ok_or("invalid assertion")?.saturating_sub(now_ms / 1000);
    if left > 0 && left <= MAX_LIFETIME_S { Ok(claims) } else { Err("expired authorization code") }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = tail;
    }
    out + &format!("-----END {label}-----\n")
}
