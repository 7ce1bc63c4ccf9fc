//! OAuth 2.0 refresh tokens (RFC 6749, section 6), rotating or not.

use async_trait::async_trait;
use secrecy::ExposeSecret;
use sync_core::EndCause;

use super::{AuthStrategy, Grant, TokenRequest};
use crate::endpoint::{ClientCredential, TokenEndpoint};
use crate::error::{AuthError, DeadGrant};

/// Trades the stored refresh token for an access token.
#[derive(Debug, Clone)]
pub struct RefreshToken {
    endpoint: TokenEndpoint,
    client: ClientCredential,
}

impl RefreshToken {
    /// A strategy for one OAuth client. The refresh token itself lives in the
    /// [`TokenStore`](crate::TokenStore), because it may change with every exchange.
    #[must_use]
    pub fn new(endpoint: TokenEndpoint, client: ClientCredential) -> Self {
        Self { endpoint, client }
    }
}

#[async_trait]
impl AuthStrategy for RefreshToken {
    fn name(&self) -> &'static str {
        "refresh_token"
    }

    async fn obtain(&self, request: &TokenRequest) -> Result<Grant, AuthError> {
        let Some(refresh_token) = &request.refresh_token else {
            let grant = DeadGrant::new(EndCause::NoGrant, "no_refresh_token", request.now);
            return Err(AuthError::NeedsReauthorisation { grant });
        };
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose_secret())];
        self.endpoint.exchange(&form, Some(&self.client), request.now).await
    }
}
