//! Connections whose tokens are in the database: granted in a browser, sealed, shared by all processes.

use std::sync::Arc;

use sync_wiring::auth::connect::{AccountIdentity, ConnectApp, OAuthProvider};
use sync_wiring::auth::{
    Authenticator, ClientCredential, EndpointOptions, ExposeSecret, KeyRing, RefreshToken, TokenEndpoint,
    Vault, VaultTokenStore, next_step,
};
use sync_wiring::core::{Connection as Row, ConnectionKey, ConnectionStatus, EndCause, Subscription};
use sync_wiring::hubspot::{self, HubspotConfig, HubspotIdentity};
use sync_wiring::salesforce::{self, SalesforceIdentity};
use url::Url;

use super::{App, AppStore};
use crate::config::{Auth, ConnectedApp, Connection};
use crate::crm::Crm;
use crate::error::CliError;

/// What has to be granted so that every entity of HubSpot can be read.
const HUBSPOT_SCOPES: [&str; 5] = [
    "oauth",
    "crm.objects.contacts.read",
    "crm.objects.companies.read",
    "crm.objects.deals.read",
    "crm.objects.owners.read",
];

impl<S: AppStore> App<S> {
    /// What seals the tokens of the database.
    ///
    /// # Errors
    /// When there are no keys, or they can't be read.
    pub(crate) fn vault(&self) -> Result<Vault, CliError> {
        let Some(keys) = &self.config.keys else {
            let error = CliError::usage("the section [keys] is missing in the configuration");
            return Err(error.next("make a key by `hexsync keys new`, and say where it is kept"));
        };
        let text = keys.ring.read("keys")?;
        let ring = KeyRing::parse(text.expose_secret(), keys.active.as_deref());
        let wrong = |error| CliError::new(error).next("correct what [keys] points to");
        ring.map(Vault::new).map_err(wrong)
    }

    /// The tokens of a connection, as all processes share them.
    ///
    /// # Errors
    /// When a secret or a key is not where the configuration says.
    pub(super) fn shared_tokens(
        &self,
        connection: &Connection,
        app: &ConnectedApp,
    ) -> Result<Authenticator, CliError> {
        let (provider, client) = oauth_parts(connection, app)?;
        let options =
            EndpointOptions { instance_hosts: provider.instance_hosts, ..EndpointOptions::default() };
        let endpoint = TokenEndpoint::with_options(provider.token_url, &options).map_err(CliError::new)?;
        let tokens = VaultTokenStore::builder(Arc::clone(self.store()), self.vault()?, connection.crm.key());
        let tokens = tokens.grant_limit(provider.grant_limit).build();
        Ok(Authenticator::new(key_of(connection), RefreshToken::new(endpoint, client), tokens))
    }

    /// Why a subscription is not to be run, with what to do: its connection can't be used. Costs no call. A store
    /// that does not answer is told by the run.
    pub(crate) async fn halted(&self, subscription: &Subscription) -> Option<String> {
        let connection = self.config.connection(&subscription.connection)?;
        if !matches!(connection.auth, Auth::Connected(_)) {
            return None;
        }
        let key = ConnectionKey::new(subscription.tenant.clone(), subscription.connection.clone());
        let tenant = key.tenant.as_ref();
        let row = self.transact(tenant, async |store, tx| store.connection(tx, &key).await).await.ok()?;
        why_halted(connection.id.as_str(), row.as_ref())
    }
}

/// Why a connection can't be used, and what to do; `None` when it can.
fn why_halted(id: &str, row: Option<&Row>) -> Option<String> {
    let again = format!("run `hexsync connections connect {id}`");
    let Some(row) = row else { return Some(format!("the account is not connected; {again}")) };
    match (row.status, &row.end) {
        (ConnectionStatus::Active, _) => None,
        (ConnectionStatus::Dead, Some(end)) => {
            let detail = end.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
            let cause = cause(end.cause);
            Some(format!("the connection is dead: {cause}{detail}; {}", next_step(end.cause)))
        }
        (ConnectionStatus::Revoked, _) => Some(format!("the connection was given up; {again}")),
        _ => Some(format!("the account is not connected yet; {again}")),
    }
}

/// A cause in words.
pub(crate) const fn cause(cause: EndCause) -> &'static str {
    match cause {
        EndCause::Revoked => "its grant was revoked or has run out",
        EndCause::GrantLimit => "newer grants of the same user to the same app took its place",
        EndCause::RotationLost => "a refresh token was lost with the answer that held it",
        EndCause::Policy => "a policy of the account forbids it",
        EndCause::UserInactive => "the user who granted it was deactivated",
        EndCause::Client => "the app's id or secret is refused",
        EndCause::AccountGone => "the account is gone or locked",
        EndCause::Clock => "this machine's clock is wrong",
        EndCause::TokenRejected => "its token was refused",
        _ => "there is nothing to refresh it with",
    }
}

/// The key of a configured connection.
pub(crate) fn key_of(connection: &Connection) -> ConnectionKey {
    ConnectionKey::new(connection.tenant.clone(), connection.id.clone())
}

/// The app as the connect flow needs it.
///
/// # Errors
/// When an address or a secret is not what it should be.
pub(crate) fn oauth_app(connection: &Connection, app: &ConnectedApp) -> Result<ConnectApp, CliError> {
    let (provider, client) = oauth_parts(connection, app)?;
    let identity: Arc<dyn AccountIdentity> = match connection.crm {
        Crm::Salesforce => Arc::new(SalesforceIdentity),
        Crm::Hubspot => {
            Arc::new(HubspotIdentity::new(&hubspot_api(connection)?, client.clone()).map_err(CliError::new)?)
        }
    };
    Ok(ConnectApp { provider, client, redirect_uri: app.redirect_url.clone(), identity })
}

/// Provider and client of a connection's app.
pub(crate) fn oauth_parts(
    connection: &Connection,
    app: &ConnectedApp,
) -> Result<(OAuthProvider, ClientCredential), CliError> {
    let mut provider = match connection.crm {
        Crm::Salesforce => salesforce::oauth_provider(&app.login_url),
        Crm::Hubspot => {
            hubspot::oauth_provider(&app.login_url, &hubspot_api(connection)?, &HUBSPOT_SCOPES, &[])
        }
    }
    .map_err(CliError::new)?;
    if !app.scopes.is_empty() {
        provider.scopes.clone_from(&app.scopes);
    }
    let secret = app.client_secret.as_ref().map(|secret| secret.read("client secret")).transpose()?;
    Ok((provider, ClientCredential::new(&app.client_id, secret)))
}

fn hubspot_api(connection: &Connection) -> Result<Url, CliError> {
    match &connection.base_url {
        Some(url) => Ok(url.clone()),
        None => Url::parse(&HubspotConfig::default().base_url).map_err(CliError::new),
    }
}
