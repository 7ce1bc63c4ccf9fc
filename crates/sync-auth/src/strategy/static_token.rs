//! Tokens that an administrator made by hand.

use async_trait::async_trait;
use secrecy::SecretString;
use sync_core::EndCause;
use url::Url;

use super::{AuthStrategy, Grant, TokenRequest};
use crate::error::{AuthError, DeadGrant};
use crate::token::AccessToken;

/// One token for good, e.g. of a private app. Nothing can renew it, so the first refusal is final.
#[derive(Debug, Clone)]
pub struct StaticToken {
    secret: SecretString,
    instance_url: Option<Url>,
}

impl StaticToken {
    /// A token, and where its API lives if that is particular to the account.
    #[must_use]
    pub fn new(secret: SecretString, instance_url: Option<Url>) -> Self {
        Self { secret, instance_url }
    }
}

#[async_trait]
impl AuthStrategy for StaticToken {
    fn name(&self) -> &'static str {
        "static_token"
    }

    async fn obtain(&self, request: &TokenRequest) -> Result<Grant, AuthError> {
        let access = AccessToken {
            secret: self.secret.clone(),
            instance_url: self.instance_url.clone(),
            issued_at: request.now,
            expires_at: None,
        };
        if request.rejected.as_ref().is_some_and(|rejected| rejected.same_as(&access)) {
            let grant = DeadGrant::new(EndCause::TokenRejected, "token_rejected", request.now);
            return Err(AuthError::NeedsReauthorisation { grant });
        }
        Ok(Grant { access, refresh_token: None })
    }
}
