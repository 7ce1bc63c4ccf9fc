//! From a connection of the configuration to a client.

use secrecy::SecretString;
use sync_wiring::auth::{
    AuthError, Authenticator, ClientCredential, ClientCredentials, JwtBearer, JwtBearerConfig,
    MemoryTokenStore, RefreshToken, StaticToken, TokenEndpoint,
};
use sync_wiring::salesforce::{SalesforceClient, SalesforceConfig};

use super::grant::GrantStore;
use crate::config::{Auth, Connection, Secret, SecretError};
use crate::error::CliError;

/// Makes the client; reads the secrets, connects to nothing.
pub(crate) fn client(connection: &Connection) -> Result<SalesforceClient, CliError> {
    let authenticator = authenticator(connection)?;
    let default = SalesforceConfig::default();
    let config = SalesforceConfig {
        api_reserve: connection.api_reserve_percent.unwrap_or(default.api_reserve),
        settle_lag: connection.settle_lag.unwrap_or(default.settle_lag),
        overlap: connection.overlap.unwrap_or(default.overlap),
        ..default
    };
    SalesforceClient::builder(authenticator).config(config).build().map_err(CliError::new)
}

fn authenticator(connection: &Connection) -> Result<Authenticator, CliError> {
    let id = connection.id.clone();
    let wrong = |error: AuthError| {
        CliError::new(error).next(format!("correct connection `{}` in the configuration", connection.id))
    };
    Ok(match &connection.auth {
        Auth::RefreshToken { token_url, client_id, client_secret, refresh_token } => {
            let endpoint = TokenEndpoint::new(token_url.clone()).map_err(wrong)?;
            let secret = client_secret.as_ref().map(client_secret_of).transpose()?;
            let strategy = RefreshToken::new(endpoint, ClientCredential::new(client_id, secret));
            // Read once now, so that a missing secret is told before anything starts.
            refresh_token.read("refresh token")?;
            Authenticator::new(id, strategy, GrantStore::new(refresh_token.clone()))
        }
        Auth::ClientCredentials { token_url, client_id, client_secret } => {
            let endpoint = TokenEndpoint::new(token_url.clone()).map_err(wrong)?;
            let secret = client_secret_of(client_secret)?;
            let strategy = ClientCredentials::new(endpoint, ClientCredential::new(client_id, Some(secret)));
            Authenticator::new(id, strategy, MemoryTokenStore::default())
        }
        Auth::JwtBearer { token_url, client_id, username, audience, private_key } => {
            let endpoint = TokenEndpoint::new(token_url.clone()).map_err(wrong)?;
            let config = JwtBearerConfig {
                client_id: client_id.clone(),
                subject: username.clone(),
                audience: audience.clone(),
                private_key_pem: private_key.read("private key")?,
                lifetime: None,
            };
            let strategy = JwtBearer::new(endpoint, config).map_err(wrong)?;
            Authenticator::new(id, strategy, MemoryTokenStore::default())
        }
        Auth::AccessToken { instance_url, access_token } => {
            let strategy = StaticToken::new(access_token.read("access token")?, Some(instance_url.clone()));
            Authenticator::new(id, strategy, MemoryTokenStore::default())
        }
    })
}

fn client_secret_of(secret: &Secret) -> Result<SecretString, SecretError> {
    secret.read("client secret")
}
