//! OAuth 2.0 JWT bearer grants (RFC 7523), signed with RS256.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::{AuthStrategy, Grant, TokenRequest};
use crate::endpoint::TokenEndpoint;
use crate::error::AuthError;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Providers refuse assertions that end later than this; the default leaves a minute for clocks that differ.
const LONGEST: Duration = Duration::from_secs(180);
const DEFAULT_LIFETIME: Duration = Duration::from_secs(120);

/// What to sign, and with which key. `Debug` never shows the key.
#[derive(Debug, Clone)]
pub struct JwtBearerConfig {
    /// `iss`: the client id.
    pub client_id: String,
    /// `sub`: the user to act as.
    pub subject: String,
    /// `aud`: the authorisation server as it names itself; not always the endpoint's host.
    pub audience: String,
    /// RSA private key, PEM, PKCS#1 or PKCS#8.
    pub private_key_pem: SecretString,
    /// How far ahead `exp` lies: above zero, at most three minutes. `None`: two minutes.
    pub lifetime: Option<Duration>,
}

/// The application vouches for a user with a signed assertion; every exchange signs a new one.
#[derive(Clone)]
pub struct JwtBearer {
    endpoint: TokenEndpoint,
    issuer: String,
    subject: String,
    audience: String,
    lifetime: Duration,
    key: EncodingKey,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
}

impl JwtBearer {
    /// Checks the key and the lifetime.
    ///
    /// # Errors
    /// [`AuthError::Configuration`] with code `private_key` or `assertion_lifetime`.
    pub fn new(endpoint: TokenEndpoint, config: JwtBearerConfig) -> Result<Self, AuthError> {
        let lifetime = config.lifetime.unwrap_or(DEFAULT_LIFETIME);
        if lifetime < Duration::from_secs(1) || lifetime > LONGEST {
            return Err(AuthError::configuration("assertion_lifetime"));
        }
        // The parser's own error is dropped on purpose: it may quote the key.
        let key = EncodingKey::from_rsa_pem(config.private_key_pem.expose_secret().as_bytes())
            .map_err(|_| AuthError::configuration("private_key"))?;
        let JwtBearerConfig { client_id, subject, audience, .. } = config;
        Ok(Self { endpoint, issuer: client_id, subject, audience, lifetime, key })
    }
}

#[async_trait]
impl AuthStrategy for JwtBearer {
    fn name(&self) -> &'static str {
        "jwt_bearer"
    }

    async fn obtain(&self, request: &TokenRequest) -> Result<Grant, AuthError> {
        let lifetime = i64::try_from(self.lifetime.as_secs()).unwrap_or_default();
        let exp = request.now.timestamp() + lifetime;
        let claims = Claims { iss: &self.issuer, sub: &self.subject, aud: &self.audience, exp };
        let assertion: SecretString =
            jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &self.key)
                .map_err(|_| AuthError::configuration("private_key"))?
                .into();
        let form = [("grant_type", GRANT_TYPE), ("assertion", assertion.expose_secret())];
        self.endpoint.exchange(&form, None, request.now).await
    }
}

impl fmt::Debug for JwtBearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtBearer")
            .field("endpoint", &self.endpoint)
            .field("issuer", &self.issuer)
            .field("subject", &self.subject)
            .field("audience", &self.audience)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}
