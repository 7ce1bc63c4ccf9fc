//! A provider of authorisations, as a value.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use sync_core::Provider;
use url::Url;

use crate::endpoint::{ClientCredential, TokenEndpoint};
use crate::error::AuthError;
use crate::hosts::HostRule;

/// What the flow has to know of a provider. Everything a provider does differently is data here.
#[derive(Debug, Clone)]
pub struct OAuthProvider {
    /// What connections and addresses call it, e.g. `acme-crm`.
    pub provider: Provider,
    /// What people call it.
    pub label: String,
    /// Where the browser is sent.
    pub authorise_url: Url,
    /// Where codes and refresh tokens are exchanged.
    pub token_url: Url,
    /// Where a grant is given back (RFC 7009), if anywhere.
    pub revoke_url: Option<Url>,
    /// What has to be granted.
    pub scopes: Vec<String>,
    /// What is granted where the account has it.
    pub optional_scopes: Option<OptionalScopes>,
    /// Further parameters of the address the browser is sent to.
    pub extra: Vec<(String, String)>,
    /// Where an answer's `instance_url` may lead; `None` where answers have none.
    pub instance_hosts: Option<HostRule>,
    /// How many grants of one user to one app the provider keeps; the oldest go first. `None`: no limit is known.
    pub grant_limit: Option<u64>,
}

/// Scopes that are asked for beside the required ones.
#[derive(Debug, Clone)]
pub struct OptionalScopes {
    /// The parameter's name.
    pub parameter: String,
    /// The scopes.
    pub scopes: Vec<String>,
}

impl OAuthProvider {
    /// The address the browser is sent to.
    pub(super) fn authorise(&self, client_id: &str, redirect_uri: &Url, state: &str, challenge: &str) -> Url {
        let mut url = self.authorise_url.clone();
        {
            let mut query = url.query_pairs_mut();
            query
                .append_pair("response_type", "code")
                .append_pair("client_id", client_id)
                .append_pair("redirect_uri", redirect_uri.as_str())
                .append_pair("state", state)
                .append_pair("code_challenge", challenge)
                .append_pair("code_challenge_method", "S256");
            if !self.scopes.is_empty() {
                query.append_pair("scope", &self.scopes.join(" "));
            }
            if let Some(optional) =
                self.optional_scopes.as_ref().filter(|optional| !optional.scopes.is_empty())
            {
                query.append_pair(&optional.parameter, &optional.scopes.join(" "));
            }
            for (name, value) in &self.extra {
                query.append_pair(name, value);
            }
        }
        url
    }
}

/// Gives a grant back to its provider (RFC 7009): it is good for nothing afterwards. Does nothing where the provider
/// has no address for that.
///
/// # Errors
/// [`AuthError`] when the provider can't be told, or does not know the token.
pub async fn give_back(
    provider: &OAuthProvider,
    client: &ClientCredential,
    refresh_token: &SecretString,
    now: DateTime<Utc>,
) -> Result<(), AuthError> {
    let Some(url) = &provider.revoke_url else { return Ok(()) };
    let form = [("token", refresh_token.expose_secret()), ("token_type_hint", "refresh_token")];
    TokenEndpoint::new(url.clone())?.tell(&form, Some(client), now).await
}
