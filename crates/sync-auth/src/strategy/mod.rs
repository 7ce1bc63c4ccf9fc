//! The ways to get an access token.

mod client_credentials;
mod jwt_bearer;
mod refresh_token;
mod static_token;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;

use crate::error::AuthError;
use crate::token::AccessToken;

pub use client_credentials::ClientCredentials;
pub use jwt_bearer::{JwtBearer, JwtBearerConfig};
pub use refresh_token::RefreshToken;
pub use static_token::StaticToken;

/// One way to get an access token. Stateless: what has to last is handed in and out, and an
/// [`Authenticator`](crate::Authenticator) keeps it and sees to it that nobody asks twice at a time.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait AuthStrategy: Send + Sync {
    /// A short name for logs, e.g. `refresh_token`.
    fn name(&self) -> &'static str;

    /// Gets a fresh token with one exchange and no retry of its own.
    ///
    /// # Errors
    /// [`AuthError::NeedsReauthorisation`] only when trying again with the same grant is pointless; the
    /// authenticator will remember it.
    async fn obtain(&self, request: &TokenRequest) -> Result<Grant, AuthError>;
}

/// What a strategy may need to know. `Debug` never shows a secret.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// The newest refresh token, if one is kept.
    pub refresh_token: Option<SecretString>,
    /// The token that a call was just refused with, if that is why a new one is wanted.
    pub rejected: Option<AccessToken>,
    /// The present instant.
    pub now: DateTime<Utc>,
}

/// What an exchange brought. `Debug` never shows a secret.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The new access token.
    pub access: AccessToken,
    /// The refresh token that replaces the one presented. `None`: the old one stays good.
    pub refresh_token: Option<SecretString>,
}
