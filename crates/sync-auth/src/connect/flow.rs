//! From a click to a connection.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use sync_core::{
    AuthorisationStore, Clock, ConnectionKey, ConnectionProfile, ConnectionStatus, ConnectionStore, NewGrant,
    PendingAuthorisation, Provider, SystemClock, TakenAuthorisation, TenantId, UnitOfWork, UserId,
};
use url::Url;

use super::callback::{CallbackOutcome, parse_callback};
use super::error::ConnectError;
use super::identity::{Account, AccountIdentity, Answer};
use super::provider::OAuthProvider;
use super::return_path::check_return_path;
use super::state::{challenge, fits, hashed, random};
use crate::classify::printable;
use crate::endpoint::{ClientCredential, EndpointOptions, TokenEndpoint};
use crate::error::AuthError;
use crate::store::StoredToken;
use crate::strategy::Grant;
use crate::vault::{Purpose, Vault, VaultError, seal};

/// How long somebody may take at the provider's pages.
const LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// What ended is kept this long, so that a second visit is told what happened.
const KEPT: TimeDelta = TimeDelta::hours(24);
const LONGEST_LABEL: usize = 200;

/// An app of ours at a provider.
pub struct ConnectApp {
    /// The provider.
    pub provider: OAuthProvider,
    /// The app.
    pub client: ClientCredential,
    /// Where the provider sends the browser back to; registered at the provider to the letter.
    pub redirect_uri: Url,
    /// How the account is found out.
    pub identity: Arc<dyn AccountIdentity>,
}

/// Who is at the browser.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The tenant the user works for; `None` where tenants are not told apart.
    pub tenant: Option<TenantId>,
    /// The application's user.
    pub user: UserId,
    /// What ties the flow to this browser: a value that only it has, e.g. of a cookie.
    pub browser: SecretString,
}

/// What somebody wants to connect.
#[derive(Debug, Clone)]
pub struct StartRequest {
    /// Under which id of the visitor's tenant.
    pub connection: sync_core::ConnectionId,
    /// Of which provider.
    pub provider: Provider,
    /// The application's page to go to afterwards.
    pub return_to: String,
}

/// A flow that was begun.
#[derive(Debug)]
pub struct Started {
    /// Where the browser goes now. Holds the state: not for logs.
    pub url: Url,
    /// Until when it has to be back.
    pub expires_at: DateTime<Utc>,
}

/// An account that was connected.
#[derive(Debug, Clone)]
pub struct Connected {
    /// As which connection.
    pub key: ConnectionKey,
    /// To which account.
    pub account: Account,
    /// The application's page to go to.
    pub return_to: String,
    /// How many grants of this user to this app are known beside the new one, if they are so many that the provider
    /// drops the oldest: those connections will die.
    pub crowding: Option<u64>,
}

/// Connects accounts.
///
/// A flow is bound to the user and tenant who began it and to the browser, and can be finished once, for ten
/// minutes. Of its random values only digests are stored, and the proof key's verifier is sealed.
pub struct ConnectFlow<S> {
    store: Arc<S>,
    vault: Vault,
    apps: Vec<(ConnectApp, TokenEndpoint)>,
    allowed_returns: Vec<String>,
    clock: Arc<dyn Clock>,
}

