//! OAuth 2.0 client credentials (RFC 6749, section 4.4).

use async_trait::async_trait;

use super::{AuthStrategy, Grant, TokenRequest};
use crate::endpoint::{ClientCredential, TokenEndpoint};
use crate::error::AuthError;

/// The application signs in as itself; there is no refresh token.
#[derive(Debug, Clone)]
pub struct ClientCredentials {
    endpoint: TokenEndpoint,
    client: ClientCredential,
}

impl ClientCredentials {
    /// A strategy for one OAuth client. Some providers take this grant only at the account's own host.
    #[must_use]
    pub fn new(endpoint: TokenEndpoint, client: ClientCredential) -> Self {
        Self { endpoint, client }
    }
}

#[async_trait]
impl AuthStrategy for ClientCredentials {
    fn name(&self) -> &'static str {
        "client_credentials"
    }

    async fn obtain(&self, request: &TokenRequest) -> Result<Grant, AuthError> {
        self.endpoint.exchange(&[("grant_type", "client_credentials")], Some(&self.client), request.now).await
    }
}
