//! Connecting to an org, in this process or from another.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use crm_sandbox::salesforce::Running;
use provider_http::RetryPolicy;
use provider_salesforce::{SalesforceClient, SalesforceConfig};
use serde::{Deserialize, Serialize};
use sync_auth::{
    Authenticator, ClientCredential, MemoryTokenStore, RefreshToken, StoredToken, TokenEndpoint, TokenStore,
};
use sync_core::{Clock, ConnectionKey, Subscription, SubscriptionId, TenantId};
use uuid::Uuid;

use crate::clock::LeastJitter;

/// The connection's name in every world: tenants have to be told apart by more than that.
pub const CONNECTION: &str = "acme";

/// What it takes to reach an org.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Login {
    /// Its address.
    pub url: String,
    /// The connected app.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// A grant.
    pub refresh_token: String,
}

impl Login {
    /// The login of a running org.
    #[must_use]
    pub fn of(org: &Running) -> Self {
        let credentials = org.credentials();
        Self {
            url: org.base_url().to_owned(),
            client_id: credentials.client_id.clone(),
            client_secret: credentials.client_secret.clone(),
            refresh_token: credentials.refresh_token.clone(),
        }
    }
}

/// A token store that begins with the grant.
struct Granted {
    grant: String,
    kept: MemoryTokenStore,
}

#[async_trait::async_trait]
impl TokenStore for Granted {
    async fn load(&self, key: &ConnectionKey) -> Result<Option<StoredToken>, sync_auth::TokenStoreError> {
        let kept = self.kept.load(key).await?;
        Ok(kept.or_else(|| Some(StoredToken::from_refresh_token(self.grant.clone().into()))))
    }

    async fn save(&self, key: &ConnectionKey, token: &StoredToken) -> Result<(), sync_auth::TokenStoreError> {
        self.kept.save(key, token).await
    }
}

/// A client whose retries wait as little as possible.
///
/// # Panics
/// When the address is none.
#[must_use]
pub fn connect(login: &Login, clock: Arc<dyn Clock>) -> SalesforceClient {
    connect_within(login, clock, None)
}

/// As [`connect`]; each answer is waited for so long and no longer.
///
/// # Panics
/// When the address is none.
#[must_use]
pub fn connect_within(login: &Login, clock: Arc<dyn Clock>, patience: Option<Duration>) -> SalesforceClient {
    let tokens = Granted { grant: login.refresh_token.clone(), kept: MemoryTokenStore::default() };
    client(login, clock, tokens, patience)
}

/// As [`connect`], on tokens that others may work with as well.
///
/// # Panics
/// When the address is none.
#[must_use]
pub fn connect_sharing(
    login: &Login,
    clock: Arc<dyn Clock>,
    tokens: impl TokenStore + 'static,
) -> SalesforceClient {
    client(login, clock, tokens, None)
}

fn client(
    login: &Login,
    clock: Arc<dyn Clock>,
    tokens: impl TokenStore + 'static,
    patience: Option<Duration>,
) -> SalesforceClient {
    let endpoint = format!("{}/services/oauth2/token", login.url).parse().expect("an address");
    let endpoint = TokenEndpoint::new(endpoint).expect("loopback needs no tls");
    let credential = ClientCredential::new(&login.client_id, Some(login.client_secret.clone().into()));
    let auth = Authenticator::builder(CONNECTION.into(), RefreshToken::new(endpoint, credential), tokens);
    let auth = auth.clock(Arc::clone(&clock)).build();
    let config = SalesforceConfig { restart_pause: Duration::from_millis(1), ..SalesforceConfig::default() };
    let retry =
        RetryPolicy { max_tries: 4, first_backoff: Duration::from_millis(2), ..RetryPolicy::default() };
    SalesforceClient::builder(auth)
        .config(config)
        .http(|http| {
            let http = http.retry(retry).clock(clock).jitter(Arc::new(LeastJitter));
            match patience {
                Some(patience) => http.timeout(patience),
                None => http,
            }
        })
        .build()
        .expect("the settings are fine")
}

/// A subscription that polls an entity.
#[must_use]
pub fn subscription(entity: &str, tenant: Option<TenantId>, created_at: DateTime<Utc>) -> Subscription {
    Subscription {
        id: SubscriptionId(Uuid::now_v7()),
        tenant,
        connection: CONNECTION.into(),
        adapter: sync_wiring::salesforce::POLL_ADAPTER.to_owned(),
        domain: entity.to_owned(),
        external_ref: None,
        paused: false,
        cursor: None,
        created_at,
    }
}