impl<S> ConnectFlow<S> {
    /// A flow for these apps. `allowed_returns` are the application's paths that a browser may be sent to afterwards,
    /// with everything below them.
    ///
    /// # Errors
    /// [`AuthError::Configuration`] when an address can't be used.
    pub fn new(
        store: Arc<S>,
        vault: Vault,
        apps: Vec<ConnectApp>,
        allowed_returns: Vec<String>,
    ) -> Result<Self, AuthError> {
        let with_endpoint = |app: ConnectApp| {
            let instance_hosts = app.provider.instance_hosts.clone();
            let options = EndpointOptions { instance_hosts, ..EndpointOptions::default() };
            let endpoint = TokenEndpoint::with_options(app.provider.token_url.clone(), &options)?;
            Ok((app, endpoint))
        };
        let apps = apps.into_iter().map(with_endpoint).collect::<Result<_, AuthError>>()?;
        Ok(Self { store, vault, apps, allowed_returns, clock: Arc::new(SystemClock) })
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// The provider of this name, if there is an app for it.
    #[must_use]
    pub fn provider(&self, provider: &str) -> Option<&OAuthProvider> {
        self.apps.iter().map(|(app, _)| &app.provider).find(|known| known.provider.as_str() == provider)
    }

    /// A value for a browser that has none yet.
    ///
    /// # Errors
    /// [`ConnectError::Vault`] when the machine has no randomness to give.
    pub fn new_browser(&self) -> Result<SecretString, ConnectError> {
        Ok(random()?)
    }

    fn app(&self, provider: &Provider) -> Result<&(ConnectApp, TokenEndpoint), ConnectError> {
        let known = self.apps.iter().find(|(app, _)| app.provider.provider == *provider);
        known.ok_or_else(|| ConnectError::UnknownProvider(printable(provider.as_str(), 64)))
    }
}

impl<S> ConnectFlow<S>
where
    S: UnitOfWork + ConnectionStore<S::Tx> + AuthorisationStore<S::Tx>,
{
    /// Begins a flow.
    ///
    /// # Errors
    /// [`ConnectError`].
    #[tracing::instrument(name = "connect.start", skip_all, fields(provider = %request.provider, connection = %request.connection), err)]
    pub async fn start(&self, visitor: &Visitor, request: &StartRequest) -> Result<Started, ConnectError> {
        let (app, _) = self.app(&request.provider)?;
        if !check_return_path(&request.return_to, &self.allowed_returns) {
            return Err(ConnectError::ReturnPath);
        }
        let now = self.clock.now();
        let key = ConnectionKey::new(visitor.tenant.clone(), request.connection.clone());
        let (state, verifier) = (random()?, random()?);
        let secret = Zeroizing::new(verifier.expose_secret().as_bytes().to_vec());
        let pending = PendingAuthorisation {
            state_hash: hashed(state.expose_secret()),
            key: key.clone(),
            provider: request.provider.clone(),
            user: visitor.user.clone(),
            binding_hash: hashed(visitor.browser.expose_secret()),
            sealed: self.vault.seal(&key, Purpose::Verifier, secret)?,
            return_to: request.return_to.clone(),
            created_at: now,
            expires_at: now + LIFETIME,
        };
        let tenant = visitor.tenant.as_ref();
        let mut tx = self.store.begin_for(tenant).await?;
        self.store.clear_authorisations(&mut tx, tenant, now - KEPT).await?;
        self.store.announce_connection(&mut tx, &key, &request.provider, now).await?;
        self.store.begin_authorisation(&mut tx, &pending).await?;
        self.store.commit(tx).await?;
        let challenge = challenge(verifier.expose_secret());
        let client_id = &app.client.client_id;
        let url = app.provider.authorise(client_id, &app.redirect_uri, state.expose_secret(), &challenge);
        Ok(Started { url, expires_at: pending.expires_at })
    }

    /// Finishes a flow with the query that the browser brought back to `provider`'s callback.
    ///
    /// # Errors
    /// [`ConnectError`]. Whatever happens, the flow is used up.
    #[tracing::instrument(name = "connect.finish", skip_all, fields(provider = %provider), err)]
    pub async fn finish(
        &self,
        visitor: &Visitor,
        provider: &Provider,
        query: &str,
    ) -> Result<Connected, ConnectError> {
        let callback = parse_callback(query)?;
        let pending = self.take(visitor, provider, callback.state.expose_secret()).await?;
        let code = match callback.outcome {
            CallbackOutcome::Code(code) => code,
            CallbackOutcome::Refused { code, detail } => return Err(ConnectError::Refused { code, detail }),
        };
        let (app, endpoint) = self.app(provider)?;
        let verifier = self.vault.open(&pending.key, Purpose::Verifier, &pending.sealed.bytes)?;
        let verifier = std::str::from_utf8(&verifier).map_err(|_| VaultError::Content)?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.expose_secret()),
            ("redirect_uri", app.redirect_uri.as_str()),
            ("code_verifier", verifier),
        ];
        let now = self.clock.now();
        let (grant, fields) = endpoint.exchange_in_full(&form, Some(&app.client), now).await?;
        let answer = Answer { access: &grant.access, fields: &fields, now };
        let account = app.identity.identify(&answer).await?;
        let scopes = granted_scopes(&answer).unwrap_or_else(|| app.provider.scopes.clone());
        self.keep(app, pending, grant, account, scopes, now).await
    }

    /// The flow of this state, if it is this visitor's.
    async fn take(
        &self,
        visitor: &Visitor,
        provider: &Provider,
        state: &str,
    ) -> Result<PendingAuthorisation, ConnectError> {
        let (now, tenant) = (self.clock.now(), visitor.tenant.as_ref());
        let mut tx = self.store.begin_for(tenant).await?;
        let taken = self.store.take_authorisation(&mut tx, tenant, &hashed(state), now).await?;
        self.store.commit(tx).await?;
        let pending = match taken {
            TakenAuthorisation::Fresh(pending) => *pending,
            TakenAuthorisation::Used => return Err(ConnectError::UsedState),
            TakenAuthorisation::Unknown => return Err(ConnectError::UnknownState),
        };
        if pending.user != visitor.user {
            return Err(ConnectError::WrongUser);
        }
        if !fits(visitor.browser.expose_secret(), &pending.binding_hash) {
            return Err(ConnectError::WrongBrowser);
        }
        if pending.provider != *provider {
            return Err(ConnectError::WrongProvider);
        }
        if now >= pending.expires_at || now < pending.created_at - LIFETIME {
            return Err(ConnectError::ExpiredState);
        }
        Ok(pending)
    }

    async fn keep(
        &self,
        app: &ConnectApp,
        pending: PendingAuthorisation,
        grant: Grant,
        account: Account,
        scopes: Vec<String>,
        now: DateTime<Utc>,
    ) -> Result<Connected, ConnectError> {
        let key = pending.key;
        if grant.refresh_token.is_none() {
            return Err(ConnectError::NoRefreshToken);
        }
        let clean = |text: &Option<String>| text.as_deref().map(|text| printable(text, LONGEST_LABEL));
        let profile = ConnectionProfile {
            account_id: Some(printable(&account.id, LONGEST_LABEL)),
            account_label: clean(&account.label),
            grantor_id: clean(&account.user_id),
            grantor_label: clean(&account.user_label),
            instance_url: grant.access.instance_url.as_ref().map(|url| url.as_str().to_owned()),
            client_id: Some(app.client.client_id.clone()),
            scopes,
        };
        let expires_at = grant.access.expires_at;
        let token = StoredToken {
            refresh_token: grant.refresh_token,
            access: Some(grant.access),
            ..StoredToken::default()
        };
        let sealed = seal(&self.vault, &key, &token).map_err(|_| ConnectError::Sealing)?;
        let provider = app.provider.provider.clone();
        let granted_at = Some(now);
        let new = NewGrant { key: key.clone(), provider, profile, sealed, expires_at, granted_at, at: now };
        let mut tx = self.store.begin_for(key.tenant.as_ref()).await?;
        if let Some(known) = self.store.connection(&mut tx, &key).await?
            && known.status != ConnectionStatus::Pending
            && let Some(account_id) = known.profile.account_id
            && (account_id != account.id || known.provider != new.provider)
        {
            return Err(ConnectError::OtherAccount { known: account_id, found: account.id });
        }
        self.store.connect(&mut tx, &new).await?;
        self.store.commit(tx).await?;
        tracing::info!(connection = %key, provider = %new.provider, account = %account.id, "connected an account");
        let crowding = self.crowding(app, &new).await?;
        Ok(Connected { key, account, return_to: pending.return_to, crowding })
    }

    /// Whether the new grant makes the provider drop an older one of the same user and app.
    async fn crowding(&self, app: &ConnectApp, new: &NewGrant) -> Result<Option<u64>, ConnectError> {
        let (Some(limit), Some(grantor)) = (app.provider.grant_limit, new.profile.grantor()) else {
            return Ok(None);
        };
        let mut tx = self.store.begin_across_tenants().await?;
        let known = self.store.grants_of(&mut tx, &new.provider, &grantor).await?;
        let others = known.saturating_sub(1);
        if others < limit {
            return Ok(None);
        }
        tracing::warn!(
            connection = %new.key, grants = known, limit,
            "the same user has granted the same app so often that the provider drops the oldest grant"
        );
        Ok(Some(others))
    }
}

impl<S> fmt::Debug for ConnectFlow<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let providers: Vec<_> = self.apps.iter().map(|(app, _)| app.provider.provider.as_str()).collect();
        f.debug_struct("ConnectFlow").field("providers", &providers).finish_non_exhaustive()
    }
}

/// What was granted, by `scope` (RFC 6749, section 5.1) or a list `scopes`.
fn granted_scopes(answer: &Answer<'_>) -> Option<Vec<String>> {
    if let Some(list) = answer.fields.get("scopes").and_then(|value| value.as_array()) {
        return Some(list.iter().filter_map(|scope| scope.as_str().map(str::to_owned)).collect());
    }
    Some(answer.text("scope")?.split_ascii_whitespace().map(str::to_owned).collect())
}
