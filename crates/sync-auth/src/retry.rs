//! One more try after a refused token.

use std::future::Future;

use crate::authenticator::Authenticator;
use crate::error::AuthError;
use crate::token::AccessToken;

/// Lets [`with_auth_retry`] see that a call failed because its token was refused.
pub trait Unauthorised {
    /// True only for a refused *token*. A missing permission is not one: a new token would not help.
    fn is_unauthorised(&self) -> bool;
}

/// Makes a call with the current token, and once more with a new one if the first was refused.
///
/// The token is refreshed only if nobody else has done so meanwhile. A second refusal is returned as it is:
/// a refusal that a fresh token can't cure would otherwise refresh for ever.
///
/// # Errors
/// The call's own error, or the authenticator's turned into it.
pub async fn with_auth_retry<T, E, F, Fut>(authenticator: &Authenticator, mut call: F) -> Result<T, E>
where
    F: FnMut(AccessToken) -> Fut,
    Fut: Future<Output = Result<T, E>>,
    E: From<AuthError> + Unauthorised,
{
    let token = authenticator.current().await?;
    match call(token.clone()).await {
        Err(error) if error.is_unauthorised() => {
            let renewed = authenticator.refresh_if(&token).await?;
            call(renewed).await
        }
        outcome => outcome,
    }
}
