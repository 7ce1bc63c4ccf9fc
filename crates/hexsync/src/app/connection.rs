//! From a connection of the configuration to a client.

use secrecy::SecretString;
use sync_wiring::auth::{
    AuthError, Authenticator, ClientCredential, ClientCredentials, JwtBearer, JwtBearerConfig,
    MemoryTokenStore, RefreshToken, StaticToken, TokenEndpoint,
};
use sync_wiring::core::ConnectionKey;
use sync_wiring::hubspot::{HubspotClient, HubspotConfig};
use sync_wiring::salesforce::{SalesforceClient, SalesforceConfig};

use super::Client;
use super::grant::GrantStore;
use crate::config::{Auth, Connection, Secret, SecretError};
use crate::crm::Crm;
use crate::error::CliError;

/// Makes the client; reads the secrets, connects to nothing.
///
/// # Errors
/// When a secret is not where the configuration says, and for connections whose tokens are in the database.
pub(crate) fn client(connection: &Connection) -> Result<Client, CliError> {
    client_with(connection, authenticator(connection)?)
}

/// Makes the client that gets its tokens from `authenticator`.
pub(super) fn client_with(connection: &Connection, authenticator: Authenticator) -> Result<Client, CliError> {
    match connection.crm {
        Crm::Salesforce => {
            let default = SalesforceConfig::default();
            let config = SalesforceConfig {
                api_reserve: connection.api_reserve_percent.unwrap_or(default.api_reserve),
                settle_lag: connection.settle_lag.unwrap_or(default.settle_lag),
                overlap: connection.overlap.unwrap_or(default.overlap),
                ..default
            };
            let client = SalesforceClient::builder(authenticator).config(config).build();
            client.map(Client::Salesforce).map_err(CliError::new)
        }
        Crm::Hubspot => {
            let default = HubspotConfig::default();
            let base_url =
                connection.base_url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned());
            let config = HubspotConfig {
                base_url: base_url.unwrap_or(default.base_url),
                api_reserve: connection.api_reserve_percent.unwrap_or(default.api_reserve),
                settle_lag: connection.settle_lag.unwrap_or(default.settle_lag),
                overlap: connection.overlap.unwrap_or(default.overlap),
                ..default
            };
            let client = HubspotClient::builder(authenticator).config(config).build();
            client.map(Client::Hubspot).map_err(CliError::new)
        }
    }
}

fn authenticator(connection: &Connection) -> Result<Authenticator, CliError> {
    let id = ConnectionKey::new(connection.tenant.clone(), connection.id.clone());
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
        Auth::Connected(_) => {
            let error =
                CliError::text(format!("the tokens of connection `{}` are in the database", connection.id));
            return Err(error.next("see `hexsync connections`"));
        }
        Auth::AccessToken { instance_url, access_token } => {
            let strategy = StaticToken::new(access_token.read("access token")?, instance_url.clone());
            Authenticator::new(id, strategy, MemoryTokenStore::default())
        }
    })
}

fn client_secret_of(secret: &Secret) -> Result<SecretString, SecretError> {
    secret.read("client secret")
}
