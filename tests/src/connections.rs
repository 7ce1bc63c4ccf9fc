//! Connected accounts: as the connect flow leaves them in a store, and their tokens as the processes of one
//! installation share them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use provider_salesforce::oauth_provider;
use sync_auth::{KeyRing, Purpose, Vault, VaultTokenStore};
use sync_core::{Clock, ConnectionKey, ConnectionProfile, NewGrant};

use crate::client::Login;
use crate::store::Backend;

/// Every process has it.
const KEY: &str = "tests:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn vault() -> Vault {
    Vault::new(KeyRing::parse(KEY, None).expect("it is a key"))
}

/// The tokens of the store's connections to Salesforce, as a process that works on this handle has them.
///
/// # Panics
/// When the login's address is none.
pub fn tokens<S: Backend>(store: &Arc<S>, login: &Login, clock: Arc<dyn Clock>) -> VaultTokenStore<S> {
    let provider = oauth_provider(&login.url.parse().expect("an address")).expect("an address");
    let tokens = VaultTokenStore::builder(Arc::clone(store), vault(), provider.provider);
    tokens.grant_limit(provider.grant_limit).clock(clock).build()
}

/// A person connects an account, or connects it anew: always the same user, by the app of this login.
///
/// # Panics
/// When the store is away.
pub async fn grant<S: Backend>(
    store: &Arc<S>,
    key: &ConnectionKey,
    (login, refresh_token): (&Login, &str),
    at: DateTime<Utc>,
) {
    let secret = serde_json::json!({ "refresh_token": refresh_token }).to_string().into_bytes();
    let known = |text: &str| Some(text.to_owned());
    let grant = NewGrant {
        key: key.clone(),
        provider: "salesforce".into(),
        profile: ConnectionProfile {
            account_id: known("00DDn000000ZyXwMAK"),
            grantor_id: known("005Dn000001AbCdIAK"),
            client_id: known(&login.client_id),
            ..ConnectionProfile::default()
        },
        sealed: vault().seal(key, Purpose::Tokens, secret.into()).expect("there is a key"),
        expires_at: None,
        granted_at: Some(at),
        at,
    };
    let mut tx = store.begin_for(key.tenant.as_ref()).await.expect("the store is there");
    store.connect(&mut tx, &grant).await.expect("it can be kept");
    store.commit(tx).await.expect("the store is there");
}
